"""Which tasks take a turn in which step: a pure function of (seed, step), laid out before the run as a table.

A task's n-th turn takes the n-th batch of its stream of texts (`streams`). With share(task) the expected number of
turns that the task has in a step, an epoch is ceil(max over tasks of n_batches / share) steps: as many as it takes
until every task is expected to have seen all of its texts at least once, while those with fewer cycle. Under
`separate` a task has share 1 while it is at its turn, so each pass over each task's texts is an epoch of its own.
`epoch_steps`, where set, says how many steps an epoch has instead. A task without batches of its own takes no turn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from tandem.errors import TandemError
from tandem.params import Train

MOST_STEPS = 20_000_000  # a table of more would not fit into memory
_SITE = 1 << 63  # the key of these draws, apart from those of dropout and of the streams


@dataclass(frozen=True, kw_only=True, eq=False)
class Schedule:
    """The turns of a run: `turns` is (steps, tasks); `epoch_ends` are step counts, the last one the run's end."""

    tasks: tuple[str, ...]
    turns: NDArray[np.bool_]
    epoch_ends: tuple[int, ...]

    @property
    def n_steps(self) -> int:
        """Optimizer steps of the whole run."""
        return len(self.turns)

    def turn_numbers(self, step: int) -> dict[str, int]:
        """The tasks that take a turn in a step (from 0), each with how many turns it had before."""
        return {self.tasks[n]: int(self._earlier[step, n]) for n in np.flatnonzero(self.turns[step])}

    @cached_property
    def _earlier(self) -> NDArray[np.int32]:
        """How many turns each task had before each step: (steps, tasks)."""
        counts = np.zeros(self.turns.shape, dtype=np.int32)
        np.cumsum(self.turns[:-1], axis=0, dtype=np.int32, out=counts[1:])
        return counts


def plan_schedule(n_batches: Mapping[str, int], settings: Train, *, seed: int) -> Schedule:
    """Lay out all turns for tasks whose passes take `n_batches`, cut at `max_steps`.

    Raises `TandemError` if no task has a batch, or if the run would take more than `MOST_STEPS` steps.
    """
    if not any(n_batches.values()):
        raise TandemError(f"no text to train on for any of the tasks {', '.join(n_batches)}: check corpora and split")
    ends = list(accumulate(_epoch_lengths(n_batches, settings)))
    n_steps = min(ends[-1], settings.max_steps or ends[-1])
    if n_steps > MOST_STEPS:
        raise TandemError(
            f"train.epochs: {settings.epochs} would take {n_steps} steps, at most {MOST_STEPS} are possible: lower it "
            "(or train.temperature, if that makes a task's turns very rare), or set train.max_steps"
        )
    inner = (end for end in ends if end < n_steps)
    return Schedule(
        tasks=tuple(n_batches), turns=_turns(n_batches, settings, n_steps, seed=seed), epoch_ends=(*inner, n_steps)
    )


def turn_shares(n_batches: Mapping[str, int], settings: Train) -> dict[str, Fraction]:
    """How many turns each task is expected to have in a step; under `separate`, in a step of its own epochs."""
    weights = {task: _weight(count, settings) for task, count in n_batches.items()}
    total = 1 if settings.schedule in ("combined", "separate") else sum(weights.values())
    return {task: weight / total for task, weight in weights.items()}


def _weight(count: int, settings: Train) -> Fraction:
    """What a task's share is in proportion to; fractions, so that an epoch's length is not at the mercy of rounding."""
    if count == 0:
        return Fraction(0)
    if settings.schedule == "proportional":
        return Fraction(count)
    if settings.schedule != "temperature":
        return Fraction(1)
    try:
        return Fraction(float(count) ** settings.temperature)
    except OverflowError as error:
        raise TandemError(
            f"params.yaml: train.temperature must be lower, got {settings.temperature}: "
            f"a task of {count} batches would be drawn every time"
        ) from error


def _epoch_lengths(n_batches: Mapping[str, int], settings: Train) -> list[int]:
    """The steps of each epoch of the run, in order."""
    if settings.schedule == "separate":
        return [count for count in _own_epochs(n_batches, settings) if count for _ in range(settings.epochs)]
    if settings.epoch_steps is not None:
        return [settings.epoch_steps] * settings.epochs
    shares = turn_shares(n_batches, settings)
    longest = max(count / shares[task] for task, count in n_batches.items() if count)
    return [math.ceil(longest)] * settings.epochs


def _own_epochs(n_batches: Mapping[str, int], settings: Train) -> list[int]:
    """The steps of an epoch of each task's own, under `separate`; 0 for a task without a batch."""
    return [settings.epoch_steps or count if count else 0 for count in n_batches.values()]


def _turns(n_batches: Mapping[str, int], settings: Train, n_steps: int, *, seed: int) -> NDArray[np.bool_]:
    """The table of turns, (steps, tasks)."""
    turns = np.zeros((n_steps, len(n_batches)), dtype=bool)
    active = np.flatnonzero(list(n_batches.values()))
    steps = np.arange(n_steps)
    if settings.schedule == "combined":
        turns[:, active] = True
    elif settings.schedule == "separate":
        ends = np.cumsum(_own_epochs(n_batches, settings)) * settings.epochs
        turns[steps, np.searchsorted(ends, steps, side="right")] = True
    elif settings.schedule == "alternating":
        turns[steps, active[steps % len(active)]] = True
    else:
        ends = np.array([float(end) for end in accumulate(turn_shares(n_batches, settings).values())])
        turns[steps, np.searchsorted(ends, _uniform(n_steps, seed=seed), side="right")] = True
    return turns


def _uniform(n_steps: int, *, seed: int) -> NDArray[np.float64]:
    """A number in [0, 1) for each step, from Philox's raw bits, which are the same on every machine: (steps,)."""
    key = np.array([seed % (1 << 64), _SITE], dtype=np.uint64)
    draws = np.random.Philox(key=key).random_raw(n_steps)
    return (draws >> np.uint64(11)).astype(np.float64) * 2.0**-53
