"""Each distinct word is encoded once, and words are told apart by 64-bit hashes of their bytes, all at once."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandem.tokens.pieces.boundaries import FOREIGN, LETTER, MARK, SEPARATOR
from tandem.tokens.pieces.runs import RunEncoder
from tandem.tokens.pieces.tokenizer import Tokenizer
from tandem.tokens.storage.ragged import Ints, spread, starts_of

_SLOT_BITS = 18
_WORDS_AT_MOST = 1_000_000
_PIECES_AT_MOST = 8_000_000
_LONG_WORD = 64  # bytes
_BLOCK_MASKS = np.array([2 ** (8 * n_bytes) - 1 for n_bytes in range(9)], dtype=np.uint64)

Hashes = NDArray[np.uint64]


class _Words(NamedTuple):
    """Words in a row of bytes: `starts`, `ends` and `hashes`, each (words)."""

    data: bytes
    starts: Ints
    ends: Ints
    hashes: Hashes


class Lexicon:
    """The words met so far with their pieces; it begins anew when it has grown too large to keep.

    A word is sought in the slot that its hash points to, which holds the word last met there, and then in the
    dictionary of all. `runs` knows the words that stand without a space between them.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.runs = RunEncoder(tokenizer)
        self._tokenizer = tokenizer
        self._numbers: dict[int, int]
        self._slot_hashes: Hashes
        self._slot_numbers: Ints
        self._pieces: NDArray[np.int32]
        self._counts: Ints
        self._starts: Ints
        self._begin()

    def encode(self, units: bytes) -> tuple[NDArray[np.int32], Ints]:
        """Encode units, each ended by `SEPARATOR`: (pieces) ids, (units + 1) where each unit's pieces begin."""
        if len(self._counts) > _WORDS_AT_MOST or len(self._pieces) > _PIECES_AT_MOST:
            self._begin()
        ends = np.flatnonzero(np.frombuffer(units, dtype=np.uint8) == SEPARATOR[0]) + 1
        unit_starts = np.concatenate(([0], ends))
        words, n_words_before = self._cut(units, unit_starts)
        numbers = self._numbers_of(words)
        counts = self._counts[numbers]
        pieces = self._pieces[spread(self._starts[numbers], counts)]
        return pieces, starts_of(counts)[n_words_before[unit_starts]]

    def _cut(self, units: bytes, unit_starts: Ints) -> tuple[_Words, Ints]:
        """Cut units into words; also (bytes + 1) how many words begin before each byte."""
        boundaries = self._tokenizer.boundaries
        kinds_buffer, folded = (bytearray(units.translate(table)) for table in (boundaries.kinds, boundaries.folded))
        kinds = np.frombuffer(kinds_buffer, dtype=np.uint8)
        foreign = np.unique(np.searchsorted(unit_starts, np.flatnonzero(kinds == FOREIGN), side="right")) - 1
        for start, end in zip(unit_starts[foreign].tolist(), (unit_starts[foreign + 1] - 1).tolist(), strict=True):
            kinds[start:end], folded[start:end] = LETTER, units[start:end]
        is_mark, is_letter = kinds == MARK, np.concatenate(([False], kinds == LETTER, [False]))
        is_start = is_mark | (is_letter[1:-1] & ~is_letter[:-2])
        starts = np.flatnonzero(is_start)
        ends = np.flatnonzero(is_mark | (is_letter[1:-1] & ~is_letter[2:])) + 1
        data = bytes(folded)
        return _Words(data, starts, ends, _hash(data, starts, ends)), starts_of(is_start)

    def _numbers_of(self, words: _Words) -> Ints:
        """The number of each word, new ones included: (words)."""
        slots = (words.hashes >> np.uint64(64 - _SLOT_BITS)).astype(np.int64)
        numbers: Ints = self._slot_numbers[slots]
        missed = np.flatnonzero(self._slot_hashes[slots] != words.hashes)
        if len(missed):
            distinct, examples, inverse = np.unique(words.hashes[missed], return_index=True, return_inverse=True)
            new = [number for number, key in enumerate(distinct.tolist()) if key not in self._numbers]
            places = missed[examples[new]]
            spans = zip(words.starts[places].tolist(), words.ends[places].tolist(), strict=True)
            self._learn(distinct[new], [words.data[start:end].decode() for start, end in spans])
            numbers[missed] = np.array([self._numbers[key] for key in distinct.tolist()])[inverse]
            self._slot_hashes[slots[missed]], self._slot_numbers[slots[missed]] = words.hashes[missed], numbers[missed]
        return numbers

    def _learn(self, hashes: Hashes, words: list[str]) -> None:
        """Encode new words, and number them on."""
        pieces, counts = self._tokenizer.encode(words)
        first = len(self._counts)
        self._numbers.update(zip(hashes.tolist(), range(first, first + len(words)), strict=True))
        self._pieces = np.concatenate([self._pieces, pieces])
        self._counts = np.concatenate([self._counts, counts])
        self._starts = starts_of(self._counts)

    def _begin(self) -> None:
        self._numbers = {}
        self._slot_hashes = np.zeros(2**_SLOT_BITS, dtype=np.uint64)
        self._slot_hashes[0] = 2**63  # belongs elsewhere, as do the zeros of all other slots
        self._slot_numbers = np.zeros(2**_SLOT_BITS, dtype=np.int64)
        self._pieces = np.empty(0, dtype=np.int32)
        self._counts = np.empty(0, dtype=np.int64)
        self._starts = starts_of(self._counts)


def _hash(data: bytes, starts: Ints, ends: Ints) -> Hashes:
    """Hash words, eight bytes at a time: (words), (words) to (words)."""
    lengths = ends - starts
    blocks = np.ndarray(len(data) + 1, dtype="<u8", buffer=data + bytes(8), strides=(1,))  # at every byte
    hashes = lengths.astype(np.uint64)
    longer = np.arange(len(lengths))
    for offset in range(0, _LONG_WORD, 8):
        longer = longer[lengths[longer] > offset]
        mask = _BLOCK_MASKS[np.minimum(lengths[longer] - offset, 8)]
        hashes[longer] = _mixed(hashes[longer] ^ (blocks[starts[longer] + offset] & mask))
    for word in longer[lengths[longer] > _LONG_WORD].tolist():
        digest = hashlib.blake2b(data[starts[word] : ends[word]], digest_size=8).digest()
        hashes[word] = int.from_bytes(digest, "little")
    return hashes


def _mixed(numbers: Hashes) -> Hashes:
    """Spread each number's bits over all 64; no two numbers become one (Steele et al. 2014)."""
    numbers = numbers * np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return numbers ^ (numbers >> np.uint64(31))
