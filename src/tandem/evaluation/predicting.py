"""The logits of every text and every word of a split, each exactly once.

A long text's class comes from the mean of its windows' logits; a word's tag from the window that owns it. A
word that no window holds (cut off, or without a piece) has no logits and counts as `O`.

Shapes: `rows` are a task's texts (classification) or the words of its texts (tagging).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tandem.hardware.execution import Execution
from tandem.tokens.examples import Examples, Integers, translate
from tandem.tokens.ragged import IGNORED
from tandem.training.passes import Pass
from tandem.training.progress import watch

Floats = NDArray[np.float32]


class Predictions(NamedTuple):
    """One task over one split; `names` are the head's labels, then what only the gold answers hold."""

    names: tuple[str, ...]
    stores: Integers  # (rows,)
    texts: Integers  # (rows,) number of the text within its store
    gold: Integers  # (rows,) ids in `names`
    logits: Floats  # (rows, labels)
    read: NDArray[np.bool_]  # (rows,) False where no window holds the word

    def answers(self) -> Integers:
        """The likeliest label of each row; the first label, for tagging `O`, where a word was not read."""
        return np.where(self.read, self.logits.argmax(axis=1), 0)

    def probabilities(self) -> Floats:
        """The softmax of the logits: (rows, labels)."""
        raised = np.exp(self.logits - self.logits.max(axis=1, keepdims=True))
        return raised / raised.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]

    def mean_loss(self) -> float:
        """Mean cross-entropy over the rows that were read and whose answer the head knows; 0 without any."""
        counted = self.read & (self.gold < self.logits.shape[1])
        if not counted.any():
            return 0.0
        right = self.probabilities()[counted, self.gold[counted]].astype(np.float64)
        return float(-np.log(np.maximum(right, 1e-38)).mean())


class _Rows(NamedTuple):
    """Where a task's rows lie among a store's texts or words."""

    texts: Integers  # (rows,)
    gold: NDArray[np.int16]  # (rows,) the store's own ids
    row_of: Integers  # (texts or words of the store,) row, counted from the task's first; -1 where not the task's


def predict(run: Pass, examples: Examples, execution: Execution, *, what: str = "") -> dict[str, Predictions]:
    """Predict every task's texts of a split, showing progress if it is named; the model must be in evaluation mode."""
    rows = {task: _rows_of(examples, task) for task in examples.members}
    found = {task: _blank(examples, task, rows[task]) for task in examples.members}
    everything = {task: np.arange(len(members)) for task, members in examples.members.items()}
    batches = examples.batches(everything, size=execution.pass_size, reading=True)
    if what:
        batches = watch(batches, what, n_windows=sum(store.n_windows for store in examples.stores))
    with torch.inference_mode():
        for batch in batches:
            for task, logits in run(batch).items():
                targets = batch.targets[task]
                own = rows[task][batch.store].row_of[targets.owners]
                np.add.at(found[task].logits, own, logits.float().cpu().numpy() * targets.weights[:, None])
                found[task].read[own] = True
    return found


def _rows_of(examples: Examples, task: str) -> list[_Rows]:
    tables, before = [], 0
    for number, store in enumerate(examples.stores):
        if task not in store.meta.vocabularies:
            tables.append(_Rows(np.empty(0, np.int64), np.empty(0, np.int16), np.empty(0, np.int64)))
            continue
        taken = np.zeros(store.n_texts, dtype=bool)
        taken[examples.texts_of(task, number)] = True
        texts, gold = np.arange(store.n_texts), store.text_labels.get(task)
        if examples.kinds[task] == "tagging":
            texts, gold = np.repeat(texts, np.diff(store.word_starts)), store.word_tags[task]
        taken = taken[texts]
        row_of = np.where(taken, np.cumsum(taken) - 1 + before, -1)
        tables.append(_Rows(texts[taken], np.asarray(gold)[taken], row_of))
        before += int(taken.sum())
    return tables


def _blank(examples: Examples, task: str, rows: list[_Rows]) -> Predictions:
    vocabularies = [store.meta.vocabularies.get(task, ()) for store in examples.stores]
    labels = examples.labels[task]
    names = (*labels, *sorted({name for names in vocabularies for name in names} - set(labels)))
    numbers = {name: number for number, name in enumerate(names)}
    gold = [
        translate(own.gold, [numbers[name] for name in vocabulary])
        for own, vocabulary in zip(rows, vocabularies, strict=True)
    ]
    texts = np.concatenate([own.texts for own in rows])
    gold_ids = np.concatenate(gold)
    assert not (gold_ids == IGNORED).any(), "a task's row without a gold answer"
    return Predictions(
        names=names,
        stores=np.repeat(np.arange(len(rows)), [len(own.texts) for own in rows]),
        texts=texts,
        gold=gold_ids,
        logits=np.zeros((len(texts), len(labels)), dtype=np.float32),
        read=np.zeros(len(texts), dtype=bool),
    )
