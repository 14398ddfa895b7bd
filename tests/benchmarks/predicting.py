"""Answers of a trained model for texts of mixed length: ours in one pass against two pipelines of `transformers`.

Both have the same weights, and the answers are compared before anything is timed. A class for texts there reads the
first piece alone, so the model in use is the trained one with `cls` in place of its pooling: the work is the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from transformers import pipeline

from tandem.corpora.schema.records import Record, read_records
from tandem.export.huggingface import export_huggingface, quiet_transformers
from tandem.hardware.execution import choose_for_reading
from tandem.hardware.machine import detect
from tandem.model.folder import LoadedModel, load_model, save_model
from tandem.model.multitask import MultiTaskModel
from tandem.model.weights import copy_into
from tandem.serving.answers import Answer
from tandem.serving.door import Tandem
from tandem.serving.rules import AnswerRules
from tandem.tokens.pieces.tokenizer import load_tokenizer
from tests.benchmarks import Measurement, Request, in_turn
from tests.benchmarks.samples import spaced

BATCH_SIZE = 32
MOST_WORDS = 80
CLOSE = 1e-4

Row = dict[str, Any]


class Pipelines(NamedTuple):
    """The reference: one pipeline a task."""

    classify: Callable[..., list[list[Row]]]
    tag: Callable[..., list[list[Row]]]

    def run(self, texts: Sequence[str]) -> tuple[list[list[Row]], list[list[Row]]]:
        """All answers for the texts."""
        return self.classify(list(texts), batch_size=BATCH_SIZE), self.tag(list(texts), batch_size=BATCH_SIZE)


def against_pipelines(request: Request) -> Measurement:
    """Texts a second with classes and entities, from texts to answers."""
    whole = load_model(request.model)
    texts = mixed_texts(request, whole, request.size(1000, 12))
    with tempfile.TemporaryDirectory() as folder, quiet_transformers():
        loaded = reading_first_pieces(whole, Path(folder) / "model")
        export_huggingface(loaded, Path(folder) / "out")
        theirs = _pipelines(loaded, Path(folder) / "out")
        ours = Tandem.from_loaded(loaded, choose_for_reading(detect("cpu")))
        n_same = _count_same(ours, theirs, texts)
        measured = in_turn(
            lambda: ours(texts),
            lambda: theirs.run(texts),
            rounds=request.rounds,
            warm_up=not request.quick,
            note=f"cpu, float32; {len(texts):,} texts of {_lengths(texts)} words, the reference in batches of "
            f"{BATCH_SIZE}; classes equal in all, entities in {n_same:,}",
            limit=1.3,
        )
    return measured.per_second(len(texts), "texts")


def mixed_texts(request: Request, loaded: LoadedModel, count: int) -> list[str]:
    """Test texts of both corpora by turns; in every fourth several stand together, so that some are long.

    What is longer than a window is left out: there, the reference reads on, and we read windows.
    """
    tokenizer = load_tokenizer(loaded.folder).backend
    records = [list(read_records(path)) for path in sorted(request.splits.glob("*/test.jsonl"))]
    picked = [spaced(own, count) for own in records]
    texts: list[str] = []
    for number in range(count):
        own = picked[number % len(picked)]
        texts.append(_joined(own, number, 1 if number % 4 else 1 + number // 4 % 4))
    return [text for text in texts if len(tokenizer.encode(text).ids) <= loaded.card["max_length"]]


def _joined(records: Sequence[Record], number: int, n_texts: int) -> str:
    words: list[str] = []
    for offset in range(n_texts):
        more = records[(number + offset) % len(records)].surface.split()
        words += more if not words or len(words) + len(more) <= MOST_WORDS else []
    return " ".join(words[:MOST_WORDS])


def _lengths(texts: Sequence[str]) -> str:
    lengths = [len(text.split()) for text in texts]
    return f"{min(lengths)} to {max(lengths)} (mean {np.mean(lengths):.0f})"


def reading_first_pieces(loaded: LoadedModel, folder: Path) -> LoadedModel:
    """The same model with `cls` for its pooling, saved in a folder."""
    tensors = {name: tensor for name, tensor in loaded.model.named_parameters() if not name.startswith("pooler.")}
    model = MultiTaskModel(
        loaded.model.encoder.config, loaded.model.head_configs, pooling="cls", dropout=0.0, encoder_dropout=0.0
    )
    copy_into(model, tensors, loaded.folder)
    save_model(folder, model, card=loaded.card, tokenizer_source=loaded.folder)
    return load_model(folder)


def _pipelines(loaded: LoadedModel, folder: Path) -> Pipelines:
    names = {head.kind: str(folder / task) for task, head in loaded.model.head_configs.items()}
    return Pipelines(
        classify=pipeline("text-classification", model=names["classification"], top_k=None, device="cpu"),
        tag=pipeline("token-classification", model=names["tagging"], aggregation_strategy="first", device="cpu"),
    )


def _count_same(ours: Tandem, theirs: Pipelines, texts: Sequence[str]) -> int:
    """How many texts have the same entities, each word's tag chosen by itself as the reference does.

    All classes must be the same; words that the two cut differently may have other entities, which must be rare.
    """
    usual, ours.rules = ours.rules, AnswerRules(decoding="greedy")
    answers = ours(texts)
    ours.rules = usual
    n_same = 0
    for answer, classes, entities in zip(answers, *theirs.run(texts), strict=True):
        (choice,) = answer.classes.values()
        found = {row["label"]: row["score"] for row in classes}
        assert all(abs(found[label] - value) < CLOSE for label, value in choice.probabilities.items()), answer.text
        n_same += _entities_of(answer) == [(row["entity_group"], row["start"], row["end"]) for row in entities]
    assert n_same >= 0.99 * len(texts), f"only {n_same} of {len(texts)} texts have the same entities"
    return n_same


def _entities_of(answer: Answer) -> list[tuple[str, int, int]]:
    (entities,) = answer.entities.values()
    return [(entity.label, entity.start, entity.end) for entity in entities]
