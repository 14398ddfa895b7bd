"""Each distinct word is encoded once, and words are told apart by their hashes, all at once.

A word's hash is the polynomial of its bytes modulo 2**64, read off prefix sums (Karp and Rabin 1987): that any
two of a million words share one has a chance below one in ten million.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandem.tokens.boundaries import FOREIGN, LETTER, MARK, SEPARATOR
from tandem.tokens.ragged import Ints, spread, starts_of
from tandem.tokens.tokenizer import Tokenizer

_BASE = 0x9E3779B97F4A7C15
_BASE_INVERSE = pow(_BASE, -1, 2**64)
_SLOT_BITS = 20
_BYTES_AT_MOST = 32_000_000

Hashes = NDArray[np.uint64]


class _Words(NamedTuple):
    """Where words begin and end in a row of bytes, and their hashes: each (words)."""

    starts: Ints
    ends: Ints
    hashes: Hashes


class Lexicon:
    """The words met so far with their pieces; it begins anew when it has grown too large to keep.

    A word is sought in the slot that its hash points to, which holds the word last met there, and then in the
    dictionary of all.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._powers = self._inverses = np.ones(1, dtype=np.uint64)
        self._numbers: dict[int, int]
        self._slot_hashes: Hashes
        self._slot_numbers: Ints
        self._pieces: NDArray[np.int32]
        self._counts: Ints
        self._starts: Ints
        self._n_bytes: int
        self._begin()

    def encode(self, units: bytes) -> tuple[NDArray[np.int32], Ints]:
        """Encode units, each ended by `SEPARATOR`: (pieces) ids, (units + 1) where each unit's pieces begin."""
        if self._n_bytes > _BYTES_AT_MOST:
            self._begin()
        data = np.frombuffer(units, dtype=np.uint8)
        unit_starts = np.concatenate(([0], np.flatnonzero(data == SEPARATOR[0]) + 1))
        words = self._cut(data, unit_starts)
        numbers = self._numbers_of(words, units)
        counts = self._counts[numbers]
        pieces = self._pieces[spread(self._starts[numbers], counts)]
        return pieces, starts_of(counts)[np.searchsorted(words.starts, unit_starts)]

    def _cut(self, data: NDArray[np.uint8], unit_starts: Ints) -> _Words:
        """Cut units (bytes) into words."""
        boundaries = self._tokenizer.boundaries
        kinds, folded = boundaries.kinds[data], boundaries.folded[data]
        foreign = np.unique(np.searchsorted(unit_starts, np.flatnonzero(kinds == FOREIGN), side="right")) - 1
        as_it_is = spread(unit_starts[foreign], unit_starts[foreign + 1] - unit_starts[foreign] - 1)
        kinds[as_it_is], folded[as_it_is] = LETTER, data[as_it_is]
        is_mark, is_letter = kinds == MARK, np.concatenate(([False], kinds == LETTER, [False]))
        starts = np.flatnonzero(is_mark | (is_letter[1:-1] & ~is_letter[:-2]))
        ends = np.flatnonzero(is_mark | (is_letter[1:-1] & ~is_letter[2:])) + 1
        return _Words(starts, ends, self._hash(folded, starts, ends))

    def _hash(self, data: NDArray[np.uint8], starts: Ints, ends: Ints) -> Hashes:
        if len(data) > len(self._powers):
            self._powers, self._inverses = (_powers(base, len(data)) for base in (_BASE, _BASE_INVERSE))
        sums = np.zeros(len(data) + 1, dtype=np.uint64)
        np.cumsum((data + np.uint64(1)) * self._powers[: len(data)], out=sums[1:])
        return (sums[ends] - sums[starts]) * self._inverses[starts]

    def _numbers_of(self, words: _Words, units: bytes) -> Ints:
        """The number of each word, new ones included: (words)."""
        slots = words.hashes >> np.uint64(64 - _SLOT_BITS)
        numbers: Ints = self._slot_numbers[slots]
        missed = np.flatnonzero(self._slot_hashes[slots] != words.hashes)
        if len(missed):
            distinct, examples, inverse = np.unique(words.hashes[missed], return_index=True, return_inverse=True)
            new = [number for number, key in enumerate(distinct.tolist()) if key not in self._numbers]
            places = missed[examples[new]]
            spans = zip(words.starts[places].tolist(), words.ends[places].tolist(), strict=True)
            self._learn(distinct[new], [units[start:end].decode() for start, end in spans])
            numbers[missed] = np.array([self._numbers[key] for key in distinct.tolist()])[inverse]
            self._slot_hashes[slots[missed]], self._slot_numbers[slots[missed]] = words.hashes[missed], numbers[missed]
        return numbers

    def _learn(self, hashes: Hashes, words: list[str]) -> None:
        """Encode new words and take them in."""
        pieces, counts = self._tokenizer.encode(words)
        self._add(hashes, pieces, counts)
        self._n_bytes += sum(map(len, words))

    def _add(self, hashes: Hashes, pieces: NDArray[np.int32], counts: Ints) -> None:
        first = len(self._counts)
        self._numbers.update(zip(hashes.tolist(), range(first, first + len(hashes)), strict=True))
        self._pieces = np.concatenate([self._pieces, pieces])
        self._counts = np.concatenate([self._counts, counts])
        self._starts = starts_of(self._counts)

    def _begin(self) -> None:
        """Forget all words but those that are pieces themselves."""
        self._numbers = {}
        self._slot_hashes = np.zeros(2**_SLOT_BITS, dtype=np.uint64)
        self._slot_hashes[0] = 2**63  # belongs elsewhere, as do the zeros of all other slots
        self._slot_numbers = np.zeros(2**_SLOT_BITS, dtype=np.int64)
        self._pieces = np.empty(0, dtype=np.int32)
        self._counts = np.empty(0, dtype=np.int64)
        self._n_bytes = 0
        whole = self._tokenizer.whole_words
        units = b"".join(word.encode() + SEPARATOR for word in whole)
        data, lengths = np.frombuffer(units, dtype=np.uint8), np.fromiter(map(len, whole), dtype=np.int64)
        starts = starts_of(lengths + 1)[:-1]
        hashes = self._hash(data, starts, starts + lengths)
        self._add(hashes, np.fromiter(whole.values(), dtype=np.int32), np.ones_like(lengths))


def _powers(base: int, n: int) -> Hashes:
    """1, base, base**2, ... modulo 2**64: (n)."""
    factors = np.full(n, base, dtype=np.uint64)
    factors[0] = 1
    return np.multiply.accumulate(factors)
