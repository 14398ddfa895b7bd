"""Which windows go through the encoder together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tandem.tokens.storage.ragged import Ints

OVERHEAD = 1 / 16  # what a pass costs beside its pieces, as a share of a full pass


class PassSize(NamedTuple):
    """How much one pass of the encoder takes: at most `tokens` pieces, padding counted where it is computed."""

    tokens: int
    counts_padding: bool


def group_by_length(lengths: Ints, size: PassSize) -> list[Ints]:
    """Split rows into groups of like length that each fit into a pass.

    Takes (rows) lengths and returns row numbers, the longest first, equals in their order; a row that is too long
    by itself is a group of its own. Where padding is computed, this is the split with the least work, by dynamic
    programming: the padded pieces of all groups, and `OVERHEAD` of a full pass for each group.
    """
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    descending = np.maximum(1, np.asarray(lengths, dtype=np.int64)[order])
    ends = _least_work_ends(descending, size.tokens) if size.counts_padding else _full_ends(descending, size.tokens)
    groups, start = [], 0
    while start < len(order):
        groups.append(order[start : ends[start]])
        start = int(ends[start])
    return groups


def _full_ends(lengths: Ints, max_tokens: int) -> Ints:
    """Where a group that begins at each row is full: (rows) to (rows)."""
    until = np.cumsum(lengths)
    ends = np.searchsorted(until, until - lengths + max_tokens, side="right")
    return np.maximum(ends, np.arange(1, len(lengths) + 1))


def _least_work_ends(lengths: Ints, max_tokens: int) -> Ints:
    """Where the group that begins at each row of descending lengths had best end: (rows) to (rows)."""
    least = np.zeros(len(lengths) + 1)  # the work from a row on
    ends = np.zeros(len(lengths), dtype=np.int64)
    for start in range(len(lengths) - 1, -1, -1):
        most = min(len(lengths) - start, max(1, max_tokens // int(lengths[start])))
        work = np.arange(1, most + 1) * lengths[start] + least[start + 1 : start + most + 1]
        n_rows = int(work.argmin()) + 1
        ends[start] = start + n_rows
        least[start] = work[n_rows - 1] + OVERHEAD * max_tokens
    return ends
