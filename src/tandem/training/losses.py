"""The loss of a step: a weighted sum of the tasks' mean cross-entropies.

The mean runs over the whole effective batch, so a batch contributes its sum divided by the number that the
step counts altogether; however the step is cut into batches, the loss and its gradient are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from tandem.tokens.examples import Batch
from tandem.tokens.ragged import IGNORED


def count_answers(batches: Sequence[Batch]) -> dict[str, float]:
    """How many texts or tagged words each task learns from in a step."""
    totals: dict[str, float] = {}
    for batch in batches:
        for task, targets in batch.targets.items():
            known = targets.weights[targets.answers != IGNORED]
            totals[task] = totals.get(task, 0.0) + float(known.sum(dtype="float64"))
    return totals


def summed_losses(batch: Batch, logits: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each task's weighted sum of cross-entropies over a batch; `logits[task]` is (counted, labels)."""
    sums = {}
    for task, targets in batch.targets.items():
        scores = logits[task].to(torch.promote_types(logits[task].dtype, torch.float32))
        answers = torch.from_numpy(targets.answers).to(scores.device)
        weights = torch.from_numpy(targets.weights).to(scores.device)
        each = functional.cross_entropy(scores, answers, ignore_index=IGNORED, reduction="none")
        sums[task] = (each * weights).sum()
    return sums


def step_loss(sums: Mapping[str, Tensor], counts: Mapping[str, float], loss_weights: Mapping[str, float]) -> Tensor:
    """A batch's share of the step's loss, a scalar."""
    return torch.stack([loss_weights[task] * total / counts[task] for task, total in sums.items()]).sum()
