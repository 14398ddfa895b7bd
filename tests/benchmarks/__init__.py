"""Benchmarks: ours and the reference in turn, in one run, on the same real texts; medians and their ratio.

A module `tests/benchmarks/<name>.py` has one function `measure(data: Path) -> Measurement`, where `data` is a
folder with `classification_dataset.xlsx` and `ner_dataset.xlsx`.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Medians of ours and of the reference; `ratio` above 1 means that ours is better."""

    ours: float
    reference: float
    ratio: float
    unit: str
    note: str


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turn(
    ours: Callable[[], object], reference: Callable[[], object], *, rounds: int = 5, warm_up: bool = True, note: str
) -> Measurement:
    """Time both in turn, `rounds` times after a warm-up; the ratio is the median of the paired ratios."""
    if warm_up:
        ours()
        reference()
    pairs = [(seconds(ours), seconds(reference)) for _ in range(rounds)]
    return Measurement(
        ours=statistics.median(mine for mine, _ in pairs),
        reference=statistics.median(theirs for _, theirs in pairs),
        ratio=statistics.median(theirs / mine for mine, theirs in pairs),
        unit="s",
        note=note,
    )
