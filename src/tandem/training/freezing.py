"""Which weights learn, from when on, and each one's peak learning rate and weight decay.

A model is a ladder of rungs: the embeddings at depth 0, layer n at depth n, the heads one above the last layer. A
pretrained pooler stands beside the last layer; one that begins untrained stands beside the heads.

`train.trainable` says from which rung upward weights ever learn; with `train.unfreeze_every` they do not all begin at
once, but from the heads downward (gradual unfreezing: ULMFiT, Howard and Ruder 2018). Rates that fall from layer to
layer are ELECTRA's (Clark et al. 2020), counted as BEiT does (Bao et al. 2022): a rung's factor is
`layer_decay ** (n_layers + 1 - depth)`, so 1 for the heads and `layer_decay` for the last layer, which ELECTRA's own
code decays twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from torch import nn

from tandem.errors import TandemError
from tandem.model.multitask import Head, MultiTaskModel
from tandem.params import Train


class Rung(NamedTuple):
    """Modules that learn at one rate, `depth` steps above the embeddings."""

    name: str
    depth: int
    module: nn.Module


def parameter_groups(model: MultiTaskModel, settings: Train) -> list[dict[str, Any]]:
    """Let everything learn that ever will, freeze the rest, and group what learns for AdamW.

    A group holds `name`, `params`, `names` (of the params, as the model has them), `lr` (at its peak) and
    `weight_decay` (none on biases and norms). Where nothing learns there is no group.
    Raises `TandemError` for more `output_layers` than there are, and for an unknown head.
    """
    _check(model, settings)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups: list[dict[str, Any]] = []
    for rung in _rungs(model):
        learns = _ever_learns(rung, model, settings)
        rung.module.requires_grad_(learns)
        if learns:
            groups += _groups(rung, _peak_rate(rung, model, settings), settings.weight_decay, names)
    model.train(model.training)
    return groups


def set_learning_rungs(model: MultiTaskModel, settings: Train, epoch: int) -> bool:
    """Let those rungs learn whose turn has come in an epoch (from 0); return whether that changed anything.

    With `unfreeze_every: k` these are the heads and `epoch // k` rungs below them, of those that ever learn.
    What does not learn loses its gradient, and an encoder that learns nothing yet stays in evaluation.
    """
    lowest = 0 if settings.unfreeze_every is None else _top(model) - epoch // settings.unfreeze_every
    has_changed = False
    for rung in _rungs(model):
        learns = rung.depth >= lowest and _ever_learns(rung, model, settings)
        for parameter in rung.module.parameters():
            has_changed |= parameter.requires_grad != learns
            parameter.requires_grad_(learns)
            parameter.grad = parameter.grad if learns else None
    model.train(model.training)
    return has_changed


def is_encoder_frozen(model: MultiTaskModel, settings: Train) -> bool:
    """Whether no weight below the heads learns in any epoch, so that the texts' vectors may be computed once."""
    return not any(_ever_learns(rung, model, settings) for rung in _rungs(model) if not isinstance(rung.module, Head))


def head_rate(settings: Train) -> float:
    """The peak rate of the heads, and of anything else that begins untrained."""
    if settings.trainable == "all_adaptive":
        return settings.adaptive_rates[1]
    return settings.learning_rate if settings.head_learning_rate is None else settings.head_learning_rate


def count_trainable(model: nn.Module) -> int:
    """How many numbers learn now."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def _rungs(model: MultiTaskModel) -> Iterator[Rung]:
    yield Rung("embeddings", 0, model.encoder.embeddings)
    for number, layer in enumerate(model.encoder.layers, start=1):
        yield Rung(f"layers.{number}", number, layer)
    if isinstance(model.encoder.final_norm, nn.LayerNorm):
        yield Rung("final_norm", model.encoder.config.n_layers, model.encoder.final_norm)
    if model.pooler is not None:
        yield Rung("pooler", _top(model) - model.has_pretrained_pooler, model.pooler)
    for task, head in model.heads.items():
        yield Rung(f"heads.{task}", _top(model), head)


def _top(model: MultiTaskModel) -> int:
    """The depth of the heads."""
    return model.encoder.config.n_layers + 1


def _ever_learns(rung: Rung, model: MultiTaskModel, settings: Train) -> bool:
    top = _top(model)
    lowest = {"none": top + 1, "heads_only": top, "output_layers": top - settings.output_layers}
    is_frozen_head = rung.name in {f"heads.{task}" for task in settings.frozen_heads}
    return rung.depth >= lowest.get(settings.trainable, 0) and not is_frozen_head


def _peak_rate(rung: Rung, model: MultiTaskModel, settings: Train) -> float:
    top = _top(model)
    if rung.depth == top:
        return head_rate(settings)
    if settings.trainable == "all_adaptive":
        lowest, highest = settings.adaptive_rates
        return float(lowest * (highest / lowest) ** (rung.depth / top))
    return float(settings.learning_rate * settings.layer_decay ** (top - rung.depth))


def _groups(rung: Rung, rate: float, weight_decay: float, names: Mapping[int, str]) -> Iterator[dict[str, Any]]:
    matrices = [parameter for parameter in rung.module.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in rung.module.parameters() if parameter.ndim == 1]
    for ending, params, decay in (("", matrices, weight_decay), (" (biases, norms)", vectors, 0.0)):
        own_names = [names[id(parameter)] for parameter in params]
        yield {
            "name": rung.name + ending,
            "params": params,
            "names": own_names,
            "lr": rate,
            "weight_decay": decay,
        }


def _check(model: MultiTaskModel, settings: Train) -> None:
    n_layers = model.encoder.config.n_layers
    if settings.trainable == "output_layers" and settings.output_layers > n_layers:
        raise TandemError(
            f"train.output_layers must be at most {n_layers}, the encoder's layers, got {settings.output_layers}"
        )
    unknown = sorted(set(settings.frozen_heads) - set(model.heads))
    if unknown:
        raise TandemError(f"train.frozen_heads must name heads ({', '.join(model.heads)}), got {', '.join(unknown)}")
