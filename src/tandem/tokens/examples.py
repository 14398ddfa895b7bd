"""The texts of one split over all corpora, seen as what each task learns from, and the batches cut from them.

Shapes: `rows` windows padded to `seq` pieces; a task's `counted` places are the rows (classification) or the
pieces (tagging) that carry an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandem.errors import TandemError
from tandem.params import Kind, Params, Task
from tandem.tokens.batching import PassSize, group_by_length, pad
from tandem.tokens.ragged import IGNORED
from tandem.tokens.store import TokenStore

Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


class Targets(NamedTuple):
    """Where a batch holds a task's answers, and what they are; each array is (counted,)."""

    places: Integers  # flat: row, or row * seq + piece
    answers: Integers  # label or tag ids, IGNORED where the head does not know the name
    weights: NDArray[np.float32]  # the windows of a text share its weight of 1
    owners: Integers  # number of the text, or of the word, in the store; -1 for a piece that is only learnt from


class Batch(NamedTuple):
    """Padded windows of one store with the answers of the tasks that learn from them."""

    store: int
    windows: Integers  # (rows,)
    ids: Integers  # (rows, seq)
    mask: Booleans  # (rows, seq), True at real pieces
    targets: dict[str, Targets]


@dataclass(frozen=True, kw_only=True)
class Examples:
    """One split of every corpus.

    `labels[task]` are the names that the task's head tells apart; `members[task]` is (texts, 2): store and text
    of each text that has an answer for the task, in order.
    """

    corpora: tuple[str, ...]
    stores: tuple[TokenStore, ...]
    labels: Mapping[str, tuple[str, ...]]
    kinds: Mapping[str, Kind]
    members: Mapping[str, Integers]

    def without(self, keys: NDArray[np.uint64]) -> Examples:
        """The examples less every text whose key is among `keys`."""
        first = np.cumsum([0, *(store.n_texts for store in self.stores)])
        leaked = np.concatenate([np.isin(store.text_keys, keys) for store in self.stores])
        kept = {task: rows[~leaked[first[rows[:, 0]] + rows[:, 1]]] for task, rows in self.members.items()}
        return replace(self, members=kept)

    def texts_of(self, task: str, store: int) -> Integers:
        """The task's texts in one store."""
        members = self.members[task]
        texts: Integers = members[members[:, 0] == store, 1]
        return texts

    def batches(self, chosen: Mapping[str, Integers], *, size: PassSize, reading: bool) -> Iterator[Batch]:
        """Cut the chosen texts of each task into batches that each fit into a pass of the encoder.

        `chosen[task]` are rows of `members[task]`; a text that several tasks chose is encoded once. With
        `reading`, tagging counts the piece where each word's prediction is read; without, every piece that
        carries a training tag.
        """
        for number, store in enumerate(self.stores):
            texts = {task: self._chosen_of(task, number, rows) for task, rows in chosen.items()}
            windows = store.windows_of(np.unique(np.concatenate(list(texts.values()))))
            for group in group_by_length(store.window_lengths[windows], size):
                yield self._batch(number, windows[group], texts, reading=reading)

    def _chosen_of(self, task: str, store: int, rows: Integers) -> Integers:
        members = self.members[task][rows]
        return np.unique(members[members[:, 0] == store, 1])

    def _batch(self, number: int, windows: Integers, texts: Mapping[str, Integers], *, reading: bool) -> Batch:
        store = self.stores[number]
        padded = pad(store, windows)
        targets = {}
        for task, own in texts.items():
            taking = np.isin(store.window_texts[windows], own)
            if not taking.any():
                continue
            if self.kinds[task] == "classification":
                targets[task] = self._label_targets(store, windows, taking, task)
            else:
                targets[task] = self._tag_targets(store, windows, taking, task, reading=reading)
        return Batch(number, windows, padded.ids, padded.mask, targets)

    def _label_targets(self, store: TokenStore, windows: Integers, taking: Booleans, task: str) -> Targets:
        rows = np.flatnonzero(taking)
        texts = store.window_texts[windows[rows]].astype(np.int64)
        first, last = np.searchsorted(store.window_texts, [texts, texts + 1])
        answers = self._learnable(store, task, store.text_labels[task][texts])
        return Targets(rows, answers, (1 / (last - first)).astype(np.float32), texts)

    def _tag_targets(
        self, store: TokenStore, windows: Integers, taking: Booleans, task: str, *, reading: bool
    ) -> Targets:
        lengths = store.window_lengths[windows]
        taken_lengths = np.where(taking, lengths, 0)
        rows = np.repeat(np.arange(len(windows)), taken_lengths)
        columns = np.arange(len(rows)) - np.repeat(np.cumsum(taken_lengths) - taken_lengths, taken_lengths)
        pieces = store.window_starts[windows[rows]] + columns
        words = store.piece_words[pieces].astype(np.int64)
        counted = words >= 0 if reading else store.piece_tags[task][pieces] != IGNORED
        owners = np.where(words >= 0, store.word_starts[store.window_texts[windows[rows]]] + words, -1)[counted]
        local = store.word_tags[task][owners] if reading else store.piece_tags[task][pieces[counted]]
        places = rows[counted] * int(lengths.max()) + columns[counted]
        return Targets(places, self._learnable(store, task, local), np.ones(len(places), np.float32), owners)

    def _learnable(self, store: TokenStore, task: str, local: NDArray[np.int16]) -> Integers:
        """From the store's own ids to the head's."""
        known = {name: number for number, name in enumerate(self.labels[task])}
        return translate(local, [known.get(name, IGNORED) for name in store.meta.vocabularies[task]])


def translate(local: NDArray[np.int16], table: Sequence[int]) -> Integers:
    """Replace each of a store's ids by its entry of `table`; IGNORED stays."""
    extended = np.array([*table, IGNORED], dtype=np.int64)
    return extended[np.where(local == IGNORED, len(table), local)]


def gather_examples(
    stores: Mapping[str, TokenStore], tasks: Mapping[str, Task], labels: Mapping[str, tuple[str, ...]]
) -> Examples:
    """Find which texts of the corpora's stores each task has an answer for."""
    members = {}
    for name, task in tasks.items():
        texts = [_answered(store, name, task.kind) for store in stores.values()]
        numbers = np.repeat(np.arange(len(stores)), [len(own) for own in texts])
        members[name] = np.stack([numbers, np.concatenate(texts)], axis=1)
    kinds = {name: task.kind for name, task in tasks.items()}
    return Examples(corpora=tuple(stores), stores=tuple(stores.values()), labels=labels, kinds=kinds, members=members)


def task_labels(tasks: Mapping[str, Task], stores: Sequence[TokenStore]) -> dict[str, tuple[str, ...]]:
    """The names that each head tells apart, in order: as declared, or as the training splits hold them.

    For tagging these are `O` and then B- and I- of each entity type. Raises `TandemError` if a task's training
    texts hold fewer than two of them.
    """
    found = {}
    for name, task in tasks.items():
        seen = sorted({label for store in stores for label in store.meta.train_labels.get(name, ())})
        found[name] = tuple(task.labels or seen) if task.kind == "classification" else _tag_names(task, seen)
        if len(set(seen) & set(found[name])) < 2:
            raise TandemError(
                f"tasks.{name} has nothing to tell apart: its training texts hold {', '.join(seen) or 'no label'}; "
                "check corpora.*.labels and .tags, tasks.*.labels, and data/metrics/clean"
            )
    return found


def _tag_names(task: Task, seen: Sequence[str]) -> tuple[str, ...]:
    types = task.labels or sorted({tag[2:] for tag in seen if tag != "O"})
    return ("O", *(f"{prefix}-{kind}" for kind in types for prefix in "BI"))


def _answered(store: TokenStore, task: str, kind: str) -> Integers:
    """The texts of a store that have an answer for the task."""
    if task not in store.meta.vocabularies:
        return np.empty(0, dtype=np.int64)
    if kind == "classification":
        return np.flatnonzero(store.text_labels[task] != IGNORED)
    tagged_words = np.concatenate([[0], np.cumsum(store.word_tags[task] != IGNORED)])
    return np.flatnonzero(np.diff(tagged_words[store.word_starts]) > 0)


def open_examples(tokens: Path, params: Params, split: str) -> Examples:
    """Open one split of every corpus under `tokens`, labelled by what the training splits hold.

    Raises `TandemError` if a store is missing or was made for another tokenizer than the others.
    """
    stores = {name: TokenStore.open(tokens / name / split) for name in params.corpora}
    if len({store.meta.tokenizer for store in stores.values()}) > 1:
        raise TandemError(f"the corpora under {tokens} were read with different tokenizers: run `dvc repro`")
    labels = task_labels(params.tasks, tuple(stores.values()))
    return gather_examples(stores, params.tasks, labels)
