"""A task's endless stream of texts, cut into batches of like length: a pure function of (seed, task, turn).

A stream takes pass after pass over its texts; a pass is cut into batches of even size and none crosses its end, so
that each text appears once a pass. In each pass the texts are permuted, dealt to pools of `length_pool` batches,
and sorted by length within their pool; then the batches of the whole pass are shuffled, so that long ones do not
follow each other. Pools of random texts would still pad much (a pool's last batch holds the whole tail of lengths),
so the pass is first divided by length into sqrt(length_pool) bands of several pools each, and a pool takes random
texts of one band.

Which texts a task learns from. Under `combined` all tasks take part in every step; every text belongs to the one
stream of the first task (in order) that has an answer for it, and all tasks with an answer learn from it: a text
with two answers is drawn once, goes through the encoder once, and trains two heads. (A task whose texts all belong
to earlier streams has an empty stream and still learns.) Under the other schedules each task streams all texts that
have an answer for it, and learns from its own draw alone.

Shapes: `texts` of a stream; texts go by numbers whose meaning is the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandem.params import Train
from tandem.tokens.storage.ragged import Ints, spread, starts_of

_SITE = (1 << 63) + 1  # the key of these draws, apart from those of dropout and of the schedule


class _Pass(NamedTuple):
    """The batches of a pass in the order of turns: `texts` side by side, and the `edges`, (batches + 1,)."""

    number: int
    texts: Ints
    edges: Ints


@dataclass(frozen=True, kw_only=True, eq=False)
class Stream:
    """Texts (numbers, (texts,)), their `lengths` in pieces (texts,), and how they are cut into batches."""

    texts: Ints
    lengths: Ints
    batch_size: int
    length_pool: int
    seed: int
    number: int
    _last_drawn: list[_Pass] = field(default_factory=list, init=False, repr=False)  # at most one, to draw fast

    @property
    def n_batches(self) -> int:
        """The batches of a pass; 0 for a stream without texts."""
        return -(-len(self.texts) // self.batch_size)

    def draw(self, turn: int) -> Ints:
        """The texts of a turn (from 0), in no order that means anything; read-only, at most (batch_size,)."""
        assert self.n_batches, "an empty stream takes no turns"
        number, place = divmod(turn, self.n_batches)
        laid_out = self._pass(number)
        return laid_out.texts[laid_out.edges[place] : laid_out.edges[place + 1]]

    def _pass(self, number: int) -> _Pass:
        laid_out = next((last for last in self._last_drawn if last.number == number), None) or self._lay_out(number)
        self._last_drawn[:] = [laid_out]
        return laid_out

    def _lay_out(self, number: int) -> _Pass:
        """Order the texts and the batches of a pass by Philox's raw bits, which are the same on every machine."""
        key = np.array([self.seed % (1 << 64), _SITE], dtype=np.uint64)
        counter = np.array([0, 0, number, self.number], dtype=np.uint64)
        draws = np.random.Philox(key=key, counter=counter).random_raw(len(self.texts) + self.n_batches)
        permuted = np.argsort(draws[: len(self.texts)], kind="stable")
        edges = _even_edges(len(self.texts), self.n_batches)
        turns = np.argsort(draws[len(self.texts) :], kind="stable")  # the batch that each turn takes
        sizes = np.diff(edges)[turns]
        texts = self.texts[self._sort_in_pools(permuted)][spread(edges[turns], sizes)]
        texts.flags.writeable = False
        return _Pass(number, texts, starts_of(sizes))

    def _sort_in_pools(self, permuted: Ints) -> Ints:
        """Deal permuted places in the stream to pools and sort each by length, equals as permuted: (texts)."""
        n_pools = -(-self.n_batches // self.length_pool)
        n_bands = max(1, min(isqrt(self.length_pool), n_pools // 2))
        pool_edges = _even_edges(self.n_batches, n_pools)  # in batches
        text_edges = _even_edges(len(permuted), self.n_batches)[pool_edges]
        band_edges = text_edges[_even_edges(n_pools, n_bands)]
        ranked = permuted[np.argsort(self.lengths[permuted], kind="stable")]
        bands = np.empty_like(permuted)
        bands[ranked] = _parts(band_edges)
        dealt = permuted[np.argsort(bands[permuted], kind="stable")]
        return dealt[np.lexsort((self.lengths[dealt], _parts(text_edges)))]


def plan_streams(members: Mapping[str, Ints], lengths: Ints, settings: Train, *, seed: int) -> dict[str, Stream]:
    """The stream of each task.

    `members[task]` are the numbers, ascending, of the texts with an answer for the task; `lengths[number]` are the
    pieces of each text.
    """
    streams = {}
    is_taken = np.zeros(len(lengths), dtype=bool)
    for number, (task, own) in enumerate(members.items()):
        texts = own[~is_taken[own]]
        is_taken[texts] = settings.schedule == "combined"
        streams[task] = Stream(
            texts=texts,
            lengths=lengths[texts],
            batch_size=settings.batch_size_of(task),
            length_pool=settings.length_pool,
            seed=seed,
            number=number,
        )
    return streams


def taught(drawn: Mapping[str, Ints], members: Mapping[str, Ints], settings: Train) -> dict[str, Ints]:
    """The texts, ascending, that each task learns from in a step, given what the streams at their turn drew.

    Tasks that learn from none are absent. Under `combined` a task learns from every drawn text that it has an
    answer for, whoever drew it; otherwise from its own draw.
    """
    if settings.schedule != "combined":
        return {task: np.sort(texts) for task, texts in drawn.items()}
    texts = np.unique(np.concatenate(list(drawn.values())))
    found = {task: texts[_is_among(texts, own)] for task, own in members.items()}
    return {task: own for task, own in found.items() if len(own)}


def _is_among(texts: Ints, members: Ints) -> NDArray[np.bool_]:
    """Which texts are members, both ascending, without touching all members: (texts)."""
    first, behind = (np.searchsorted(members, texts, side=side) for side in ("left", "right"))
    return first < behind


def _even_edges(total: int, n_parts: int) -> Ints:
    """Where `n_parts` parts of `total` things begin and end, their sizes differing by 1 at most: (n_parts + 1)."""
    return np.arange(n_parts + 1, dtype=np.int64) * total // n_parts


def _parts(edges: Ints) -> Ints:
    """The part that each thing belongs to: (parts + 1) to (things)."""
    return np.repeat(np.arange(len(edges) - 1), np.diff(edges))
