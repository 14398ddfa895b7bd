"""The interval of the difference between two sides that answered the same texts.

One run a side: the paired percentile bootstrap over texts, or over whole groups of them where they have some (Efron and
Tibshirani 1993, chapter 13); both sides are scored on the same resamples, and the tails are those of Student's t where
texts are few (Hesterberg 2015, "expanded percentile"). Several runs a side: texts and seeds both vary (crossed random
effects). What the choice of texts adds comes from the bootstrap of the runs' mean; what the seed adds from the spread
between runs, beyond the spread that the texts explain, with Student's t for few runs (Satterthwaite 1946). Resampling
runs as well as texts would not do: without a true difference it finds one in 0.2 % to 23 % of cases, this in 3 to 8 %.

Shapes: `runs` of a side, `resamples`, `texts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri, stdtrit

from tandem.evaluation.comparison_sources import Unit
from tandem.evaluation.intervals import LEVEL, resampled_weights, tail_of
from tandem.evaluation.scoring.text_counts import Reals

DIGITS = 12
"""Smaller differences are float noise."""
LEAST_UNITS = 6
"""With fewer, even all of them changing the same way happens by chance more than once in twenty."""


class Scores(NamedTuple):
    """One score of a side's runs, on all texts and on each resample of them."""

    whole: Reals  # (runs,)
    resampled: Reals  # (runs, resamples)


def interval(before: Scores, after: Scores, *, n_units: int) -> tuple[float, float]:
    """The interval of the difference of the runs' means; over texts, and over seeds if a side has several runs.

    Scores lie between 0 and 1; with fewer than `LEAST_UNITS` units, nothing narrower than -1 to 1 can be said.
    """
    if n_units < LEAST_UNITS:
        return -1.0, 1.0
    differences = after.resampled.mean(axis=0) - before.resampled.mean(axis=0)
    if len(before.whole) == len(after.whole) == 1:
        tail = tail_of(n_units)
        low, high = np.quantile(differences, (tail, 1 - tail))
    else:
        centre = after.whole.mean() - before.whole.mean()
        reach = _reach(float(differences.var(ddof=1)), [side for side in (before, after) if len(side.whole) > 1])
        low, high = centre - reach, centre + reach
    return round(float(low), DIGITS), round(float(high), DIGITS)


def _reach(of_texts: float, sides: Sequence[Scores]) -> float:
    """Half the width of an interval that covers texts and seeds."""
    of_seeds = [_seed_variance(side) / len(side.whole) for side in sides]
    variance = of_texts + sum(of_seeds)
    spread = sum(part**2 / (len(side.whole) - 1) for part, side in zip(of_seeds, sides, strict=True))
    tail = (1 + LEVEL) / 2
    factor = stdtrit(variance**2 / spread, tail) if spread else ndtri(tail)
    return float(factor * np.sqrt(variance))


def _seed_variance(side: Scores) -> float:
    """The variance between runs that is not due to which texts there are."""
    of_texts = (side.resampled - side.resampled.mean(axis=0)).var(axis=1, ddof=1).sum() / (len(side.whole) - 1)
    return max(0.0, float(side.whole.var(ddof=1) - of_texts))


def draw_weights(units: Mapping[str, Sequence[Unit]], *, n_resamples: int, seed: int) -> Iterator[dict[str, Reals]]:
    """How often each resample holds each text, some resamples and some tasks at a time: (some resamples, texts).

    `units[task]` says for each text what it is drawn with. A unit that several tasks have is held as often in each;
    tasks that share none are resampled independently.
    """
    for number, tasks in enumerate(_sharing({task: set(members) for task, members in units.items()})):
        everything = dict.fromkeys(unit for task in tasks for unit in units[task])
        numbers = {unit: place for place, unit in enumerate(everything)}
        places = {task: np.array([numbers[unit] for unit in units[task]], dtype=np.int64) for task in tasks}
        for weights in resampled_weights(len(everything), n_resamples, np.random.default_rng([seed, number])):
            yield {
                task: weights if np.array_equal(places[task], np.arange(len(everything))) else weights[:, places[task]]
                for task in tasks
            }


def _sharing(units: Mapping[str, set[Unit]]) -> list[list[str]]:
    """The tasks, those together that share a unit, directly or through others."""
    clusters: list[list[str]] = []
    for task, members in units.items():
        touching = [cluster for cluster in clusters if any(members & units[other] for other in cluster)]
        joined = [other for cluster in touching for other in cluster]
        clusters = [cluster for cluster in clusters if cluster not in touching] + [[*joined, task]]
    return clusters
