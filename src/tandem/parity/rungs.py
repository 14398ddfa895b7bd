"""The rungs of the ladder that a forward climbs: embeddings, every layer, pooled vectors, logits.

The reference's vectors are pooled and scored text by text, apart from the code that is checked.

Shapes: batch, seq, hidden, labels; rows are the real pieces of a batch, or its texts.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from tandem.model.multitask import MultiTaskModel, pool
from tandem.parity.reference import Batch, Reference

POOLINGS = ("cls", "mean", "max")


def our_rungs(model: MultiTaskModel, batch: Batch, *, is_reversed: bool = False) -> dict[str, Tensor]:
    """What our code gives, from the bottom up: (rows, channels); with the texts in reverse order, if asked for."""
    order = torch.arange(len(batch.ids))
    order = order.flip(0) if is_reversed else order
    asked = Batch(batch.ids[order], batch.mask[order])
    layers = [layer[order] for layer in model.encoder.layer_outputs(*asked)]
    hidden, mask = layers[-1], batch.mask
    vectors = {name: pool(hidden, mask, name) for name in POOLINGS}  # type: ignore[arg-type]
    if model.pooler is not None:
        vectors["pooler"] = model.pool(hidden, mask)
    inputs = {"classification": model.pool(hidden, mask), "tagging": hidden[mask]}
    scores = {task: model.apply_head(task, inputs[head.kind]) for task, head in model.head_configs.items()}
    return {**_by_layer(layers, mask), **vectors, **{f"logits.{task}": found for task, found in scores.items()}}


def our_logits(model: MultiTaskModel, batch: Batch) -> dict[str, Tensor]:
    """The logits of every head in one forward, by `logits.TASK`: (texts, labels) or (pieces, labels)."""
    scores = model(*batch)
    return {f"logits.{task}": found if found.ndim == 2 else found[batch.mask] for task, found in scores.items()}


def their_rungs(reference: Reference, model: MultiTaskModel, batch: Batch, *, is_fused: bool) -> dict[str, Tensor]:
    """The same of the reference, with our heads' weights on top."""
    layers = reference.layer_outputs(batch, is_fused=is_fused)
    hidden = layers[-1]
    vectors = {name: _pooled(hidden, batch.mask, name) for name in POOLINGS}
    if model.pooler is not None:
        vectors["pooler"] = _pooled_anew(model, hidden) if reference.pooler is None else reference.pooler(hidden)
    return {**_by_layer(layers, batch.mask), **vectors, **their_logits(model, hidden[batch.mask], vectors)}


def their_logits(model: MultiTaskModel, pieces: Tensor, vectors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Logits from the reference's vectors of pieces (pieces, hidden) and texts."""
    logits = {}
    for task, config in model.head_configs.items():
        inputs = vectors[model.pooling] if config.kind == "classification" else pieces
        weights = model.get_submodule(f"heads.{task}.linear")
        assert isinstance(weights, nn.Linear)
        logits[f"logits.{task}"] = functional.linear(inputs, weights.weight, weights.bias)
    return logits


def _pooled_anew(model: MultiTaskModel, hidden: Tensor) -> Tensor:
    """A pooler that no checkpoint holds, as BERT's."""
    assert model.pooler is not None
    return torch.tanh(functional.linear(hidden[:, 0], model.pooler.weight, model.pooler.bias))


def _pooled(hidden: Tensor, mask: Tensor, pooling: str) -> Tensor:
    texts = [vectors[real] for vectors, real in zip(hidden, mask, strict=True)]
    ways = {"cls": lambda text: text[0], "mean": lambda text: text.mean(dim=0), "max": lambda text: text.amax(dim=0)}
    return torch.stack([ways[pooling](text) for text in texts])


def _by_layer(layers: Sequence[Tensor], mask: Tensor) -> dict[str, Tensor]:
    names = ["embeddings", *(f"layer_{number:02}" for number in range(1, len(layers)))]
    return {**{name: layer[mask] for name, layer in zip(names, layers, strict=True)}, "tokens": layers[-1][mask]}


def difference(ours: Tensor, theirs: Tensor) -> float:
    """The largest absolute difference."""
    return _finite((ours - theirs).abs().max())


def scaled_difference(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference of two values, divided by theirs where that is above 1."""
    return _finite(((ours - theirs).abs() / theirs.abs().clamp(min=1.0)).max())


def relative_difference(ours: Tensor, theirs: Tensor) -> float:
    """The largest absolute difference, divided by the largest value where that is above 1."""
    return _finite((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1.0))


def largest_distance(ours: Tensor, theirs: Tensor) -> float:
    """The largest distance of two rows' vectors, as a share of their vector's length."""
    return _finite(((ours - theirs).norm(dim=1) / theirs.norm(dim=1)).max())


def smallest_cosine(ours: Tensor, theirs: Tensor) -> float:
    """The smallest cosine of two rows' vectors."""
    value = functional.cosine_similarity(ours.double(), theirs.double(), dim=1).min().item()
    return value if math.isfinite(value) else -1.0


def _finite(value: Tensor) -> float:
    """The number, or the largest float where it is none, which JSON could not hold."""
    return value.item() if math.isfinite(value.item()) else sys.float_info.max
