"""The logits of every text and every word of a split, each exactly once.

A long text's class comes from the mean of its windows' logits; a word's tag from the window that owns it. A
word that no window holds (cut off, or without a piece) has no logits and counts as `O`.

Shapes: `rows` are a task's texts (classification) or the words of its texts (tagging).
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tandem.tokens.batches.batching import PassSize
from tandem.tokens.batches.examples import Examples
from tandem.tokens.storage.ragged import IGNORED, Ints
from tandem.training.passing.bars import watch
from tandem.training.passing.passes import Pass
from tandem.training.passing.processes import ALONE, Crew

Floats = NDArray[np.float32]


class Predictions(NamedTuple):
    """One task over one split; `names` are the head's labels, then what only the gold answers hold."""

    names: tuple[str, ...]
    texts: Ints  # (rows,) number of the text, ascending
    gold: Ints  # (rows,) ids in `names`; IGNORED throughout where no corpus knows the task
    logits: Floats  # (rows, labels)
    read: NDArray[np.bool_]  # (rows,) False where no window holds the word
    decoded: Ints | None = (
        None  # (rows,) the answers, where they were chosen otherwise than row by row (see `decoding`)
    )

    @property
    def text_starts(self) -> Ints:
        """The first row of each text: (texts,)."""
        return np.flatnonzero(np.diff(self.texts, prepend=-1))

    def answers(self) -> Ints:
        """The answer of each row: as decoded, or else the likeliest label, and `O` where a word was not read."""
        if self.decoded is not None:
            return self.decoded
        return np.where(self.read, self.logits.argmax(axis=1), 0)

    def confidences(self) -> Floats:
        """The probability of each row's answer: (rows,)."""
        return self.probabilities()[np.arange(len(self.gold)), self.answers()]

    def probabilities(self) -> Floats:
        """The softmax of the logits: (rows, labels)."""
        raised = np.exp(self.logits - self.logits.max(axis=1, keepdims=True))
        return raised / raised.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]

    @property
    def answerable(self) -> NDArray[np.bool_]:
        """The rows that were read and whose answer the head knows: (rows,)."""
        found: NDArray[np.bool_] = self.read & (self.gold < self.logits.shape[1])
        return found

    def mean_loss(self) -> float:
        """Mean cross-entropy over the answerable rows; 0 without any."""
        counted = self.answerable
        if not counted.any():
            return 0.0
        right = self.probabilities()[counted, self.gold[counted]].astype(np.float64)
        return float(-np.log(np.maximum(right, 1e-38)).mean())


def predict(
    run: Pass, examples: Examples, *, size: PassSize, crew: Crew = ALONE, what: str = ""
) -> dict[str, Predictions]:
    """Predict every task's texts of a split, showing progress if it is named; the model must be in evaluation mode.

    The processes of a crew each predict a part, and all of them get the whole.
    """
    owners = {task: _owners(examples, task) for task in examples.members}
    found = {task: _blank(examples, task, owners[task]) for task in examples.members}
    batches = run.batches(examples.members, size=size, part=crew.part)
    if what:
        batches = watch(batches, what, n_windows=examples.shelf.n_windows)
    with torch.inference_mode():
        for batch in batches:
            for task, logits in run(batch).items():
                targets = batch.targets[task]
                rows = np.searchsorted(owners[task], targets.owners)
                np.add.at(found[task].logits, rows, logits.float().cpu().numpy() * targets.weights[:, None])
                found[task].read[rows] = True
    return {task: _gathered(predictions, crew) for task, predictions in found.items()}


def _owners(examples: Examples, task: str) -> Ints:
    """The numbers of the task's texts, or of their words: (rows,), ascending."""
    texts = examples.members[task]
    return examples.words_of(texts) if examples.kinds[task] == "tagging" else texts


def _blank(examples: Examples, task: str, owners: Ints) -> Predictions:
    labels = examples.labels[task]
    known = {name for store in examples.shelf.stores for name in store.meta.vocabularies.get(task, ())}
    names = (*labels, *sorted(known - set(labels)))
    gold = replace(examples, labels={task: names}).answers_of(task, owners)
    assert not known or not (gold == IGNORED).any(), "a task's row without a gold answer"
    texts = owners
    if examples.kinds[task] == "tagging":
        texts = np.searchsorted(examples.shelf.text_words, owners, side="right") - 1
    return Predictions(
        names=names,
        texts=texts,
        gold=gold,
        logits=np.zeros((len(owners), len(labels)), dtype=np.float32),
        read=np.zeros(len(owners), dtype=bool),
    )


def _gathered(predictions: Predictions, crew: Crew) -> Predictions:
    read = predictions.read.astype(np.float32)
    crew.total(predictions.logits)
    crew.total(read)
    return predictions._replace(read=read > 0)
