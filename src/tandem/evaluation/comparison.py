"""Whether one side's scores differ from another's by more than the noise.

A side is a run, or several that differ in their seed. Two sides are comparable if every run answered the same texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tandem.errors import TandemError
from tandem.evaluation.comparison_intervals import DIGITS, Scores, draw_weights, interval
from tandem.evaluation.comparison_matching import Matched, match_texts
from tandem.evaluation.comparison_sources import Run
from tandem.evaluation.scoring.text_counts import Reals

Verdict = Literal["better", "worse", "within noise", "not comparable"]

COMBINED = "combined_score"
N_RESAMPLES = 2000


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A score of both sides (means over a side's runs); no interval where they are not comparable."""

    before: float | None
    after: float | None
    interval: tuple[float, float] | None = None

    @property
    def difference(self) -> float | None:
        """After minus before; None where they are not comparable."""
        if self.interval is None or self.before is None or self.after is None:
            return None
        return round(self.after - self.before, DIGITS)

    @property
    def verdict(self) -> Verdict:
        """`better` or `worse` if the interval excludes 0."""
        if self.interval is None:
            return "not comparable"
        low, high = self.interval
        return "better" if low > 0 else "worse" if high < 0 else "within noise"


@dataclass(frozen=True, kw_only=True)
class TaskComparison:
    """A task's differences by score; `n_shared` is how many texts every run has, of those that a side has.

    `n_units` is how many units these make for the resamples: fewer, where texts of one group are drawn together.
    """

    n_before: int
    n_after: int
    n_shared: int
    n_units: int
    scores: Mapping[str, Difference]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two sides, named by their revisions, and the differences between them."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    tasks: Mapping[str, TaskComparison]
    combined: Difference

    @property
    def covers_seeds(self) -> bool:
        """Whether the intervals cover the training seed: both sides have several runs."""
        return min(len(self.before), len(self.after)) > 1

    @property
    def verdicts(self) -> set[Verdict]:
        """Every verdict that occurs."""
        scores = [score for task in self.tasks.values() for score in task.scores.values()]
        return {score.verdict for score in (*scores, self.combined)}


def compare_runs(
    before: Sequence[Run],
    after: Sequence[Run],
    *,
    only_shared: bool = False,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compare the headline scores of two sides, task by task and combined.

    With `only_shared` the texts that every run has are compared where the test texts differ. Raises `TandemError` if a
    side names a run twice, or if there is nothing to compare.
    """
    sides = (tuple(before), tuple(after))
    for side in sides:
        _check_names([run.name for run in side])
    names = list(dict.fromkeys(task for side in sides for run in side for task in run.tasks))
    matched = {task: match_texts(task, sides, only_shared=only_shared) for task in names}
    matched = {task: found for task, found in matched.items() if max(found.n_texts)}
    if not matched:
        raise TandemError("there are no test texts on either side: nothing to compare")
    scored = _score(matched, n_resamples=n_resamples, seed=seed)
    return Comparison(
        before=tuple(run.name for run in before),
        after=tuple(run.name for run in after),
        tasks={task: _task_comparison(found, scored.get(task)) for task, found in matched.items()},
        combined=_combined(matched, scored),
    )


_Scored = Mapping[str, tuple[Scores, Scores]]
"""By score: before and after."""


def _check_names(names: Sequence[str]) -> None:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise TandemError(f"{twice[0]} is named twice on one side: the spread between runs would come out too small")


def _score(matched: Mapping[str, Matched], *, n_resamples: int, seed: int) -> dict[str, _Scored]:
    """The headline scores of the comparable tasks, on the same resamples of texts for every run."""
    units = {task: found.units for task, found in matched.items() if found.units is not None}
    parts: dict[tuple[str, int, int], list[Mapping[str, Reals]]] = {}
    for weights in draw_weights(units, n_resamples=n_resamples, seed=seed):
        for task, drawn in weights.items():
            for side, runs in enumerate(matched[task].counts):
                for number, counts in enumerate(runs):
                    parts.setdefault((task, side, number), []).append(counts.take(drawn))

    def scores(task: str, side: int, name: str) -> Scores:
        runs = matched[task].counts[side]
        resampled = [np.concatenate([part[name] for part in parts[task, side, run]]) for run in range(len(runs))]
        return Scores(np.array([counts.totals()[name] for counts in runs]), np.array(resampled))

    return {
        task: {name: (scores(task, 0, name), scores(task, 1, name)) for name in matched[task].headlines}
        for task in units
    }


def _task_comparison(found: Matched, scored: _Scored | None) -> TaskComparison:
    def difference(name: str) -> Difference:
        limits = None if scored is None else interval(*scored[name], n_units=found.n_units)
        return Difference(before=found.mean(0, name), after=found.mean(1, name), interval=limits)

    return TaskComparison(
        n_before=found.n_texts[0],
        n_after=found.n_texts[1],
        n_shared=found.n_shared,
        n_units=found.n_units,
        scores={name: difference(name) for name in found.headlines},
    )


def _combined(matched: Mapping[str, Matched], scored: Mapping[str, _Scored]) -> Difference:
    """The mean F1 of the tasks; comparable if every task is."""
    means = []
    for side in (0, 1):
        known = [value for found in matched.values() if (value := found.mean(side, found.f1)) is not None]
        means.append(sum(known) / len(known) if known else None)
    limits = None
    if len(scored) == len(matched):
        both = [[scored[task][found.f1][side] for task, found in matched.items()] for side in (0, 1)]
        before, after = (Scores(*(np.mean(part, axis=0) for part in zip(*side, strict=True))) for side in both)
        limits = interval(before, after, n_units=min(found.n_units for found in matched.values()))
    return Difference(before=means[0], after=means[1], interval=limits)
