"""Run by torchrun: each process adds up its part of a step's gradients; the first writes them and the losses.

Arguments: the folders of the token stores (a comma between two), the encoder's folder, where to write, tokens a pass,
texts a task.
"""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file

from tandem.hardware.memory import PassLimit
from tandem.model.building import build_model
from tandem.params import Model, load_params
from tandem.training.freezing import parameter_groups
from tandem.training.losses import Weighting, make_criteria
from tandem.training.optimization import Optimization
from tandem.training.passing.passes import Draw, EncoderPass
from tandem.training.passing.processes import joined_crew
from tandem.training.stepping import Stepper
from tests.small_corpora import EXECUTION, open_all

ROOT = Path(__file__).parents[2]


def gradients(folders: dict[str, Path], encoder: Path, tokens: int, n_texts: int = 32) -> dict[str, torch.Tensor]:
    """The gradients of one step of `n_texts` texts a task in float64, and its losses, by name."""
    examples = open_all(folders, "train")
    settings = replace(load_params(ROOT / "params.yaml").train, loss_weights={"mood": 0.3, "names": 0.7})
    model = build_model(
        encoder,
        examples.labels,
        examples.kinds,
        Model(pretrained="tiny", pooling="mean", dropout=0.1, encoder_dropout=0.1),
        seed=3,
    ).double()
    groups = parameter_groups(model, settings)
    with joined_crew(EXECUTION, 1) as (crew, execution):
        stepper = Stepper(
            run=EncoderPass(model, examples, execution, reading=False),
            optimization=Optimization(groups, settings, n_steps=1, device="cpu", is_scaled=False),
            criteria=make_criteria(settings, examples.labels, examples.kinds, {}),
            weighting=Weighting(tuple(examples.members), settings.loss_weights),
            crew=crew,
            limit=PassLimit(execution.pass_size._replace(tokens=tokens)),
        )
        model.train()
        stepper.share()
        texts = {task: members[:n_texts] for task, members in examples.members.items()}
        taken = stepper.add_gradients(texts, Draw(1, 0), stepper.limit.size)
        found = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        found |= {f"loss.{task}": torch.tensor(loss, dtype=torch.float64) for task, loss in taken.losses.items()}
        found["pieces"] = torch.tensor(taken.n_pieces)
        return found if crew.is_first else {}


if __name__ == "__main__":
    stores, encoder, target, tokens, n_texts = sys.argv[1:]
    folders = {str(number): Path(folder) for number, folder in enumerate(stores.split(","))}
    torch.set_num_threads(1)
    found = gradients(folders, Path(encoder), int(tokens), int(n_texts))
    if found:
        save_file({name: value.contiguous() for name, value in found.items()}, target)
