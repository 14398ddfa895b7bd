"""The README's table of families: the largest difference at each rung of the ladder, measured now.

python -m tests.parity_table            tiny random models of every family and style
python -m tests.parity_table --default  the project's default encoder, too
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from tandem.model.multitask import MultiTaskModel
from tandem.model.pretrained import locate
from tandem.params import load_params
from tandem.parity.batches import of_lengths
from tandem.parity.check import begun
from tandem.parity.comparison import Comparison, compare
from tandem.parity.reference import Reference, TorchReference, TransformersReference
from tests.model.family_references import CONFIGS, load_family, write_family
from tests.model.references import MAX_POSITIONS, scratch_model

STYLES = {
    "classic Transformer": {"norm": "post", "positions": "sinusoidal", "activation": "relu", "n_segments": 0},
    "pre-norm": {"norm": "pre", "positions": "learnt", "activation": "gelu"},
}
COLUMNS = ("embeddings", "layers", "pooled", "logits", "loss", "gradients", "step")
POOLED = ("tokens", "cls", "mean", "max", "pooler")


def climb(model: MultiTaskModel, reference: Reference, longest: int) -> Comparison:
    """Compare on random pieces in batches of many lengths, up to the longest."""
    vocabulary, pad_id = model.encoder.config.vocabulary_size, model.encoder.config.pad_id
    generator = torch.Generator().manual_seed(0)
    pieces = [torch.randint(5, vocabulary, (4 * longest,), generator=generator).tolist()]
    lengths = [longest, *range(1, 10), longest // 2]
    batches = [of_lengths(own, pieces, pad_id) for own in (lengths, [1], [longest])]
    return compare(model, reference, batches, learnt_from=batches[0])


def row(name: str, found: Comparison) -> str:
    """One line of the table, the differences as they decide: relative to values above 1."""
    groups = {
        "layers": [value for rung, value in found.differences.items() if rung.startswith("layer_")],
        "pooled": [value for rung, value in found.differences.items() if rung in POOLED],
        "logits": [value for rung, value in found.differences.items() if rung.startswith("logits.")],
    }
    values = [max(groups.get(column, [found.differences.get(column, 0.0)])) for column in COLUMNS]
    return f"| {name} | {' | '.join(f'{value:.1e}' for value in values)} | {found.bfloat16:.1%} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--default", action="store_true", help="also the encoder that params.yaml names")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"| family | {' | '.join(COLUMNS)} | bfloat16 |")
    print(f"|---|{'---:|' * (len(COLUMNS) + 1)}")
    for name in CONFIGS:
        with TemporaryDirectory() as folder:
            model = load_family(write_family(name, Path(folder)))
            print(row(name, climb(model, TransformersReference(Path(folder), model), MAX_POSITIONS)), flush=True)
    for name, style in STYLES.items():
        model = scratch_model(**style)
        print(row(name, climb(model, TorchReference(model), MAX_POSITIONS)), flush=True)
    if arguments.default:
        folder = locate(load_params(Path("params.yaml")).model.pretrained)
        model = begun(folder, None).model
        found = climb(model, TransformersReference(folder, model), 128)
        print(row("bert: the default encoder", found))


if __name__ == "__main__":
    main()
