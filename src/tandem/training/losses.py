"""The loss of a step: the sum over its tasks of a factor times the task's mean cross-entropy.

The mean runs over the whole effective batch, so each part of a step (a batch, a process) gives its sum divided by
what the step counts altogether: however the step is split, the loss and its gradient are the same.

With class weights and label smoothing (Szegedy et al. 2016, section 7) a mean is what
`torch.nn.functional.cross_entropy(weight=..., label_smoothing=..., reduction="mean")` gives over the whole step:
an answer counts as much as its label's weight, times the share that its window has in its text.

Shapes: a task's `counted` answers in a batch, the `labels` of its head.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tandem.errors import TandemError
from tandem.params import Kind, Train
from tandem.tokens.batches.examples import Targets
from tandem.tokens.storage.ragged import IGNORED, Ints

Floats = NDArray[np.float64]


class Answered(Protocol):
    """A batch, of texts or of stored features, with the answers of the tasks that learn from it."""

    @property
    def targets(self) -> Mapping[str, Targets]:
        """The answers of each task, (counted,)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Criterion:
    """How a task's answers are counted: a factor for each label, (labels,), and the share of an answer spread out."""

    class_weights: Floats
    label_smoothing: float

    def count(self, targets: Targets) -> float:
        """What the answers weigh together."""
        is_known = targets.answers != IGNORED
        return float((targets.weights[is_known] * self.class_weights[targets.answers[is_known]]).sum())

    def summed(self, targets: Targets, logits: Tensor) -> Tensor:
        """The weighted sum of cross-entropies, a scalar in float32 at least; `logits` are (counted, labels)."""
        scores = logits.to(torch.promote_types(logits.dtype, torch.float32))
        each = functional.cross_entropy(
            scores,
            torch.from_numpy(targets.answers).to(scores.device),
            weight=torch.from_numpy(self.class_weights).to(scores.dtype).to(scores.device),
            ignore_index=IGNORED,
            label_smoothing=self.label_smoothing,
            reduction="none",
        )  # (counted,), 0 where ignored
        return (each * torch.from_numpy(targets.weights).to(scores.device)).sum()


def make_criteria(
    settings: Train,
    labels: Mapping[str, Sequence[str]],
    kinds: Mapping[str, Kind],
    counts: Mapping[str, Ints],
) -> dict[str, Criterion]:
    """The criterion of each task.

    `labels[task]` are the names that its head tells apart; `counts[task]`, (labels,), how often each is an answer in
    the training split, is only looked at for tasks with balanced weights. Raises `TandemError` if
    `train.class_weights` names a label that there is not.
    """
    criteria = {}
    for task, names in labels.items():
        chosen = settings.class_weights.get(task, {})
        if isinstance(chosen, str):
            weights = balanced_weights(counts[task])
        else:
            weights = _named_weights(task, chosen, names, kinds[task])
        criteria[task] = Criterion(class_weights=weights, label_smoothing=settings.label_smoothing_of(task))
    return criteria


def balanced_weights(counts: Ints) -> Floats:
    """Answers / (labels that occur * the label's answers), as scikit-learn has it; 1 for a label that never occurs."""
    occurs = np.asarray(counts) > 0
    weights = np.ones(len(counts))
    weights[occurs] = np.sum(counts) / (occurs.sum() * np.asarray(counts)[occurs])
    return weights


def _named_weights(task: str, chosen: Mapping[str, float], names: Sequence[str], kind: Kind) -> Floats:
    """The weights given by name, 1 for all others; an entity type means both its tags, a tag's own weight wins."""
    weights = np.ones(len(names))
    for name in sorted(chosen, key=lambda name: name in names):  # types first
        tags = (f"B-{name}", f"I-{name}") if kind == "tagging" and name not in names else (name,)
        meant = [number for number, label in enumerate(names) if label in tags]
        if not meant:
            or_types = " (or an entity type, for both its tags)" if kind == "tagging" else ""
            raise TandemError(
                f"params.yaml: train.class_weights.{task} names {name!r}, which is not a label; "
                f"there are {', '.join(names)}{or_types}"
            )
        weights[meant] = chosen[name]
    return weights


def count_answers(batches: Iterable[Answered], criteria: Mapping[str, Criterion]) -> dict[str, float]:
    """What the texts or tagged words that each task learns from in a step weigh together."""
    totals: dict[str, float] = {}
    for batch in batches:
        for task, targets in batch.targets.items():
            totals[task] = totals.get(task, 0.0) + criteria[task].count(targets)
    return totals


def summed_losses(
    batch: Answered, logits: Mapping[str, Tensor], criteria: Mapping[str, Criterion]
) -> dict[str, Tensor]:
    """Each task's weighted sum of cross-entropies over a batch; `logits[task]` is (counted, labels)."""
    return {task: criteria[task].summed(targets, logits[task]) for task, targets in batch.targets.items()}


def step_loss(sums: Mapping[str, Tensor], counts: Mapping[str, float], factors: Mapping[str, float]) -> Tensor:
    """A batch's share of the step's loss, a scalar; 0 for a task whose answers the step does not count."""
    return torch.stack([total * (factors[task] / (counts[task] or 1.0)) for task, total in sums.items()]).sum()


def mean_losses(sums: Mapping[str, float], counts: Mapping[str, float]) -> dict[str, float]:
    """The step's mean loss of each task that it counts any answer of, from the sums over all its batches."""
    return {task: total / counts[task] for task, total in sums.items() if counts[task]}


class Weighting:
    """The factors of the tasks' mean losses L: fixed ones, or learnt ones (Kendall, Gal and Cipolla 2018).

    Learnt, a step's loss is the sum over its tasks of exp(-s) * L + s / 2, with s the logarithm of the task's
    variance, from 0. L is only known when all parts of the step are done (batches, processes), each of which has
    then gone backward by itself; so the factors stand still for the step, and the gradient of s is set from the
    step's mean losses afterwards, in closed form: 1 / 2 - exp(-s) * L.

    `log_variances`, (tasks,), is the whole state; None where the factors are fixed.
    """

    def __init__(self, tasks: Sequence[str], loss_weights: Literal["uncertainty"] | Mapping[str, float]) -> None:
        self.tasks = tuple(tasks)
        self.fixed = None if loss_weights == "uncertainty" else dict(loss_weights)
        self.log_variances = nn.Parameter(torch.zeros(len(tasks), dtype=torch.float64)) if self.fixed is None else None

    def factors(self) -> dict[str, float]:
        """The factor of each task in the coming step."""
        if self.log_variances is None:
            assert self.fixed is not None
            return dict(self.fixed)
        return dict(zip(self.tasks, torch.exp(-self.log_variances.detach()).tolist(), strict=True))

    def set_gradients(self, losses: Mapping[str, float], *, scale: float = 1.0) -> None:
        """Set the gradient of `log_variances` by the step's mean losses; tasks without one get 0.

        `scale` is what the optimizer will divide all gradients by (float16's loss scaling).
        """
        if self.log_variances is None:
            return
        slopes = [0.5 - factor * losses[task] if task in losses else 0.0 for task, factor in self.factors().items()]
        self.log_variances.grad = scale * self.log_variances.new_tensor(slopes)
