"""The texts of one split over all corpora, seen as what each task learns from, and the batches cut from them.

Shapes: `rows` windows padded to `seq` pieces; a task's `counted` places are the rows (classification) or the
pieces (tagging) that carry an answer. Texts, windows and words are numbered through all corpora (see `shelf`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandem.errors import TandemError
from tandem.params import Kind, Params, Task
from tandem.tokens.batches.batching import PassSize, group_by_length
from tandem.tokens.batches.label_names import task_labels
from tandem.tokens.batches.shelf import Shelf
from tandem.tokens.storage.ragged import IGNORED, Ints, spread
from tandem.tokens.storage.store import TokenStore

Booleans = NDArray[np.bool_]


class Targets(NamedTuple):
    """Where a batch holds a task's answers, and what they are; each array is (counted,)."""

    places: Ints  # flat: row, or row * seq + piece
    answers: Ints  # label or tag ids, IGNORED where the head does not know the name
    weights: NDArray[np.float32]  # the windows of a text share its weight of 1
    owners: Ints  # number of the text, or of the word; -1 for a piece that is only learnt from


class Batch(NamedTuple):
    """Padded windows with the answers of the tasks that learn from them."""

    windows: Ints  # (rows,)
    ids: Ints  # (rows, seq)
    mask: Booleans  # (rows, seq), True at real pieces
    targets: dict[str, Targets]
    n_computed: int  # pieces that the layers compute: with the padding, unless it is skipped

    @property
    def n_pieces(self) -> int:
        """Real pieces."""
        return int(self.mask.sum())


class Part(NamedTuple):
    """One process's part of the work: every `of`-th window in the order of length, from `number` on."""

    number: int
    of: int


ALL = Part(0, 1)


@dataclass(frozen=True, kw_only=True)
class Examples:
    """One split of every corpus.

    `labels[task]` are the names that the task's head tells apart; `members[task]` (texts,) are the numbers, ascending,
    of the texts that have an answer for the task.
    """

    shelf: Shelf
    labels: Mapping[str, tuple[str, ...]]
    kinds: Mapping[str, Kind]
    members: Mapping[str, Ints]

    def without(self, keys: NDArray[np.uint64]) -> Examples:
        """The examples less every text whose key is among `keys`."""
        kept = ~np.isin(self.shelf.text_keys, keys)
        return replace(self, members={task: texts[kept[texts]] for task, texts in self.members.items()})

    def answers_of(self, task: str, owners: Ints) -> Ints:
        """The right answers for texts, or for words if the task tags them, as ids of the head: (n) to (n)."""
        gather = partial(self.shelf.gather_answers, owners, task=task, names=self.labels[task])
        if self.kinds[task] == "classification":
            return gather(self.shelf.first_texts, lambda store: store.text_labels[task])
        return gather(self.shelf.first_words, lambda store: store.word_tags[task])

    def count_labels(self, task: str) -> NDArray[np.int64]:
        """How many texts (or words) of the split have each of the head's labels: (labels,)."""
        owners = self.members[task]
        if self.kinds[task] == "tagging":
            owners = self.words_of(owners)
        answers = self.answers_of(task, owners)
        return np.bincount(answers[answers != IGNORED], minlength=len(self.labels[task]))

    def words_of(self, texts: Ints) -> Ints:
        """All words of the given texts, text after text: (n) to (words of these)."""
        first = np.append(self.shelf.text_words, self.shelf.first_words[-1])
        return spread(first[texts], first[texts + 1] - first[texts])

    def batches(
        self, chosen: Mapping[str, Ints], *, size: PassSize, reading: bool, part: Part = ALL
    ) -> Iterator[Batch]:
        """Cut the chosen texts of each task into batches that each fit into a pass of the encoder.

        A text that several tasks chose is encoded once. With `reading`, tagging counts the piece where each word's
        prediction is read; without, every piece that carries a training tag.
        """
        takers = {task: np.zeros(self.shelf.n_texts, dtype=bool) for task in chosen}
        for task, texts in chosen.items():
            takers[task][texts] = True
        windows = self.shelf.windows_of(np.unique(np.concatenate(list(chosen.values()))))
        if part.of > 1:
            order = np.argsort(-self.shelf.window_lengths[windows], kind="stable")
            windows = windows[order[part.number :: part.of]]
        for group in group_by_length(self.shelf.window_lengths[windows], size):
            yield self._batch(windows[group], takers, size, reading=reading)

    def _batch(self, windows: Ints, takers: Mapping[str, Booleans], size: PassSize, *, reading: bool) -> Batch:
        shelf = self.shelf
        lengths = shelf.window_lengths[windows]
        pieces = spread(shelf.window_pieces[windows], lengths)  # of all rows, end to end
        rows = np.repeat(np.arange(len(windows)), lengths)
        columns = pieces - shelf.window_pieces[windows[rows]]
        ids = np.full((len(windows), int(lengths.max())), shelf.pad_id)
        ids[rows, columns] = shelf.gather(pieces, shelf.first_pieces, lambda store: store.pieces)
        mask = np.arange(ids.shape[1]) < lengths[:, None]
        targets = {}
        for task, takes in takers.items():
            taking = takes[shelf.window_texts[windows]]
            if self.kinds[task] == "classification" and taking.any():
                targets[task] = self._label_targets(windows, taking, task)
            elif taking.any():
                own = taking[rows]
                places = rows[own] * ids.shape[1] + columns[own]
                texts = shelf.window_texts[windows[rows[own]]]
                targets[task] = self._tag_targets(task, pieces[own], places, texts, reading=reading)
        return Batch(windows, ids, mask, targets, ids.size if size.counts_padding else len(pieces))

    def _label_targets(self, windows: Ints, taking: Booleans, task: str) -> Targets:
        rows = np.flatnonzero(taking)
        texts = self.shelf.window_texts[windows[rows]]
        n_windows = self.shelf.text_windows[texts + 1] - self.shelf.text_windows[texts]
        return Targets(rows, self.answers_of(task, texts), (1 / n_windows).astype(np.float32), texts)

    def _tag_targets(self, task: str, pieces: Ints, places: Ints, texts: Ints, *, reading: bool) -> Targets:
        shelf = self.shelf
        words = shelf.gather(pieces, shelf.first_pieces, lambda store: store.piece_words)
        owners = np.where(words >= 0, shelf.text_words[texts] + words, -1)
        if reading:
            counted = owners >= 0
            answers = self.answers_of(task, owners[counted])
        else:
            tags = shelf.gather_answers(
                pieces, shelf.first_pieces, lambda store: store.piece_tags[task], task=task, names=self.labels[task]
            )
            counted = tags != IGNORED
            answers = tags[counted]
        return Targets(places[counted], answers, np.ones(len(answers), np.float32), owners[counted])


def gather_examples(
    stores: Sequence[TokenStore], tasks: Mapping[str, Task], labels: Mapping[str, tuple[str, ...]]
) -> Examples:
    """Find which texts of the corpora's stores each task has an answer for."""
    shelf = Shelf(tuple(stores))
    members = {
        name: np.concatenate(
            [first + _answered(store, name, task.kind) for first, store in zip(shelf.first_texts, stores, strict=False)]
        )
        for name, task in tasks.items()
    }
    kinds = {name: task.kind for name, task in tasks.items()}
    return Examples(shelf=shelf, labels=labels, kinds=kinds, members=members)


def _answered(store: TokenStore, task: str, kind: str) -> Ints:
    """The texts of a store that have an answer for the task."""
    if task not in store.meta.vocabularies:
        return np.empty(0, dtype=np.int64)
    if kind == "classification":
        return np.flatnonzero(store.text_labels[task] != IGNORED)
    tagged_words = np.concatenate([[0], np.cumsum(store.word_tags[task] != IGNORED)])
    return np.flatnonzero(np.diff(tagged_words[store.word_starts]) > 0)


def open_examples(tokens: Path, params: Params, split: str) -> Examples:
    """Open one split of every corpus under `tokens`, labelled by what the training splits hold.

    Raises `TandemError` if a store is missing or was made for another tokenizer than the others, and as `task_labels`.
    """
    stores = {name: TokenStore.open(tokens / name / split) for name in params.corpora}
    if len({store.meta.tokenizer for store in stores.values()}) > 1:
        raise TandemError(f"the corpora under {tokens} were read with different tokenizers: run `dvc repro`")
    return gather_examples(list(stores.values()), params.tasks, task_labels(params.tasks, stores))
