"""Proof that our encoder computes what transformers' BertModel computes from the same weights.

Both ways in which we compute attention are compared with the reference's own: fused with its `sdpa`, step by step
with its `eager`. Across the two, the reference differs from itself by about the tolerance (float32 noise that
LayerNorm amplifies beside outlying values); the report states that as `reference_noise`.

Shapes: batch, seq, hidden; rows are the real pieces of a batch.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from transformers import BertModel
from transformers.utils import logging

from tandem.corpora.records import read_records
from tandem.errors import TandemError
from tandem.model.folder import load_model
from tandem.model.multitask import MultiTaskModel, pool
from tandem.model.weights import load_encoder_weights, read_config, write_checkpoint
from tandem.params import ParityCheck
from tandem.tokens.tokenizer import load_tokenizer

_BATCH = 8  # texts padded together
_ATTENTION = {True: "sdpa", False: "eager"}  # the reference's name for fused and for step by step


Table = list[list[float | None]]


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


@dataclass(frozen=True, kw_only=True)
class ParityReport:
    """The comparisons of the pretrained and of the trained encoder, and how alike they find the sentences."""

    tolerance: float
    n_texts: int
    sentences: Sequence[str]
    comparisons: Mapping[str, Comparison]
    similarity: Mapping[str, Table]

    def as_dict(self) -> dict[str, Any]:
        """The content of `parity_check.json`."""
        return {
            **{name: comparison.as_dict() for name, comparison in self.comparisons.items()},
            "similarity": {"sentences": list(self.sentences), **self.similarity},
            "tolerance": self.tolerance,
            "n": {"sentences": len(self.sentences), "texts": self.n_texts},
        }

    def summary(self) -> str:
        """The largest difference of each encoder, in words."""
        largest = [f"{name} {max(one.differences.values()):.1e}" for name, one in self.comparisons.items()]
        return f"largest difference to transformers: {', '.join(largest)} (tolerance {self.tolerance:.0e})"

    def raise_if_failed(self) -> None:
        """Raise `TandemError` naming the first place, from the embeddings up, that is not within the tolerance."""
        for name, comparison in self.comparisons.items():
            for place, difference in comparison.differences.items():
                if not difference <= self.tolerance:
                    raise TandemError(
                        f"the {name} encoder differs from transformers' BertModel at {place}: largest absolute "
                        f"difference {difference:.2e}, parity_check.tolerance {self.tolerance:.0e}. The report lists "
                        "every layer; above the first that fails, the numbers follow from it"
                    )


def first_texts(splits: Path, corpora: Iterable[str], count: int) -> list[str]:
    """Read the first `count` test texts of each corpus from `splits`/<corpus>/test.jsonl."""
    return [record.surface for name in corpora for record in islice(read_records(splits / name / "test.jsonl"), count)]


def check_parity(
    pretrained: Path, trained: Path, texts: Sequence[str], settings: ParityCheck, *, max_length: int
) -> ParityReport:
    """Compare the encoder with the reference from the checkpoint, and from the trained model exported to its format.

    `texts`, cut at `max_length` pieces, are compared in padded batches, the sentences of `settings` one by one.
    Raises `TandemError` if a folder cannot be read; a difference above the tolerance raises nothing here.
    """
    comparisons, similarity = {}, {}
    with TemporaryDirectory() as scratch:
        model = load_model(trained).model
        write_checkpoint(Path(scratch), model)
        subjects = {"pretrained": (_bare_encoder(pretrained), pretrained), "trained": (model, Path(scratch))}
        for (name, (model, checkpoint)), tokenizer in zip(subjects.items(), (pretrained, trained), strict=True):
            limit = min(max_length, model.encoder.config.max_positions)
            sentences = _batches(settings.sentences, tokenizer, size=1, limit=limit)
            batches = [*sentences, *_batches(texts, tokenizer, size=_BATCH, limit=limit)]
            comparisons[name] = compare(model, load_reference(checkpoint), batches)
            similarity[name] = _similarities(model, sentences)
    return ParityReport(
        tolerance=settings.tolerance,
        n_texts=len(texts),
        sentences=settings.sentences,
        comparisons=comparisons,
        similarity=similarity,
    )


def load_reference(folder: Path) -> Any:
    """Load transformers' BertModel from a folder: float32, in evaluation mode, without a word."""
    with _quiet():
        return BertModel.from_pretrained(
            folder, add_pooling_layer=False, dtype=torch.float32, local_files_only=True, use_safetensors=True
        ).eval()


@torch.inference_mode()
def compare(model: MultiTaskModel, reference: Any, batches: Sequence[Batch]) -> Comparison:
    """Compare every layer's output at the real pieces, and the pooled vectors, over both kinds of attention."""
    model.eval()
    largest: dict[str, float] = {}
    cosine, noise = 1.0, 0.0
    for batch in batches:
        expected = {is_fused: _their_outputs(reference, batch, is_fused) for is_fused in _ATTENTION}
        noise = max(noise, *(_difference(expected[True][name], expected[False][name]) for name in expected[True]))
        for is_fused, theirs in expected.items():
            ours = _our_outputs(model, batch, is_fused)
            cosine = min(cosine, *(_cosine(ours[name], theirs[name]) for name in theirs))
            for name in theirs:
                largest[name] = max(largest.get(name, 0.0), _difference(ours[name], theirs[name]))
    return Comparison(differences=largest, min_cosine=cosine, reference_noise=noise)


def _our_outputs(model: MultiTaskModel, batch: Batch, is_fused: bool) -> dict[str, Tensor]:
    """What is compared, from the bottom up, by name: (rows, hidden)."""
    model.encoder.fuse_attention(is_fused)
    layers = model.encoder.layer_outputs(*batch)
    model.encoder.fuse_attention(True)
    pooled = {"cls": pool(layers[-1], batch.mask, "cls"), "mean": pool(layers[-1], batch.mask, "mean")}
    return {**_by_layer(layers, batch.mask), **pooled}


def _their_outputs(reference: Any, batch: Batch, is_fused: bool) -> dict[str, Tensor]:
    """The same of the reference, pooled text by text, apart from the code that is checked: (rows, hidden)."""
    reference.set_attn_implementation(_ATTENTION[is_fused])
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


@torch.inference_mode()
def _similarities(model: MultiTaskModel, sentences: Sequence[Batch]) -> Table:
    """The cosine of every two sentences' mean vectors, to four digits; None where it is no number."""
    vectors = torch.cat([pool(model.encode(*sentence), sentence.mask, "mean") for sentence in sentences])
    directions = functional.normalize(vectors.double(), dim=1)  # (sentences, hidden)
    table = directions @ directions.T  # (sentences, sentences)
    return [[round(cosine, 4) if math.isfinite(cosine) else None for cosine in row] for row in table.tolist()]


def _bare_encoder(pretrained: Path) -> MultiTaskModel:
    config = read_config(pretrained)
    model = MultiTaskModel(config, {}, pooling="mean", dropout=0.0, encoder_dropout=0.0)
    load_encoder_weights(model, pretrained)
    return model.eval()


def _batches(texts: Sequence[str], folder: Path, *, size: int, limit: int) -> list[Batch]:
    """Cut texts into at most `limit` pieces each and pad `size` of them together."""
    tokenizer = load_tokenizer(folder)
    pieces = [encoding.ids[:limit] for encoding in tokenizer.backend.encode_batch(list(texts))]
    return [_padded(pieces[start : start + size], tokenizer.pad_id) for start in range(0, len(pieces), size)]


def _padded(pieces: Sequence[Sequence[int]], pad_id: int) -> Batch:
    lengths = torch.tensor([len(text) for text in pieces])
    mask = torch.arange(int(lengths.max()))[None] < lengths[:, None]  # (batch, seq)
    ids = torch.full(mask.shape, pad_id)
    ids[mask] = torch.tensor([piece for text in pieces for piece in text])
    return Batch(ids, mask)


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
