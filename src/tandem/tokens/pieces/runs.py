"""Words that stand in a running text without a space between them, as the tokenizer reads them there.

A word by itself is read as after a space. The full stop of `end.` is not: byte-level and Unigram tokenizers have
another piece for it, and WordPiece has one for `5€` that goes on from the 5. So a run of such words is encoded as a
whole, and each piece belongs to the word that it stands in. Where a piece reaches over the edge of a word, and would
leave one without a place for its tag, the words of the run are encoded one by one, the later ones as after no space.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import orjson
import tokenizers

from tandem.corpora.schema.records import Record
from tandem.tokens.pieces.boundaries import FOREIGN, LETTER
from tandem.tokens.pieces.tokenizer import Tokenizer

_RUNS_AT_MOST = 500_000
_LETTER = bytes([LETTER])

Words = tuple[str, ...]
Ids = list[list[int]]
"""The pieces of each word."""


class Run(NamedTuple):
    """Words of a record side by side, and the number of the first."""

    first: int
    words: Words


def runs_of(record: Record) -> Iterator[Run]:
    """Yield the runs of at least two words of a record that has its words within a running text."""
    if record.starts is None or record.words is None:
        return
    ends = [start + len(word) for start, word in zip(record.starts, record.words, strict=True)]
    is_apart = [place == 0 or start > ends[place - 1] for place, start in enumerate(record.starts)]
    begins = [place for place, apart in enumerate(is_apart) if apart]
    for first, after in pairwise([*begins, len(ends)]):
        if after - first > 1:
            yield Run(first, record.words[first:after])


class RunEncoder:
    """Encodes runs; remembers those that it has met, and begins anew when they have grown too many."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._backend = tokenizer.backend
        self._unspaced = _without_space_in_front(tokenizer.backend)
        self._kinds = tokenizer.boundaries.kinds
        self._known: dict[Words, Ids] = {}

    def parts(self, words: Words) -> bool:
        """Whether the tokenizer is known to part these words anyway, so that each has the pieces of itself alone."""
        kinds = [word.encode().translate(self._kinds) for word in words]
        return not any(FOREIGN in own for own in kinds) and not any(
            one[-1:] == other[:1] == _LETTER for one, other in pairwise(kinds)
        )

    def encode(self, runs: Sequence[Words]) -> list[Ids]:
        """The pieces of each word of each run."""
        if len(self._known) > _RUNS_AT_MOST:
            self._known = {}
        new = [words for words in dict.fromkeys(runs) if words not in self._known]
        encodings = self._backend.encode_batch(["".join(words) for words in new], add_special_tokens=False)
        for words, encoding in zip(new, encodings, strict=True):
            self._known[words] = self._shared_out(words, encoding)
        return [self._known[words] for words in runs]

    def _shared_out(self, words: Words, encoding: tokenizers.Encoding) -> Ids:
        """Give each piece to its word, unless a word would lack one for it."""
        whole = _pieces_by_word(words, encoding)
        if whole is not None and all(whole):
            return whole
        single = self._one_by_one(words)
        is_complete = whole is not None and all(own or not alone for own, alone in zip(whole, single, strict=True))
        return whole if whole is not None and is_complete else single

    def _one_by_one(self, words: Words) -> Ids:
        first = self._backend.encode(words[0], add_special_tokens=False).ids
        return [first, *(self._unspaced.encode(word, add_special_tokens=False).ids for word in words[1:])]


def _pieces_by_word(words: Words, encoding: tokenizers.Encoding) -> Ids | None:
    """The pieces by the word that each stands in, or None if one stands in two, or they are out of order."""
    ends = list(accumulate(map(len, words)))
    found: Ids = [[] for _ in words]
    last = 0
    for piece, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
        place = min(bisect_right(ends, start), len(words) - 1)
        if end > ends[place] or place < last:
            return None
        found[place].append(piece)
        last = place
    return found


def _without_space_in_front(backend: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    """The same tokenizer, but a text is read as after no space."""
    settings: dict[str, Any] = orjson.loads(backend.to_str())
    step = settings["pre_tokenizer"] or {}
    for single in step.get("pretokenizers", [step]):
        if "add_prefix_space" in single:
            single["add_prefix_space"] = False
        if "prepend_scheme" in single:
            single["prepend_scheme"] = "never"
    return tokenizers.Tokenizer.from_str(orjson.dumps(settings).decode())
