"""The ladder: our encoder against the reference with the same weights, rung by rung, over every route through our code.

Like is compared with like: fused attention with the reference's `sdpa`, step by step with its `eager`. Adding up in
another order, the reference differs from itself by about the tolerance (float32 noise that LayerNorm amplifies beside
outlying values). Computing without padding, or in blocks as dropout does, adds up in another order too, so it is
compared in float64, where noise neither hides an error nor feigns one. The report states both noises in float32.
bfloat16 has three digits: it is held to a band around the reference's float32, and reported beside the reference's own.

Shapes: batch, seq, hidden; rows are the real pieces of a batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tandem.model.multitask import MultiTaskModel
from tandem.parity.learning import learning_differences
from tandem.parity.reference import Batch, Reference
from tandem.parity.routes import FUSED, HELD, UNPADDED, Route, along
from tandem.parity.rungs import difference, largest_distance, our_rungs, scaled_difference, smallest_cosine, their_rungs

BFLOAT16_BAND = 0.05
"""How far a piece's vector in bfloat16 may be from the one in float32, as a share of its length."""

_RELATIVE = ("loss", "gradients", "step")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One encoder against the reference: the largest difference by rung, from the bottom up, which decides.

    Where values are above 1 it is relative to them; `absolute` are the same as they are. `ids` counts pieces that
    differ. `bfloat16` is the largest distance of a piece's vector, `bfloat16_reference` that of the reference's own,
    to its float32.
    """

    differences: Mapping[str, float]
    absolute: Mapping[str, float]
    min_cosine: float
    reference_noise: float
    unpadded_noise: float
    bfloat16: float
    bfloat16_reference: float

    def as_dict(self) -> dict[str, Any]:
        """The numbers as JSON values."""
        layers: dict[str, Any] = {}
        others: dict[str, Any] = {}
        for name, value in self.differences.items():
            unit = "max_rel_diff" if name in _RELATIVE else "differing" if name == "ids" else "max_abs_diff"
            found = {unit: self.absolute.get(name, value)}
            (layers if name.startswith(("embeddings", "layer_")) else others)[name] = found
        noise = {"reference": self.reference_noise, "unpadded": self.unpadded_noise}
        half = {"band": BFLOAT16_BAND, "max_rel_diff": self.bfloat16, "reference": self.bfloat16_reference}
        return {"layers": layers, **others, "min_cosine": self.min_cosine, "float32_noise": noise, "bfloat16": half}

    def first_failure(self, tolerance: float) -> tuple[str, float] | None:
        """The first rung from the bottom that is not within the tolerance, and by how much it differs."""
        for rung, value in self.differences.items():
            if not value <= tolerance:
                return rung, value
        return None if self.bfloat16 <= BFLOAT16_BAND else ("bfloat16", self.bfloat16)


def compare(
    model: MultiTaskModel,
    reference: Reference,
    batches: Sequence[Batch],
    *,
    learnt_from: Batch,
    differing_ids: int = 0,
) -> Comparison:
    """Climb the ladder on every batch over every route; loss, gradients and step on `learnt_from` alone.

    The routes of dropout are only taken on the first batch, which had best be one of many lengths. `differing_ids` is
    what comparing the tokenizers found, the lowest rung. The model is left as it was.
    """
    model.eval()
    largest: dict[str, float] = {"ids": float(differing_ids)}
    absolute: dict[str, float] = {}
    cosine, noises = 1.0, [(0.0, 0.0)]
    for dtype in (torch.float32, torch.float64):
        model.to(dtype)
        reference.module.to(dtype)
        routes = [route for route in HELD if route.dtype == dtype]
        for batch in batches:
            theirs = {fused: _theirs(reference, model, batch, fused) for fused in {route.is_fused for route in routes}}
            for route in routes if batch is batches[0] else [route for route in routes if not route.draws]:
                ours, expected = _ours(model, batch, route), theirs[route.is_fused]
                cosine = min(cosine, *(smallest_cosine(ours[name], expected[name]) for name in expected))
                _raise(largest, {name: scaled_difference(ours[name], expected[name]) for name in expected})
                _raise(absolute, {name: difference(ours[name], expected[name]) for name in expected})
            if dtype == torch.float32:
                others = (theirs[False], _ours(model, batch, UNPADDED))
                noises.append(tuple(_largest_difference(other, theirs[True]) for other in others))  # type: ignore[arg-type]
        for route in routes if model.heads else ():
            _raise(largest, learning_differences(model, reference, learnt_from, route))
    model.to(torch.float32)
    reference.module.to(torch.float32)
    half, reference_half = _half_precision(model, reference, batches[-1])
    return Comparison(
        differences=_from_the_bottom(largest),
        absolute=absolute,
        min_cosine=cosine,
        reference_noise=max(own for own, _ in noises),
        unpadded_noise=max(unpadded for _, unpadded in noises),
        bfloat16=half,
        bfloat16_reference=reference_half,
    )


def _raise(largest: dict[str, float], found: Mapping[str, float]) -> None:
    for name, value in found.items():
        largest[name] = max(largest.get(name, 0.0), value)


def _from_the_bottom(largest: Mapping[str, float]) -> dict[str, float]:
    """In the order in which one rung follows from another."""
    learnt = {name: largest[name] for name in _RELATIVE if name in largest}
    return {**{name: value for name, value in largest.items() if name not in learnt}, **learnt}


@torch.no_grad()
def _ours(model: MultiTaskModel, batch: Batch, route: Route) -> dict[str, Tensor]:
    """In reverse order, too, where noise does not matter: the order of a batch must not."""
    with along(model, route, len(batch.ids)):
        return our_rungs(model, batch, is_reversed=route.draws)


@torch.no_grad()
def _theirs(reference: Reference, model: MultiTaskModel, batch: Batch, is_fused: bool) -> dict[str, Tensor]:
    return their_rungs(reference, model, batch, is_fused=is_fused)


def _largest_difference(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> float:
    return max(difference(found[name], expected[name]) for name in expected)


def _half_precision(model: MultiTaskModel, reference: Reference, batch: Batch) -> tuple[float, float]:
    """How far our and the reference's bfloat16 are from its float32: the largest share of a vector's length."""
    expected = _theirs(reference, model, batch, True)["tokens"]
    with torch.autocast("cpu", torch.bfloat16):
        ours, theirs = _ours(model, batch, FUSED)["tokens"], _theirs(reference, model, batch, True)["tokens"]
    return largest_distance(ours.float(), expected), largest_distance(theirs.float(), expected)
