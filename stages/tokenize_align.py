"""Turn one corpus into packed word pieces with aligned labels."""

from pathlib import Path

from stages import run
from tandem.artifacts import write_json
from tandem.model.pretrained import checkpoint_of
from tandem.params import load_params
from tandem.tokens.packing.packing import tokenize_corpus
from tandem.tokens.pieces.tokenizer import load_tokenizer


def main(corpus: str) -> str:
    """Write `data/tokens/<corpus>/` and `data/metrics/tokenize_align/<corpus>.json`."""
    params = load_params(Path("params.yaml"))
    tokenizer = load_tokenizer(checkpoint_of(params.model.pretrained) or Path("data/vocabulary"))
    splits, tokens = Path(f"data/split/{corpus}"), Path(f"data/tokens/{corpus}")
    report = tokenize_corpus(splits, tokens, tokenizer, params.tokenize_align)
    write_json(Path(f"data/metrics/tokenize_align/{corpus}.json"), report.as_dict())
    return f"{corpus}: {report.summary()}"


if __name__ == "__main__":
    run(main)
