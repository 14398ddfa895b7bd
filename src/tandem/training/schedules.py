"""Which tasks learn in which step, and from which of their texts: pure functions of (seed, step).

A schedule is a table of turns, (steps, tasks), True where a task takes part in a step. A task's texts form one
endless stream, a new permutation after each pass; its n-th turn takes the n-th slice of `batch_size` texts.
An epoch of `combined` is one pass over the texts of the task that takes the most steps (the others cycle); an
epoch of `separate` is one pass over each task's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tandem.params import Train


@dataclass(frozen=True, kw_only=True)
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
        """The tasks of a step (from 0), each with how many turns it had before."""
        earlier = self.turns[:step].sum(axis=0)
        return {task: int(earlier[n]) for n, task in enumerate(self.tasks) if self.turns[step, n]}


def plan_schedule(sizes: Mapping[str, int], settings: Train) -> Schedule:
    """Lay out all turns for tasks of `sizes` texts, cut at `max_steps`."""
    planned = {"combined": _combined, "separate": _separate}[settings.schedule](sizes, settings)
    if settings.max_steps is None or settings.max_steps >= planned.n_steps:
        return planned
    inner = tuple(end for end in planned.epoch_ends if end < settings.max_steps)
    return Schedule(
        tasks=planned.tasks,
        turns=planned.turns[: settings.max_steps],
        epoch_ends=(*inner, settings.max_steps),
    )


def _combined(sizes: Mapping[str, int], settings: Train) -> Schedule:
    steps = max(_pass_steps(sizes, settings))
    ends = tuple(steps * (epoch + 1) for epoch in range(settings.epochs))
    return Schedule(tasks=tuple(sizes), turns=np.ones((ends[-1], len(sizes)), dtype=bool), epoch_ends=ends)


def _separate(sizes: Mapping[str, int], settings: Train) -> Schedule:
    steps = _pass_steps(sizes, settings)
    own = np.eye(len(steps), dtype=bool)
    turns = np.concatenate([np.repeat(own[[n]], count * settings.epochs, axis=0) for n, count in enumerate(steps)])
    lengths = [count for count in steps for _ in range(settings.epochs)]
    return Schedule(tasks=tuple(sizes), turns=turns, epoch_ends=tuple(int(end) for end in np.cumsum(lengths)))


def _pass_steps(sizes: Mapping[str, int], settings: Train) -> list[int]:
    """How many steps a pass over each task's texts takes."""
    return [-(-size // settings.batch_size_of(task)) for task, size in sizes.items()]


def draw_texts(n_texts: int, batch_size: int, turn: int, *, seed: int) -> NDArray[np.int64]:
    """The texts (positions below `n_texts`) of a turn, in stream order; (batch_size,), or all where there are fewer.

    Tasks with the same texts draw the same ones, so that a text with both labels goes through the encoder once.
    """
    batch_size = min(batch_size, n_texts)
    places = np.arange(turn * batch_size, (turn + 1) * batch_size)
    drawn = np.empty(batch_size, dtype=np.int64)
    for cycle in np.unique(places // n_texts):
        inside = places // n_texts == cycle
        order = np.random.default_rng((seed, n_texts, int(cycle))).permutation(n_texts)
        drawn[inside] = order[places[inside] % n_texts]
    return drawn
