"""The Python door to a trained model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from tandem.corpora.schema.tag_schemes import repair_iob2, spans_of
from tandem.evaluation.scoring.predicting import Predictions, predict
from tandem.hardware.execution import Execution, choose_for_reading
from tandem.hardware.machine import detect
from tandem.hardware.memory import PassLimit
from tandem.hardware.process import prepare_torch
from tandem.model.folder import LoadedModel, load_model
from tandem.serving.answers import Answer, Choice, Entity
from tandem.serving.cards import check_fit, read_card
from tandem.serving.rules import AnswerRules, find_rules
from tandem.serving.texts import ReadTexts, TextReader
from tandem.tokens.batches.examples import Examples
from tandem.training.passing.passes import EncoderPass, Pass

TEXTS_AT_ONCE = 512
CHARACTERS_AT_ONCE = 250_000

Given = TypeVar("Given")
MakePass = Callable[[Examples], Pass]


class Tandem:
    """A trained model that answers for all its tasks in one pass of the encoder.

    >>> from tandem import Tandem
    >>> model = Tandem.load("data/model")
    >>> answer, = model(["What a lovely film, said Anna in Oslo."])
    >>> answer.classes["sentiment"].label
    'positive'
    >>> [(entity.label, entity.text, entity.start, entity.end) for entity in answer.entities["entities"]]
    [('PERSON', 'Anna', 25, 29), ('GPE', 'Oslo', 33, 37)]
    >>> answer.redacted()
    'What a lovely film, said [PERSON] in [GPE].'
    """

    def __init__(self, reader: TextReader, make_pass: MakePass, execution: Execution, rules: AnswerRules) -> None:
        self.reader = reader
        self.rules = rules
        self._make_pass = make_pass
        self._limit = PassLimit(execution.pass_size)

    @classmethod
    def load(cls, folder: str | Path, *, device: Literal["auto", "cpu", "cuda", "mps"] = "auto") -> Tandem:
        """Load a model's folder.

        Raises `TandemError` if a file of it is missing, altered or from a newer Tandem, or the device is not there.
        """
        return cls.from_loaded(load_model(Path(folder)), choose_for_reading(detect(device)))

    @classmethod
    def from_loaded(cls, loaded: LoadedModel, execution: Execution) -> Tandem:
        """Take a model that is in memory already."""
        prepare_torch(execution)
        model = loaded.model.to(execution.device).eval()

        def make_pass(examples: Examples) -> Pass:
            return EncoderPass(model, examples, execution, reading=True)

        heads, card = model.head_configs, read_card(loaded.folder, loaded.card)
        n_outputs = {task: head.n_labels for task, head in heads.items()}
        check_fit(loaded.folder, card, n_outputs, max_positions=model.encoder.config.max_positions)
        reader = TextReader(loaded.folder, card, {task: head.kind for task, head in heads.items()})
        reader.check_pieces(model.encoder.config.vocabulary_size)
        return cls(reader, make_pass, execution, find_rules(loaded))

    @classmethod
    def load_graph(cls, folder: str | Path) -> Tandem:
        """Load what `tandem export onnx` wrote; raises `TandemError` as `load`, and if ONNX Runtime is missing."""
        from tandem.serving.graphs import GraphPass, load_graph  # noqa: PLC0415 - an optional package

        execution = choose_for_reading(detect("cpu"))
        graph = load_graph(Path(folder), threads=execution.threads)
        card = read_card(graph.folder, graph.card)
        check_fit(graph.folder, card, graph.n_outputs, max_positions=None)
        reader = TextReader(graph.folder, card, graph.kinds)
        return cls(reader, partial(GraphPass, graph), execution, graph.rules)

    def __call__(self, texts: Iterable[str], *, for_recall: bool = False) -> list[Answer]:
        """Answer for texts of any length, in their order.

        With `for_recall`, tags are read with the bias on `O` that the evaluation chose for its target recall, if it
        chose one. Raises `TandemError` for a text that is blank or that UTF-8 cannot say.
        """
        return [answer for some in cut(texts) for answer in self.answer(some, for_recall=for_recall)]

    def stream(self, texts: Iterable[str], *, for_recall: bool = False) -> Iterator[Answer]:
        """As a call, but with a few hundred texts in memory at a time."""
        for some in cut(texts):
            yield from self.answer(some, for_recall=for_recall)

    def answer(self, texts: Sequence[str], *, for_recall: bool = False) -> list[Answer]:
        """Answer for as many texts as should be read at once."""
        rules = self.rules if for_recall else self.rules.without_biases()
        read = self.reader.read(texts)
        run = self._make_pass(read.examples)
        found = self._limit.run(lambda size: predict(run, read.examples, size=size))
        classes, entities = {}, {}
        for task, kind in self.reader.kinds.items():
            applied = rules.apply(task, found[task], is_tagging=kind == "tagging")
            if kind == "tagging":
                entities[task] = _entities(read, applied)
            else:
                classes[task] = _choices(applied, len(texts))
        return [
            Answer(
                text=text,
                classes={task: choices[number] for task, choices in classes.items()},
                entities={task: several[number] for task, several in entities.items()},
            )
            for number, text in enumerate(texts)
        ]


def cut(texts: Iterable[Given], length_of: Callable[[Given], int] = len) -> Iterator[list[Given]]:  # type: ignore[assignment]
    """Group texts to so many that those of like length can share a pass, and that fit in memory."""
    some: list[Given] = []
    n_characters = 0
    for text in texts:
        some.append(text)
        n_characters += length_of(text)
        if len(some) >= TEXTS_AT_ONCE or n_characters >= CHARACTERS_AT_ONCE:
            yield some
            some, n_characters = [], 0
    if some:
        yield some


def _choices(found: Predictions, n_texts: int) -> list[Choice]:
    """The classes in the order of the texts, whichever way each was read."""
    rows = np.empty(n_texts, dtype=np.int64)
    rows[found.texts % n_texts] = np.arange(n_texts)
    answers, probabilities = found.answers()[rows], found.probabilities()[rows].tolist()
    return [
        Choice(
            label=found.names[answer],
            probability=row[answer],
            probabilities=dict(zip(found.names, row, strict=True)),
        )
        for answer, row in zip(answers.tolist(), probabilities, strict=True)
    ]


def _entities(read: ReadTexts, found: Predictions) -> list[tuple[Entity, ...]]:
    """The entities of each text; where greedy decoding lets an entity go on that never began, it begins there."""
    names = np.array(found.names, dtype=object)
    tags, sure = names[found.answers()].tolist(), found.confidences().tolist()
    starts = np.searchsorted(found.texts, np.arange(len(read.texts))).tolist()
    several = []
    for text, words, row in zip(read.texts, read.words, starts, strict=True):
        own = slice(row, row + len(words))
        entities = []
        for first, after, label in spans_of(repair_iob2(tags[own])[0]):
            start, end = words[first][0], words[after - 1][1]
            score = sum(sure[own][first:after]) / (after - first)
            entities.append(Entity(start=start, end=end, label=label, text=text[start:end], score=score))
        several.append(tuple(entities))
    return several
