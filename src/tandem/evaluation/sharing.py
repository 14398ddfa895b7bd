"""Does a task gain from the others? Its scores in the shared model against those of its single-task twin.

Both answered the same test texts, so that their difference has a paired interval. A difference below 0 is negative
transfer (Wang et al. 2019): the task would do better alone. The interval covers the choice of test texts, and not the
seeds of the two trainings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tandem.artifacts import read_json
from tandem.errors import TandemError
from tandem.evaluation.comparison import Difference, Verdict, compare_runs
from tandem.evaluation.comparison_sources import Run, read_answers

Effect = Literal["sharing helps", "sharing hurts", "within noise", "not comparable"]

_EFFECTS: dict[Verdict, Effect] = {"better": "sharing helps", "worse": "sharing hurts"}


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """What sharing does to a task, by score: `before` is alone, `after` is shared.

    `steps` are the optimizer steps of the run `alone` and of the whole `shared` one; `counted` is which reading of
    "the same training" was asked for (`twins.steps`).
    """

    task: str
    f1: str
    scores: Mapping[str, Difference]
    n: int
    steps: Mapping[str, int]
    counted: str

    def metrics(self) -> dict[str, Any]:
        """The scores, differences and intervals as plain values."""
        return {
            **{name: _plain(score) for name, score in self.scores.items()},
            "f1_name": self.f1,
            "n": self.n,
            "steps": dict(self.steps),
            "steps_counted": self.counted,
        }

    def summary(self) -> str:
        """One line: the score that speaks for the task, alone and shared, and whether the difference is one."""
        found = _plain(self.scores[self.f1])
        if found["difference"] is None:
            return f"{self.task}: not comparable, the shared model answered other test texts"
        return (
            f"{self.task} {self.f1.replace('_', ' ')} {found['alone']:.4f} alone, {found['shared']:.4f} shared: "
            f"{found['difference']:+.4f} ({found['low']:+.4f} to {found['high']:+.4f}), {told(found['effect'])}"
        )


def measure_sharing(task: str, *, shared: tuple[Path, Path], alone: tuple[Path, Path], counted: str) -> Sharing:
    """Compare what `evaluate` and `train` left of both models, (evaluated, trained) folders each.

    Raises `TandemError` if something is missing there, or if there are no test texts.
    """
    runs = [
        Run(name=name, tasks={task: read_answers(evaluated, task)})
        for name, (evaluated, _) in (("alone", alone), ("shared", shared))
    ]
    found = compare_runs(runs[:1], runs[1:]).tasks[task]
    steps = {name: _steps(trained) for name, (_, trained) in (("alone", alone), ("shared", shared))}
    f1 = "macro_f1" if "macro_f1" in found.scores else "f1"
    return Sharing(task=task, f1=f1, scores=found.scores, n=found.n_shared, steps=steps, counted=counted)


def told(effect: Effect) -> str:
    """An effect in words that leave no doubt about its sign."""
    return "sharing hurts (negative transfer)" if effect == "sharing hurts" else effect


def _plain(score: Difference) -> dict[str, Any]:
    low, high = score.interval or (None, None)
    return {
        "alone": score.before,
        "shared": score.after,
        "difference": score.difference,
        "low": low,
        "high": high,
        "effect": _EFFECTS.get(score.verdict, score.verdict),
    }


def _steps(trained: Path) -> int:
    try:
        return int(read_json(trained / "metrics.json")["step"])
    except (KeyError, TypeError, ValueError) as error:
        raise TandemError(f"{trained}/metrics.json is damaged ({error}): delete it and run `dvc repro`") from error
