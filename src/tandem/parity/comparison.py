"""Proof that our encoder computes what transformers' BertModel computes from the same weights.

Like is compared with like: fused attention with the reference's `sdpa`, step by step with its `eager`. Adding up in
another order, the reference differs from itself by about the tolerance (float32 noise that LayerNorm amplifies beside
outlying values). Computing without padding adds up in another order too, so it is compared in float64, where noise
neither hides an error nor feigns one. The report states both noises in float32.

Shapes: batch, seq, hidden; rows are the real pieces of a batch.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from transformers import BertModel
from transformers.utils import logging

from tandem.model.multitask import MultiTaskModel, pool


class Route(NamedTuple):
    """A way through our code, and what of the reference is its like."""

    is_fused: bool
    skips_padding: bool
    dtype: torch.dtype

    @property
    def attention(self) -> str:
        """The reference's name for this attention."""
        return "sdpa" if self.is_fused else "eager"


_FUSED = Route(is_fused=True, skips_padding=False, dtype=torch.float32)
_STEP_BY_STEP = Route(is_fused=False, skips_padding=False, dtype=torch.float32)
_UNPADDED = Route(is_fused=True, skips_padding=True, dtype=torch.float32)
_UNPADDED_EXACT = Route(is_fused=True, skips_padding=True, dtype=torch.float64)


class Batch(NamedTuple):
    """Pieces of some texts: ids (batch, seq) int64 and mask (batch, seq) bool."""

    ids: Tensor
    mask: Tensor


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One encoder against the reference: the largest absolute difference by name, from the bottom up."""

    differences: Mapping[str, float]
    min_cosine: float
    reference_noise: float
    unpadded_noise: float

    def as_dict(self) -> dict[str, Any]:
        """The numbers as JSON values."""
        named = {name: {"max_abs_diff": value} for name, value in self.differences.items()}
        vectors = {name: named.pop(name) for name in ("tokens", "cls", "mean")}
        noise = {"reference": self.reference_noise, "unpadded": self.unpadded_noise}
        return {"layers": named, **vectors, "min_cosine": self.min_cosine, "float32_noise": noise}


def load_reference(folder: Path) -> Any:
    """Load transformers' BertModel from a folder: float32, in evaluation mode, without a word."""
    with _quiet():
        return BertModel.from_pretrained(
            folder, add_pooling_layer=False, dtype=torch.float32, local_files_only=True, use_safetensors=True
        ).eval()


@torch.no_grad()
def compare(model: MultiTaskModel, reference: Any, batches: Sequence[Batch]) -> Comparison:
    """Compare every layer's output at the real pieces, and the pooled vectors, over every route through our code."""
    model.eval()
    largest: dict[str, float] = {}
    cosine = 1.0
    for route in (_FUSED, _STEP_BY_STEP, _UNPADDED_EXACT):
        model.encoder.to(route.dtype)
        reference.to(route.dtype)
        for batch in batches:
            ours, theirs = _our_outputs(model, batch, route), _their_outputs(reference, batch, route)
            cosine = min(cosine, *(_cosine(ours[name], theirs[name]) for name in theirs))
            largest = {name: max(largest.get(name, 0.0), _difference(ours[name], theirs[name])) for name in theirs}
    model.encoder.to(torch.float32)
    reference.to(torch.float32)
    by_other_order = [(_their_outputs(reference, batch, _STEP_BY_STEP), batch) for batch in batches]
    unpadded = [(_our_outputs(model, batch, _UNPADDED), batch) for batch in batches]
    return Comparison(
        differences=largest,
        min_cosine=cosine,
        reference_noise=_noise(reference, by_other_order),
        unpadded_noise=_noise(reference, unpadded),
    )


def _noise(reference: Any, outputs: Sequence[tuple[dict[str, Tensor], Batch]]) -> float:
    """The largest difference to what the reference's fused attention gives in float32."""
    largest = 0.0
    for found, batch in outputs:
        expected = _their_outputs(reference, batch, _FUSED)
        largest = max(largest, *(_difference(found[name], expected[name]) for name in expected))
    return largest


def _our_outputs(model: MultiTaskModel, batch: Batch, route: Route) -> dict[str, Tensor]:
    """What is compared, from the bottom up, by name: (rows, hidden)."""
    encoder = model.encoder
    encoder.fuse_attention(route.is_fused)
    encoder.skips_padding = route.skips_padding
    layers = encoder.layer_outputs(*batch)
    encoder.fuse_attention(True)
    encoder.skips_padding = False
    pooled = {"cls": pool(layers[-1], batch.mask, "cls"), "mean": pool(layers[-1], batch.mask, "mean")}
    return {**_by_layer(layers, batch.mask), **pooled}


def _their_outputs(reference: Any, batch: Batch, route: Route) -> dict[str, Tensor]:
    """The same of the reference, pooled text by text, apart from the code that is checked: (rows, hidden)."""
    reference.set_attn_implementation(route.attention)
    layers = reference(batch.ids, batch.mask.long(), output_hidden_states=True).hidden_states
    texts = [vectors[real] for vectors, real in zip(layers[-1], batch.mask, strict=True)]
    pooled = {
        "cls": torch.stack([text[0] for text in texts]),
        "mean": torch.stack([text.mean(dim=0) for text in texts]),
    }
    return {**_by_layer(layers, batch.mask), **pooled}


def _by_layer(layers: Sequence[Tensor], mask: Tensor) -> dict[str, Tensor]:
    names = ["embeddings", *(f"layer_{number:02}" for number in range(1, len(layers)))]
    return {**{name: layer[mask] for name, layer in zip(names, layers, strict=True)}, "tokens": layers[-1][mask]}


def _difference(ours: Tensor, theirs: Tensor) -> float:
    """The largest absolute difference; the largest float where it is no number, which JSON could not hold."""
    value = (ours - theirs).abs().max().item()
    return value if math.isfinite(value) else sys.float_info.max


def _cosine(ours: Tensor, theirs: Tensor) -> float:
    """The smallest cosine of two rows' vectors."""
    value = functional.cosine_similarity(ours.double(), theirs.double(), dim=1).min().item()
    return value if math.isfinite(value) else -1.0


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from reporting on what it loads."""
    verbosity, has_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if has_bars:
            logging.enable_progress_bar()
