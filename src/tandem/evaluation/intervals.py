"""How sure a score is: 95 % percentile intervals from bootstrap resamples of the texts (Efron and Tibshirani 1993).

An interval says how a score would differ on other test texts of the same kind, and nothing about another training
seed. Texts of one group (a document, a template: `corpora.*.group`) depend on each other, so whole groups are drawn
where they are known, a text without one being a group of its own (the cluster bootstrap). Scores that
are the same in every resample (all texts right) have an interval of no width; noise adds to the calibration error of
a resample, so that its interval lies high and may not hold the value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import ndtr, stdtrit

from tandem.evaluation.scoring.text_counts import Counts, Reals, Scored
from tandem.tokens.storage.ragged import Ints

N_RESAMPLES = 2000
LEVEL = 0.95

_WEIGHTS_AT_ONCE = 4_000_000

Interval = dict[str, Any]
"""`value`, `low`, `high`, and the `n` units of the kind `unit` (`texts` or `groups`) that were resampled."""


def intervals(
    counts: Counts, *, groups: Ints | None = None, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> dict[str, Interval]:
    """The interval of each score that follows from the counts; none with fewer than two texts.

    `groups` (texts,) are equal for the texts that are drawn together.
    """
    units = np.arange(counts.n_texts) if groups is None else groups
    drawn = _draw([counts], [units], n_resamples, np.random.default_rng(seed))
    return _of_scores(counts, drawn[0], units)


def task_intervals(
    scored: Mapping[str, Scored], *, groups: Ints | None = None, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """The intervals of every task's scores, and that of `combined_score`, the mean of the tasks' f1.

    `groups` are equal for the texts that are drawn together, by the number of the text. Tasks that share texts are
    resampled together, the others independently.
    """
    units = {task: found.texts if groups is None else groups[found.texts] for task, found in scored.items()}
    found: dict[str, Any] = {}
    f1s = {}
    for number, tasks in enumerate(_sharing(units)):
        rng = np.random.default_rng([seed, number])
        drawn = _draw([scored[task].counts for task in tasks], [units[task] for task in tasks], n_resamples, rng)
        for task, scores in zip(tasks, drawn, strict=True):
            found[task] = _of_scores(scored[task].counts, scores, units[task])
            if len(units[task]):
                f1s[task] = scores[scored[task].f1_name]
    everything = [_different(numbers) for numbers in (units.values(), (found.texts for found in scored.values()))]
    if everything[0] > 1:
        value = float(np.mean([scored[task].f1 for task in f1s]))
        combined = np.mean(list(f1s.values()), axis=0)
        found["combined_score"] = _interval(value, combined, *everything)
    return found


def resampled_weights(n_units: int, n_resamples: int, rng: np.random.Generator) -> Iterator[Reals]:
    """How often each resample holds each unit, a few resamples at a time: (some resamples, units)."""
    at_once = max(1, _WEIGHTS_AT_ONCE // max(1, n_units))
    for first in range(0, n_resamples, at_once):
        weights: Reals = np.empty((min(at_once, n_resamples - first), n_units))
        for row in weights:
            drawn = rng.integers(max(1, n_units), size=n_units, dtype=np.int32)
            row[:] = np.bincount(drawn.astype(np.int64), minlength=n_units)  # which it casts to anyway, but slowly
        yield weights


def tail_of(n_units: int) -> float:
    """The share of the resamples beyond either end of an interval of `n_units`, at least 2.

    Where they are few the plain percentiles are too narrow, so that the tails are those of Student's t (Hesterberg
    2015, "expanded percentile").
    """
    return float(ndtr(np.sqrt(n_units / (n_units - 1)) * stdtrit(n_units - 1, (1 - LEVEL) / 2)))


def _draw(
    counts: Sequence[Counts], units: Sequence[Ints], n_resamples: int, rng: np.random.Generator
) -> list[dict[str, Reals]]:
    """The scores of tasks over the same resamples of all their units: a task each, (resamples,)."""
    everything = np.unique(np.concatenate(list(units)))
    summed = []
    for found, its_units in zip(counts, units, strict=True):
        places = np.searchsorted(everything, its_units)
        is_plain = np.array_equal(places, np.arange(len(everything)))
        summed.append(found if is_plain else found.grouped(places, len(everything)))
    parts: list[list[dict[str, Reals]]] = [[] for _ in counts]
    for weights in resampled_weights(len(everything), n_resamples, rng):
        for part, found in zip(parts, summed, strict=True):
            part.append(found.take(weights))
    return [{name: np.concatenate([scores[name] for scores in part]) for name in part[0]} for part in parts]


def _sharing(units: Mapping[str, Ints]) -> list[list[str]]:
    """The tasks, those together that share a unit, directly or through others."""
    clusters: list[tuple[list[str], Ints]] = []
    for task, its_units in units.items():
        touching = [cluster for cluster in clusters if len(np.intersect1d(cluster[1], its_units))]
        names = [name for cluster in touching for name in cluster[0]]
        joined = np.concatenate([its_units, *(cluster[1] for cluster in touching)])
        clusters = [cluster for cluster in clusters if cluster[0][0] not in names] + [([*names, task], joined)]
    return [names for names, _ in clusters]


def _different(numbers: Iterable[Ints]) -> int:
    return len(np.unique(np.concatenate([np.empty(0, dtype=np.int64), *numbers])))


def _of_scores(counts: Counts, drawn: Mapping[str, Reals], units: Ints) -> dict[str, Interval]:
    n_units = _different([units])
    if n_units < 2:
        return {}
    return {name: _interval(value, drawn[name], n_units, len(units)) for name, value in counts.totals().items()}


def _interval(value: float, drawn: Reals, n_units: int, n_texts: int) -> Interval:
    """Resamples for which a score is undefined are left out."""
    tail = tail_of(n_units)
    defined = drawn[np.isfinite(drawn)]
    low, high = np.quantile(defined, [tail, 1 - tail]) if len(defined) else (value, value)
    unit = "texts" if n_units == n_texts else "groups"
    return {"value": value, "low": float(low), "high": float(high), "n": n_units, "unit": unit}
