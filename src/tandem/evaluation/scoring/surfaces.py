"""Which entities' surfaces were met in training: what a model may know by heart, and what it must have understood.

A surface is the word pieces of an entity's words, as the stores keep them: the words in lower case if the tokenizer
lowers them. It was seen if the training texts hold the same pieces as an entity of the same type. An entity whose
words were not read, or have no pieces, has no surface and counts as unseen.

Legend: `words` and `pieces` are numbered through all corpora (see `shelf`), `spans` are entities.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandem.evaluation.scoring.span_counts import Booleans, Spans, spans_in, tagged
from tandem.tokens.batches.examples import Examples
from tandem.tokens.batches.shelf import Shelf
from tandem.tokens.storage.ragged import IGNORED, Ints, spread, starts_of

Keys = NDArray[np.uint64]

_TEXTS_AT_ONCE = 20_000
_NOTHING = np.uint64(0)
_FACTOR = 0x9E3779B97F4A7C15


class Places(NamedTuple):
    """Where words are read: `words` ascending, their first pieces, and how many pieces each has; (words read,)."""

    words: Ints
    pieces: Ints
    sizes: Ints


@dataclass(frozen=True)
class Surfaces:
    """The entities of a task's training texts, to be looked up for the words of other texts."""

    seen: Keys  # ascending
    words: Ints  # (words,) the number of each word of the texts that are scored
    places: Places
    shelf: Shelf

    def are_seen(self, spans: Spans, kinds: Sequence[str]) -> Booleans:
        """Whether each entity's surface was an entity of its type in training; `spans.kinds` are numbers of `kinds`."""
        keys = _span_keys(self.shelf, self.places, self.words, spans, kinds)
        found: Booleans = np.isin(keys, self.seen) & (keys != _NOTHING)
        return found


def find_surfaces(train: Examples, test: Examples, task: str) -> Surfaces:
    """Collect the surfaces of a tagging task's training entities, for the words of its test texts."""
    texts = train.members[task]
    parts = [texts[first : first + _TEXTS_AT_ONCE] for first in range(0, len(texts), _TEXTS_AT_ONCE)]
    seen = np.unique(np.concatenate([np.empty(0, np.uint64), *(_gold_keys(train, task, part) for part in parts)]))
    scored = test.members[task]
    return Surfaces(seen, test.words_of(scored), _places(test.shelf, scored), test.shelf)


def word_keys(examples: Examples, texts: Ints) -> Keys:
    """A number for each word of some texts, equal for words of the same pieces; 0 where a word has none: (words,)."""
    words = examples.words_of(texts)
    each = np.arange(len(words))
    spans = Spans(each, each + 1, np.zeros_like(each), np.ones(len(words), dtype=bool))
    return _span_keys(examples.shelf, _places(examples.shelf, texts), words, spans, ("",))


def _gold_keys(examples: Examples, task: str, texts: Ints) -> Keys:
    """The keys of the entities that some texts hold by their gold tags."""
    shelf = examples.shelf
    names = tuple(sorted({name for store in shelf.stores for name in store.meta.vocabularies.get(task, ())} | {"O"}))
    words = examples.words_of(texts)
    tags = replace(examples, labels={task: names}).answers_of(task, words)
    owners = np.searchsorted(shelf.text_words, words, side="right") - 1
    kinds: dict[str, int] = {}
    spans = spans_in(tagged(names, np.where(tags == IGNORED, names.index("O"), tags), owners, kinds))
    return np.unique(_span_keys(shelf, _places(shelf, texts), words, spans, tuple(kinds)))


def _span_keys(shelf: Shelf, places: Places, words: Ints, spans: Spans, kinds: Sequence[str]) -> Keys:
    """A number for the pieces and the type of each span of `words`, equal for equal ones; 0 without pieces."""
    sizes = spans.ends - spans.starts
    owners = np.repeat(np.arange(len(sizes)), sizes)
    wanted = words[spread(spans.starts, sizes)]
    at = np.searchsorted(places.words, wanted)
    is_read = np.append(places.words, -1)[at] == wanted
    owners, at = owners[is_read], at[is_read]
    lengths = places.sizes[at]
    pieces = shelf.gather(spread(places.pieces[at], lengths), shelf.first_pieces, lambda store: store.pieces)
    holders = np.repeat(owners, lengths)
    mixed = _scrambled(pieces.astype(np.uint64))
    starts = np.searchsorted(holders, np.arange(len(sizes)))
    mixed = _scrambled(mixed + np.arange(len(pieces), dtype=np.uint64) - starts[holders].astype(np.uint64))
    sums = np.zeros(len(sizes), dtype=np.uint64)
    np.add.at(sums, holders, mixed)
    salts = np.array([_salt(kind) for kind in kinds] or [0], dtype=np.uint64)
    has_pieces = np.bincount(holders, minlength=len(sizes)) > 0
    return np.where(has_pieces, _scrambled(sums ^ salts[spans.kinds]), _NOTHING)


def _scrambled(numbers: Keys) -> Keys:
    """Spread 64-bit numbers evenly (splitmix64, Steele et al. 2014)."""
    mixed = numbers + np.uint64(_FACTOR)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _salt(kind: str) -> int:
    return int.from_bytes(hashlib.blake2b(kind.encode(), digest_size=8).digest(), "little")


def _places(shelf: Shelf, texts: Ints) -> Places:
    """Where the words of some texts are read. A word goes on to where the next one of its window is read."""
    windows = shelf.windows_of(texts)
    lengths = shelf.window_lengths[windows]
    starts = starts_of(lengths)
    pieces = spread(shelf.window_pieces[windows], lengths)
    numbers = shelf.gather(pieces, shelf.first_pieces, lambda store: store.piece_words)
    at = np.flatnonzero(numbers >= 0)
    holders = np.repeat(np.arange(len(windows)), lengths)[at]
    owners = shelf.window_texts[windows[holders]]
    stops = np.append(at[1:], 0)
    lasts = np.flatnonzero(np.diff(holders, append=-1))
    stops[lasts] = starts[holders[lasts] + 1] - len(shelf.stores[0].meta.suffix)
    crossing = lasts[:-1][(np.diff(owners)[lasts[:-1]] == 0) & (np.diff(holders)[lasts[:-1]] == 1)]
    if len(crossing):
        ids = shelf.gather(pieces, shelf.first_pieces, lambda store: store.pieces)
        for last in crossing:
            window, after = starts[holders[last] : holders[last] + 3], at[last + 1]
            reached = window[0] + _apart(shelf, ids[window[0] : window[1]], ids[window[1] : window[2]])
            stops[last] = np.clip(reached + after - window[1], at[last] + 1, stops[last])
    words = shelf.text_words[owners] + numbers[at]
    order = np.argsort(words)
    return Places(words[order], pieces[at][order], (stops - at)[order])


def _apart(shelf: Shelf, first: Ints, second: Ints) -> int:
    """By how many pieces a window begins before the next one of its text, whose words its last word is followed by.

    They overlap by the stride at least, and as little as that allows (see `alignment.cut_windows`); the first one's
    own length where they do not.
    """
    meta = shelf.stores[0].meta
    first, second = (ids[len(meta.prefix) : len(ids) - len(meta.suffix)] for ids in (first, second))
    for distance in range(len(first) - meta.stride, 0, -1):
        if np.array_equal(first[distance:], second[: len(first) - distance]):
            return distance
    return len(first)
