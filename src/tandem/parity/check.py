"""The parity of the pretrained and of the trained encoder with the reference, and what it says of some sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import torch
from torch.nn import functional

from tandem.corpora.schema.records import read_records
from tandem.errors import TandemError
from tandem.model.building import build_model
from tandem.model.folder import load_model
from tandem.model.multitask import HeadConfig, MultiTaskModel, pool
from tandem.model.pretrained import SCRATCH
from tandem.model.weights import load_encoder_weights, read_config, write_checkpoint
from tandem.params import Kind, Model, ParityCheck
from tandem.parity.batches import count_differing, doubling_lengths, encode_texts, in_batches, of_lengths
from tandem.parity.comparison import Comparison, compare
from tandem.parity.reference import Batch, Reference, TorchReference, TransformersReference, reference_ids
from tandem.tokens.pieces.tokenizer import load_tokenizer

_BATCH = 8  # texts padded together
_LEARNT_FROM = 4  # texts whose loss is compared, and what follows from it

_LABELS = {"text": ("a", "b", "c"), "pieces": ("O", "B-a", "I-a", "B-b", "I-b")}
_KINDS: Mapping[str, Kind] = {"text": "classification", "pieces": "tagging"}

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
        return f"largest difference to the reference: {', '.join(largest)} (tolerance {self.tolerance:.0e})"

    def raise_if_failed(self) -> None:
        """Raise `TandemError` naming the first rung, from the ids up, that is not within the tolerance."""
        for name, comparison in self.comparisons.items():
            failure = comparison.first_failure(self.tolerance)
            if failure is not None:
                raise TandemError(
                    f"the {name} encoder differs from the reference at {failure[0]}: largest difference "
                    f"{failure[1]:.2e}, parity_check.tolerance {self.tolerance:.0e}. The report lists every rung; "
                    "above the first that fails, the numbers follow from it"
                )


class Subject(NamedTuple):
    """A model, the checkpoint that its weights come from (None: from nowhere), and the folder of its tokenizer."""

    model: MultiTaskModel
    checkpoint: Path | None
    tokenizer: Path


class Material(NamedTuple):
    """What is compared: whole texts as pieces, the sentences alone, all batches, the batch that is learnt from."""

    whole: list[list[int]]
    alone: list[Batch]
    batches: list[Batch]
    learnt_from: Batch


def first_texts(splits: Path, corpora: Iterable[str], count: int) -> list[str]:
    """Read the first `count` test texts of each corpus from `splits`/<corpus>/test.jsonl."""
    return [record.surface for name in corpora for record in islice(read_records(splits / name / "test.jsonl"), count)]


def check_parity(
    pretrained: Path,
    trained: Path,
    texts: Sequence[str],
    settings: ParityCheck,
    *,
    max_length: int,
    begins: Model | None = None,
) -> ParityReport:
    """Compare the encoder that training begins with, and the trained one, with the reference that has their weights.

    `texts`, cut at `max_length` pieces, are compared in padded batches, the sentences of `settings` one by one.
    `pretrained` is the checkpoint, or the folder of the vocabulary where `begins`, the params' section, says that the
    encoder begins from scratch.
    Raises `TandemError` if a folder cannot be read; a difference above the tolerance raises nothing here.
    """
    torch.set_num_threads(1)  # small batches: a second thread would mostly wait for the first
    expected = reference_ids(pretrained, [*settings.sentences, *texts])
    subjects = {
        "pretrained": begun(pretrained, begins),
        "trained": Subject(load_model(trained).model, None, tokenizer=trained),
    }
    comparisons, similarity = {}, {}
    for name, subject in subjects.items():
        material = _material(subject, texts, settings.sentences, max_length=max_length)
        comparisons[name] = compare(
            subject.model,
            _reference(subject),
            material.batches,
            learnt_from=material.learnt_from,
            differing_ids=count_differing(material.whole, expected),
        )
        similarity[name] = _similarities(subject.model, material.alone)
    return ParityReport(
        tolerance=settings.tolerance,
        n_texts=len(texts),
        sentences=settings.sentences,
        comparisons=comparisons,
        similarity=similarity,
    )


def _material(subject: Subject, texts: Sequence[str], sentences: Sequence[str], *, max_length: int) -> Material:
    """Sentences alone, texts in padded batches, the lengths 1, 2, 4, ... together, and the longest possible alone."""
    tokenizer = load_tokenizer(subject.tokenizer)
    longest = subject.model.encoder.config.max_positions
    limit = min(max_length, longest)
    own, others = encode_texts(sentences, tokenizer), encode_texts(texts, tokenizer)
    cut = partial(in_batches, pad_id=tokenizer.pad_id, limit=limit)
    alone = cut(own, size=1)
    of_all_lengths = [of_lengths(lengths, own, tokenizer.pad_id) for lengths in (doubling_lengths(limit), [longest])]
    return Material(
        whole=[*own, *others],
        alone=alone,
        batches=[*of_all_lengths, *alone, *cut(others, size=_BATCH)],
        learnt_from=cut(own, size=_LEARNT_FROM)[0],
    )


@torch.inference_mode()
def _similarities(model: MultiTaskModel, sentences: Sequence[Batch]) -> Table:
    """The cosine of every two sentences' mean vectors, to four digits; None where it is no number."""
    vectors = torch.cat([pool(model.encode(*sentence), sentence.mask, "mean") for sentence in sentences])
    directions = functional.normalize(vectors.double(), dim=1)  # (sentences, hidden)
    table = directions @ directions.T  # (sentences, sentences)
    return [[round(cosine, 4) if math.isfinite(cosine) else None for cosine in row] for row in table.tolist()]


def _reference(subject: Subject) -> Reference:
    """Transformers' model of the checkpoint, or of the export where there is none; torch's for what is of no family."""
    if subject.model.encoder.config.family is None:
        return TorchReference(subject.model)
    with TemporaryDirectory() as exported:
        if subject.checkpoint is None:
            write_checkpoint(Path(exported), subject.model)
        return TransformersReference(subject.checkpoint or Path(exported), subject.model)


def begun(pretrained: Path, begins: Model | None) -> Subject:
    """What training begins with, its pooler if the checkpoint has one, and a head of either kind."""
    if begins is not None and begins.pretrained == SCRATCH:
        model = build_model(None, _LABELS, _KINDS, replace(begins, dropout=0.0, encoder_dropout=0.0), seed=0)
        return Subject(model.eval(), None, tokenizer=pretrained)
    heads = {task: HeadConfig(kind=kind, n_labels=len(_LABELS[task])) for task, kind in _KINDS.items()}
    config = read_config(pretrained)
    for pooling in ("pooler", "mean"):
        model = MultiTaskModel(config, heads, pooling=pooling, dropout=0.0, encoder_dropout=0.0)
        load_encoder_weights(model, pretrained)
        if model.has_pretrained_pooler:
            break
    model.initialise_heads(torch.Generator().manual_seed(0))
    return Subject(model.eval(), pretrained, tokenizer=pretrained)
