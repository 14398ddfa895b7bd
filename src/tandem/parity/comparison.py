"""Proof that our encoder computes what transformers' BertModel computes from the same weights.

Like is compared with like: fused attention with the reference's `sdpa`, step by step with its `eager`, and without
padding with its `sdpa` on each text alone. Between these the reference differs from itself by about the tolerance
(float32 noise that LayerNorm amplifies beside outlying values); the report states that as `reference_noise`.

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

    @property
    def attention(self) -> str:
        """The reference's name for this attention."""
        return "sdpa" if self.is_fused else "eager"


_ROUTES = (Route(True, False), Route(False, False), Route(True, True))


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

    def as_dict(self) -> dict[str, Any]:
        """The numbers as JSON values."""
        named = {name: {"max_abs_diff": value} for name, value in self.differences.items()}
        vectors = {name: named.pop(name) for name in ("tokens", "cls", "mean")}
        noise = {"max_abs_diff": self.reference_noise}
        return {"layers": named, **vectors, "min_cosine": self.min_cosine, "reference_noise": noise}


def load_reference(folder: Path) -> Any:
    """Load transformers' BertModel from a folder: float32, in evaluation mode, without a word."""
    with _quiet():
        return BertModel.from_pretrained(
            folder, add_pooling_layer=False, dtype=torch.float32, local_files_only=True, use_safetensors=True
        ).eval()


@torch.inference_mode()
def compare(model: MultiTaskModel, reference: Any, batches: Sequence[Batch]) -> Comparison:
    """Compare every layer's output at the real pieces, and the pooled vectors, over every path through our code."""
    model.eval()
    largest: dict[str, float] = {}
    cosine, noise = 1.0, 0.0
    for batch in batches:
        expected = {route: _their_outputs(reference, batch, route) for route in _ROUTES}
        first, second, *_ = expected.values()
        noise = max(noise, *(_difference(first[name], second[name]) for name in first))
        for route, theirs in expected.items():
            ours = _our_outputs(model, batch, route)
            cosine = min(cosine, *(_cosine(ours[name], theirs[name]) for name in theirs))
            for name in theirs:
                largest[name] = max(largest.get(name, 0.0), _difference(ours[name], theirs[name]))
    return Comparison(differences=largest, min_cosine=cosine, reference_noise=noise)


def _our_outputs(model: MultiTaskModel, batch: Batch, route: Route) -> dict[str, Tensor]:
    """What is compared, from the bottom up, by name: (rows, hidden)."""
    model.encoder.fuse_attention(route.is_fused)
    model.encoder.skips_padding = route.skips_padding
    layers = model.encoder.layer_outputs(*batch)
    model.encoder.fuse_attention(True)
    model.encoder.skips_padding = False
    pooled = {"cls": pool(layers[-1], batch.mask, "cls"), "mean": pool(layers[-1], batch.mask, "mean")}
    return {**_by_layer(layers, batch.mask), **pooled}


def _their_outputs(reference: Any, batch: Batch, route: Route) -> dict[str, Tensor]:
    """The same of the reference, pooled text by text, apart from the code that is checked: (rows, hidden)."""
    reference.set_attn_implementation(route.attention)
    parts = _each_alone(batch) if route.skips_padding else [batch]
    outputs = [_pooled_by_text(reference, part) for part in parts]
    return {name: torch.cat([output[name] for output in outputs]) for name in outputs[0]}


def _pooled_by_text(reference: Any, batch: Batch) -> dict[str, Tensor]:
    layers = reference(batch.ids, batch.mask.long(), output_hidden_states=True).hidden_states
    texts = [vectors[real] for vectors, real in zip(layers[-1], batch.mask, strict=True)]
    pooled = {
        "cls": torch.stack([text[0] for text in texts]),
        "mean": torch.stack([text.mean(dim=0) for text in texts]),
    }
    return {**_by_layer(layers, batch.mask), **pooled}


def _each_alone(batch: Batch) -> list[Batch]:
    """Every text as a batch of its own, without padding."""
    lengths = batch.mask.sum(dim=1).tolist()
    return [
        Batch(batch.ids[row : row + 1, :length], batch.mask[row : row + 1, :length])
        for row, length in enumerate(lengths)
    ]


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
