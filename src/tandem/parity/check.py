"""The parity of the pretrained and of the trained encoder with the reference, and what it says of some sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch.nn import functional

from tandem.corpora.records import read_records
from tandem.errors import TandemError
from tandem.model.folder import load_model
from tandem.model.multitask import MultiTaskModel, pool
from tandem.model.weights import load_encoder_weights, read_config, write_checkpoint
from tandem.params import ParityCheck
from tandem.parity.comparison import Batch, Comparison, compare, load_reference
from tandem.tokens.tokenizer import load_tokenizer

_BATCH = 8  # texts padded together

Table = list[list[float | None]]


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
    torch.set_num_threads(1)  # small batches: a second thread would mostly wait for the first
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
