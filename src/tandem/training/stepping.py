"""One optimizer step, however it is cut: into passes that fit into memory, over the processes of a crew."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from tandem.errors import TandemError
from tandem.hardware.memory import PassLimit
from tandem.tokens.batches.batching import PassSize
from tandem.tokens.storage.ragged import Ints
from tandem.training.losses import (
    Criterion,
    Weighting,
    count_answers,
    mean_losses,
    step_loss,
    summed_losses,
)
from tandem.training.optimization import Optimization
from tandem.training.passing.passes import Draw, Pass
from tandem.training.passing.processes import Crew


class Taken(NamedTuple):
    """What a step found: its tasks' mean losses, and how many pieces were real and were computed, padding included."""

    losses: dict[str, float]
    n_pieces: int
    n_computed: int


@dataclass(kw_only=True)
class Stepper:
    """Takes steps with `run`, in the form in which the crew shares it."""

    run: Pass
    optimization: Optimization
    criteria: Mapping[str, Criterion]
    weighting: Weighting
    crew: Crew
    limit: PassLimit
    _shared: Any = field(init=False)

    def share(self) -> None:
        """Get ready: to be called before the first step, and whenever other weights learn than before."""
        self._shared = self.crew.share(self.run)

    def take(self, texts: Mapping[str, Ints], draw: Draw) -> Taken:
        """Learn once from the texts of each task.

        Raises `TandemError` if the loss is no longer a finite number, or if memory does not suffice for one window.
        """
        return self.limit.run(lambda size: self._learn(texts, draw, size))

    def _learn(self, texts: Mapping[str, Ints], draw: Draw, size: PassSize) -> Taken:
        """Take the step in passes of `size`; if memory runs out anywhere, no weight has changed yet."""
        taken = self.add_gradients(texts, draw, size)
        for task, loss in taken.losses.items():
            if not math.isfinite(loss):
                raise diverged(draw.step + 1, f"the loss of {task} is {loss}")
        self.weighting.set_gradients(taken.losses, scale=self.optimization.scaler.get_scale())
        self.optimization.step()
        return taken

    def add_gradients(self, texts: Mapping[str, Ints], draw: Draw, size: PassSize) -> Taken:
        """Leave the gradients of a step, cut into passes of `size`, in the parameters."""
        self.optimization.forget()  # of a try that ran out of memory
        tasks = tuple(texts)
        parcels = list(self.run.batches(texts, size=size, part=self.crew.part))
        pieces = [sum(parcel.n_pieces for parcel in parcels), sum(parcel.n_computed for parcel in parcels)]
        parcels = parcels or [self._muted(texts, size)]
        own = count_answers(parcels, self.criteria)
        counts = self._total([own.get(task, 0.0) for task in tasks] + pieces)
        sums = self._total(self._go_through(parcels, draw, dict(zip(tasks, counts, strict=False)), tasks))
        by_task = (dict(zip(tasks, values, strict=False)) for values in (sums, counts))
        return Taken(mean_losses(*by_task), int(counts[-2]), int(counts[-1]))

    def _go_through(
        self, parcels: Sequence[Any], draw: Draw, counts: Mapping[str, float], tasks: Sequence[str]
    ) -> list[float]:
        """Add up gradients, and return the summed losses of `tasks`; the last pass exchanges the gradients."""
        factors = self.weighting.factors()
        totals = dict.fromkeys(tasks, 0.0)
        for number, parcel in enumerate(parcels, start=1):
            is_last = number == len(parcels)
            with nullcontext() if is_last else self.crew.holding_back(self._shared):
                sums = summed_losses(parcel, self._shared(parcel, draw), self.criteria)
                # the crew averages gradients, and each process has but its share of the sum
                self.optimization.backward(step_loss(sums, counts, factors) * self.crew.part.of)
            for task, total in sums.items():
                totals[task] += float(total.detach())
        return list(totals.values())

    def _muted(self, texts: Mapping[str, Ints], size: PassSize) -> Any:
        """A parcel that counts nothing, for a process without a window of its own: all must exchange gradients."""
        parcel = next(iter(self.run.batches(texts, size=size._replace(tokens=1))))
        targets = {task: own._replace(weights=0 * own.weights) for task, own in parcel.targets.items()}
        return parcel._replace(targets=targets)

    def _total(self, values: Sequence[float]) -> list[float]:
        totals = np.array(values, dtype=np.float64)
        self.crew.total(totals)
        return totals.tolist()  # type: ignore[no-any-return]


def diverged(step: int, found: str) -> TandemError:
    """The error for a step (from 1) after which there is nothing to go on from."""
    return TandemError(
        f"step {step}: {found}: training has diverged; "
        "lower train.learning_rate, or check train.loss_weights and train.weight_decay"
    )
