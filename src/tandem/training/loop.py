"""The training loop: draw texts, cut them into batches that fit, add up their gradients, step; keep the best epoch."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tandem.errors import TandemError
from tandem.hardware.execution import Execution
from tandem.model.freezing import is_encoder_frozen, parameter_groups
from tandem.model.multitask import MultiTaskModel
from tandem.params import Train
from tandem.tokens.examples import Batch, Examples
from tandem.training.history import Epoch, History, Step, ValidScores
from tandem.training.losses import count_answers, step_loss, summed_losses
from tandem.training.optimization import Optimization
from tandem.training.passes import Draw, EncoderPass, Pass, StoredFeatures
from tandem.training.progress import Progress
from tandem.training.schedules import Schedule, draw_texts, plan_schedule

Scorer = Callable[[Pass, Examples, Execution], ValidScores]


def train_model(
    model: MultiTaskModel,
    splits: tuple[Examples, Examples],
    settings: Train,
    execution: Execution,
    *,
    seed: int,
    score: Scorer,
    scratch: Path,
) -> History:
    """Train `model` in place on (train, valid) and leave it with the best epoch's weights, by the combined valid score.

    A frozen encoder's features lie under `scratch` meanwhile.
    Without validation texts the last epoch counts as the best; with nothing to learn the history is empty.
    """
    groups = _learning_groups(model, settings)
    if not groups:
        return History()
    train, valid = splits
    schedule = plan_schedule({task: len(rows) for task, rows in train.members.items()}, settings)
    is_scaled = execution.precision == "float16"
    optimization = Optimization(
        groups, settings, n_steps=schedule.n_steps, device=execution.device, is_scaled=is_scaled
    )
    history, best = History(), _Best(model)
    with (
        _passes(model, splits, execution, scratch) as (over_train, over_valid),
        Progress(schedule, settings) as progress,
    ):
        for step in range(schedule.n_steps):
            chosen = _draw(train, schedule, step, settings, seed=seed)
            batches = list(train.batches(chosen, size=execution.pass_size, reading=False))
            model.train()
            rate = optimization.highest_rate
            assert isinstance(settings.loss_weights, dict)
            losses = _take_step(over_train, batches, optimization, settings.loss_weights, Draw(seed, step))
            history.steps.append(Step(number=step + 1, losses=losses, learning_rate=rate))
            progress.after_step(history.steps[-1], n_pieces=sum(int(batch.mask.sum()) for batch in batches))
            if step + 1 in schedule.epoch_ends:
                model.eval()
                best.offer(history.end_epoch(score(over_valid, valid, execution)))
                progress.after_epoch(history.epochs[-1])
    history.best_epoch = best.restore()
    return history


def _learning_groups(model: MultiTaskModel, settings: Train) -> list[dict[str, Any]]:
    return parameter_groups(
        model,
        trainable=settings.trainable,
        output_layers=settings.output_layers,
        learning_rate=settings.learning_rate,
        adaptive_rates=settings.adaptive_rates,
        weight_decay=settings.weight_decay,
    )


def _draw(train: Examples, schedule: Schedule, step: int, settings: Train, *, seed: int) -> dict[str, np.ndarray]:
    """The texts that each task of a step learns from, as rows of `train.members`."""
    return {
        task: draw_texts(len(train.members[task]), settings.batch_size_of(task), turn, seed=seed)
        for task, turn in schedule.turn_numbers(step).items()
    }


def _take_step(
    run: Pass,
    batches: Sequence[Batch],
    optimization: Optimization,
    loss_weights: Mapping[str, float],
    draw: Draw,
) -> dict[str, float]:
    """One optimizer step over all batches; returns each task's mean loss."""
    counts = count_answers(batches)
    totals: dict[str, Tensor] = {}
    for batch in batches:
        sums = {task: total for task, total in summed_losses(batch, run(batch, draw)).items() if counts[task]}
        if not sums:  # only words without pieces
            continue
        optimization.backward(step_loss(sums, counts, loss_weights))
        for task, total in sums.items():
            totals[task] = totals.get(task, torch.zeros(())) + total.detach().cpu()
    losses = {task: float(total) / counts[task] for task, total in totals.items()}
    _check_finite(losses, draw.step)
    optimization.step()
    return losses


def _check_finite(losses: Mapping[str, float], step: int) -> None:
    for task, loss in losses.items():
        if not math.isfinite(loss):
            raise TandemError(
                f"step {step + 1}: the loss of {task} is {loss}: training has diverged; "
                "lower train.learning_rate, or check train.loss_weights and train.weight_decay"
            )


@contextmanager
def _passes(
    model: MultiTaskModel, splits: tuple[Examples, Examples], execution: Execution, scratch: Path
) -> Iterator[tuple[Pass, Pass]]:
    """How training and validation texts reach the heads: a frozen encoder is run once, now."""
    if not is_encoder_frozen(model):
        live = EncoderPass(model, splits[0].kinds, execution)
        yield live, live
        return
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="features-", dir=scratch) as folder:
        stored = [
            StoredFeatures(model, examples, execution, Path(folder) / name)
            for name, examples in zip(("train", "valid"), splits, strict=True)
        ]
        yield stored[0], stored[1]


class _Best:
    """The weights of the best epoch so far, the earlier one where two are equal."""

    def __init__(self, model: MultiTaskModel) -> None:
        self.model = model
        self.epoch = 0
        self.score = -math.inf
        self.weights: dict[str, Tensor] = {}

    def offer(self, epoch: Epoch) -> None:
        score = epoch.valid.combined if epoch.valid.scores else float(epoch.number)
        if score > self.score:
            self.epoch, self.score = epoch.number, score
            learnt = {name for name, parameter in self.model.named_parameters() if parameter.requires_grad}
            state = self.model.state_dict()
            self.weights = {name: state[name].detach().clone() for name in sorted(learnt)}

    def restore(self) -> int:
        """Put the best weights back and return their epoch."""
        self.model.load_state_dict(self.weights, strict=False)
        return self.epoch
