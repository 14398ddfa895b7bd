"""Which weights learn, and each one's peak learning rate and weight decay.

A model is a ladder of rungs: the embeddings, every layer, and the heads (with the pooler) on top.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Literal, NamedTuple

from torch import nn

from tandem.errors import TandemError
from tandem.model.multitask import MultiTaskModel

Trainable = Literal["none", "heads_only", "output_layers", "all", "all_adaptive"]


class Rung(NamedTuple):
    """Modules that learn at one rate, `depth` steps above the embeddings."""

    name: str
    depth: int
    module: nn.Module


def parameter_groups(
    model: MultiTaskModel,
    *,
    trainable: Trainable,
    output_layers: int,
    learning_rate: float,
    adaptive_rates: tuple[float, float],
    weight_decay: float,
    frozen_heads: Collection[str] = (),
) -> list[dict[str, Any]]:
    """Freeze what does not learn and group the rest for AdamW: `name`, `params`, `lr` (peak), `weight_decay`.

    Biases and norms do not decay. Under `all_adaptive` the rate grows geometrically from the lower of
    `adaptive_rates` at the embeddings to the higher at the heads. `none` gives no group.
    Raises `TandemError` for more `output_layers` than there are, and for an unknown head.
    """
    _check(model, trainable, output_layers, frozen_heads)
    lowest = _lowest_depth(model, trainable, output_layers)
    heads_depth = model.encoder.config.n_layers + 1
    frozen = {f"heads.{task}" for task in frozen_heads}
    if trainable == "heads_only":
        frozen.add("pooler")  # pretrained, as the encoder
    groups: list[dict[str, Any]] = []
    for rung in _rungs(model):
        learns = rung.depth >= lowest and rung.name not in frozen
        rung.module.requires_grad_(learns)
        if learns:
            growth = (adaptive_rates[1] / adaptive_rates[0]) ** (rung.depth / heads_depth)
            rate = adaptive_rates[0] * growth if trainable == "all_adaptive" else learning_rate
            groups += _groups(rung, rate, weight_decay)
    model.train(model.training)
    return groups


def is_encoder_frozen(model: MultiTaskModel) -> bool:
    """Whether no weight below the heads learns, so that the texts' vectors may be computed once."""
    below = [*model.encoder.parameters(), *(model.pooler.parameters() if model.pooler is not None else ())]
    return not any(parameter.requires_grad for parameter in below)


def count_trainable(model: nn.Module) -> int:
    """How many numbers learn."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def _rungs(model: MultiTaskModel) -> Iterator[Rung]:
    top = model.encoder.config.n_layers + 1
    yield Rung("embeddings", 0, model.encoder.embeddings)
    for number, layer in enumerate(model.encoder.layers, start=1):
        yield Rung(f"layers.{number}", number, layer)
    if model.pooler is not None:
        yield Rung("pooler", top, model.pooler)
    for task, head in model.heads.items():
        yield Rung(f"heads.{task}", top, head)


def _lowest_depth(model: MultiTaskModel, trainable: Trainable, output_layers: int) -> int:
    top = model.encoder.config.n_layers + 1
    depths = {"none": top + 1, "heads_only": top, "output_layers": top - output_layers}
    return depths.get(trainable, 0)


def _groups(rung: Rung, rate: float, weight_decay: float) -> Iterator[dict[str, Any]]:
    matrices = [parameter for parameter in rung.module.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in rung.module.parameters() if parameter.ndim == 1]
    yield {"name": rung.name, "params": matrices, "lr": rate, "weight_decay": weight_decay}
    yield {"name": f"{rung.name} (biases, norms)", "params": vectors, "lr": rate, "weight_decay": 0.0}


def _check(model: MultiTaskModel, trainable: Trainable, output_layers: int, frozen_heads: Collection[str]) -> None:
    n_layers = model.encoder.config.n_layers
    if trainable == "output_layers" and output_layers > n_layers:
        raise TandemError(f"train.output_layers must be at most {n_layers}, the encoder's layers, got {output_layers}")
    unknown = sorted(set(frozen_heads) - set(model.heads))
    if unknown:
        raise TandemError(f"cannot freeze {', '.join(unknown)}: the model's heads are {', '.join(model.heads)}")
