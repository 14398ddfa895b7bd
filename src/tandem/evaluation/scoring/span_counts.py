"""Entities as spans of words, and how many of them agree: the counts that seqeval and nervaluate rest on.

All texts' words stand end to end, so that a span's words tell its text. A tag is read in two ways:
- strictly (seqeval's IOB2): an entity begins with `B-x`; an `I-x` that continues nothing belongs to none;
- leniently (conlleval, seqeval's default mode, nervaluate): what continues nothing begins an entity.

Legend: `words`, `spans`, `pairs` (a predicted and a gold span that overlap).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandem.tokens.storage.ragged import Ints, spread

Booleans = NDArray[np.bool_]

LEAST_OVERLAP = 1.0
"""Percent of a gold entity's words that a prediction must cover to be about it: nervaluate's default."""


class Tagged(NamedTuple):
    """Tagged words of texts: `begins` whether the tag is a `B-`, `kinds` the number of its type or -1 for none."""

    begins: Booleans  # (words,)
    kinds: Ints  # (words,)
    texts: Ints  # (words,) ascending


class Spans(NamedTuple):
    """Entities in the order of their words; `is_legal` where the first word's tag is a `B-`."""

    starts: Ints  # (spans,)
    ends: Ints  # (spans,) the word after the last
    kinds: Ints  # (spans,)
    is_legal: Booleans  # (spans,)

    def keep(self, kept: Booleans) -> Spans:
        """Those of the spans that `kept` marks."""
        return Spans(self.starts[kept], self.ends[kept], self.kinds[kept], self.is_legal[kept])


class Pairs(NamedTuple):
    """Overlapping spans by their numbers, ordered by the predicted one and then by the gold one; (pairs,) each."""

    predicted: Ints
    gold: Ints


def tag_table(names: Sequence[str], kinds: dict[str, int]) -> tuple[Booleans, Ints]:
    """Whether each tag is a `B-`, and the number of its type; types that `kinds` lacks are added to it."""
    begins = np.array([name.startswith("B-") for name in names], dtype=bool)
    numbers = [kinds.setdefault(name[2:], len(kinds)) if name[:2] in ("B-", "I-") else -1 for name in names]
    return begins, np.array(numbers, dtype=np.int64)


def tagged(names: Sequence[str], tags: Ints, texts: Ints, kinds: dict[str, int]) -> Tagged:
    """Tags given as numbers of `names`; types that `kinds` lacks are added to it."""
    begins, numbers = tag_table(names, kinds)
    return Tagged(begins[tags], numbers[tags], texts)


def number_tags(sequences: Sequence[Sequence[str]], names: dict[str, int]) -> Ints:
    """All texts' tags end to end as numbers; tags that `names` lacks are added to it."""
    flat: Iterable[int] = (names.setdefault(tag, len(names)) for tags in sequences for tag in tags)
    return np.fromiter(flat, dtype=np.int64, count=sum(map(len, sequences)))


def spans_in(words: Tagged) -> Spans:
    """The entities of tagged words, read leniently; the strict reading's are those that are legal."""
    before = np.concatenate([[-1], words.kinds[:-1]])
    is_first = np.diff(words.texts, prepend=-1) != 0
    is_inside = words.kinds >= 0
    is_start = is_inside & (words.begins | is_first | (words.kinds != before))
    starts = np.flatnonzero(is_start)
    edges = np.append(np.flatnonzero(is_start | ~is_inside), len(words.kinds))
    ends = edges[np.searchsorted(edges, starts, side="right")]
    return Spans(starts, ends, words.kinds[starts], words.begins[starts])


def overlapping(gold: Spans, predicted: Spans) -> Pairs:
    """The pairs whose overlap is at least `LEAST_OVERLAP`."""
    first = np.searchsorted(gold.ends, predicted.starts, side="right")
    sizes = np.maximum(np.searchsorted(gold.starts, predicted.ends, side="left") - first, 0)
    pairs = Pairs(np.repeat(np.arange(len(sizes)), sizes), spread(first, sizes))
    ends = np.minimum(predicted.ends[pairs.predicted], gold.ends[pairs.gold])
    shared = ends - np.maximum(predicted.starts[pairs.predicted], gold.starts[pairs.gold])
    whole = (gold.ends - gold.starts)[pairs.gold]
    enough = shared / whole * 100.0 >= LEAST_OVERLAP
    return Pairs(*(column[enough] for column in pairs))


def claimed(pairs: Pairs, rank: Ints) -> Ints:
    """Let each prediction in turn claim, of the gold spans not yet claimed, that of least rank and then the first.

    Returns the numbers of the pairs so matched, ascending. Spans of one side never overlap one another, so a
    prediction competes with the one before for its first gold span alone: what it does hangs on one bit, which is
    carried along all predictions at once.
    """
    if len(pairs.gold) == 0:
        return np.empty(0, dtype=np.int64)
    is_head = np.diff(pairs.predicted, prepend=-1) != 0
    groups = np.cumsum(is_head) - 1
    heads = np.flatnonzero(is_head)
    tails = np.append(heads[1:], len(groups)) - 1
    order = np.lexsort((pairs.gold, rank, groups))
    if_free = order[heads]
    others = order[~is_head[order]]
    best = np.diff(groups[others], prepend=-1) != 0
    if_taken = np.full(len(heads), -1)
    if_taken[groups[others[best]]] = others[best]
    is_taken = _carried(
        linked=np.append(False, pairs.gold[heads[1:]] == pairs.gold[tails[:-1]]),
        after_free=if_free == tails,
        after_taken=(if_taken == tails) | (heads == tails),
    )
    chosen = np.where(is_taken, if_taken, if_free)
    return chosen[chosen >= 0]


def _carried(*, linked: Booleans, after_free: Booleans, after_taken: Booleans) -> Booleans:
    """Whether each prediction's first gold span is taken when its turn comes.

    `linked` where that span is the last one of the prediction before; `after_*` whether a prediction leaves its
    last gold span taken, by whether it found its first one free. Where both agree the past is forgotten; elsewhere
    the bit passes as it is, or turned.
    """
    forgets = ~linked | (after_free == after_taken)
    anchors = np.maximum.accumulate(np.where(forgets, np.arange(len(linked)), 0))
    turns = np.cumsum(~forgets & after_free)
    leaves = after_free[anchors] ^ ((turns - turns[anchors]) % 2 == 1)
    is_taken: Booleans = linked & np.append(False, leaves[:-1])
    return is_taken


def same_spans(gold: Spans, predicted: Spans) -> Booleans:
    """Which of the predicted spans are gold ones, word for word and by type: (predicted,)."""
    if len(gold.starts) == 0:
        return np.zeros(len(predicted.starts), dtype=bool)
    at = np.minimum(np.searchsorted(gold.starts, predicted.starts), len(gold.starts) - 1)
    columns = (gold.starts, predicted.starts), (gold.ends, predicted.ends), (gold.kinds, predicted.kinds)
    are_same: Booleans = np.all([ours[at] == theirs for ours, theirs in columns], axis=0)
    return are_same


class Agreement(NamedTuple):
    """Of the predicted spans, which agree with a gold one, and how."""

    exact: Booleans  # same words
    correct: Booleans  # same words and type
    matched: Booleans  # claims a gold span of any type (nervaluate's partial, exact and strict)
    typed: Booleans  # claims a gold span of its own type (nervaluate's ent_type)


def agreement(gold: Spans, predicted: Spans) -> Agreement:
    """Compare the entities of the same words."""
    pairs = overlapping(gold, predicted)
    starts = np.abs(predicted.starts[pairs.predicted] - gold.starts[pairs.gold])
    distance = starts + np.abs(predicted.ends[pairs.predicted] - gold.ends[pairs.gold])
    same_kind = predicted.kinds[pairs.predicted] == gold.kinds[pairs.gold]
    further = 1 + int(distance.max(initial=0))
    typed = claimed(pairs, np.where(same_kind, distance, further))
    matched = claimed(pairs, np.zeros_like(distance))

    def marked(chosen: Ints | Booleans) -> Booleans:
        marks = np.zeros(len(predicted.starts), dtype=bool)
        marks[pairs.predicted[chosen]] = True
        return marks

    return Agreement(
        exact=marked(distance == 0),
        correct=marked((distance == 0) & same_kind),
        matched=marked(matched),
        typed=marked(typed[same_kind[typed]]),
    )
