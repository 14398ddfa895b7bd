"""Token stores side by side, as one: texts, windows, pieces and words are numbered through all of them.

What is small (a number or two a window or text) is laid together in memory; pieces stay mapped and are gathered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tandem.tokens.storage.ragged import IGNORED, Ints, spread, starts_of
from tandem.tokens.storage.store import TokenStore


@dataclass(frozen=True, eq=False)
class Shelf:
    """The stores of one split, in the order of their corpora."""

    stores: tuple[TokenStore, ...]

    @cached_property
    def first_texts(self) -> Ints:
        """The number of each store's first text, and how many there are: (stores + 1)."""
        return starts_of([store.n_texts for store in self.stores])

    @cached_property
    def first_pieces(self) -> Ints:
        """The number of each store's first piece, and how many there are: (stores + 1)."""
        return starts_of([store.n_pieces for store in self.stores])

    @cached_property
    def first_words(self) -> Ints:
        """The number of each store's first word, and how many there are: (stores + 1)."""
        return starts_of([int(store.word_starts[-1]) for store in self.stores])

    @cached_property
    def window_texts(self) -> Ints:
        """The text of each window: (windows), ascending."""
        return self._joined(lambda store: store.window_texts, self.first_texts)

    @cached_property
    def window_pieces(self) -> Ints:
        """The first piece of each window: (windows)."""
        return self._joined(lambda store: store.window_starts[:-1], self.first_pieces)

    @cached_property
    def window_lengths(self) -> Ints:
        """How many pieces each window has, special pieces included: (windows)."""
        return self._joined(lambda store: store.window_lengths)

    @cached_property
    def text_windows(self) -> Ints:
        """The first window of each text, and how many there are: (texts + 1)."""
        return np.searchsorted(self.window_texts, np.arange(self.n_texts + 1))

    @cached_property
    def text_words(self) -> Ints:
        """The first word of each text: (texts)."""
        return self._joined(lambda store: store.word_starts[:-1], self.first_words)

    @cached_property
    def text_lengths(self) -> Ints:
        """How many pieces each text has in all its windows: (texts)."""
        return np.diff(starts_of(self.window_lengths)[self.text_windows])

    @cached_property
    def text_keys(self) -> NDArray[np.uint64]:
        """Equal for equal texts: (texts)."""
        return np.concatenate([store.text_keys for store in self.stores])

    @cached_property
    def text_units(self) -> Ints:
        """Equal for the texts of one group of a corpus, and for no others: (texts)."""
        first_groups = starts_of([int(store.text_groups.max(initial=-1)) + 1 for store in self.stores])
        groups = self._joined(lambda store: store.text_groups)
        stores = np.repeat(np.arange(len(self.stores)), np.diff(self.first_texts))
        return np.where(groups < 0, np.arange(self.n_texts), self.n_texts + first_groups[stores] + groups)

    @property
    def has_words_in_texts(self) -> bool:
        """Whether a corpus has its words where they stand in running texts, rather than in lists."""
        return any((store.word_begins[:1] >= 0).any() for store in self.stores)

    @property
    def n_texts(self) -> int:
        """Number of texts."""
        return int(self.first_texts[-1])

    @property
    def n_windows(self) -> int:
        """Number of windows."""
        return len(self.window_texts)

    @property
    def pad_id(self) -> int:
        """The piece that fills up a row."""
        return self.stores[0].meta.pad_id

    def windows_of(self, texts: Ints) -> Ints:
        """All windows of the given texts, text after text: (n) to (windows of these)."""
        first = self.text_windows[texts]
        return spread(first, self.text_windows[texts + 1] - first)

    def locate(self, text: int) -> tuple[TokenStore, int]:
        """The store that holds a text, and the text's number in it."""
        number = int(np.searchsorted(self.first_texts, text, side="right")) - 1
        return self.stores[number], int(text - self.first_texts[number])

    def gather(self, numbers: Ints, firsts: Ints, values: Callable[[TokenStore], NDArray[Any]]) -> Ints:
        """What `values` finds in each store's array at numbers that count from `firsts`: (n) to (n)."""
        found = np.empty(len(numbers), dtype=np.int64)
        for store, places, local in self._by_store(numbers, firsts):
            found[places] = values(store)[local]
        return found

    def gather_answers(
        self,
        numbers: Ints,
        firsts: Ints,
        values: Callable[[TokenStore], NDArray[Any]],
        *,
        task: str,
        names: Sequence[str],
    ) -> Ints:
        """As `gather`, for a task's labels or tags, as numbers of `names`; IGNORED where a store lacks them."""
        known = {name: number for number, name in enumerate(names)}
        found = np.full(len(numbers), IGNORED, dtype=np.int64)
        for store, places, local in self._by_store(numbers, firsts):
            if task in store.meta.vocabularies:
                table = [known.get(name, IGNORED) for name in store.meta.vocabularies[task]]
                found[places] = translate(values(store)[local], table)
        return found

    def _by_store(self, numbers: Ints, firsts: Ints) -> Iterator[tuple[TokenStore, NDArray[np.bool_], Ints]]:
        for number, store in enumerate(self.stores):
            inside = (numbers >= firsts[number]) & (numbers < firsts[number + 1])
            if inside.any():
                yield store, inside, numbers[inside] - firsts[number]

    def _joined(self, values: Callable[[TokenStore], NDArray[Any]], firsts: Ints | None = None) -> Ints:
        parts = [np.asarray(values(store), dtype=np.int64) for store in self.stores]
        return np.concatenate([part + (0 if firsts is None else firsts[n]) for n, part in enumerate(parts)])


def translate(local: NDArray[np.int16], table: Sequence[int]) -> Ints:
    """Replace each of a store's ids by its entry of `table`; IGNORED stays."""
    extended = np.array([*table, IGNORED], dtype=np.int64)
    return extended[np.where(local == IGNORED, len(table), local)]
