"""Training: everything that a run needs is put together here, and then runs its course."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tandem.errors import TandemError
from tandem.hardware.execution import Execution
from tandem.hardware.memory import PassLimit
from tandem.model.multitask import MultiTaskModel
from tandem.params import Train
from tandem.tokens.batches.batching import PassSize
from tandem.tokens.batches.examples import Examples
from tandem.training.checkpoints import Checkpoints
from tandem.training.course import Course
from tandem.training.features import StoredFeatures
from tandem.training.freezing import is_encoder_frozen, parameter_groups
from tandem.training.history import History, ValidScores
from tandem.training.interruption import Interruption
from tandem.training.losses import Weighting, make_criteria
from tandem.training.optimization import Optimization, uncertainty_group
from tandem.training.passing.passes import EncoderPass, Pass
from tandem.training.passing.processes import ALONE, Crew
from tandem.training.progress import Progress
from tandem.training.schedules import plan_schedule
from tandem.training.stepping import Stepper
from tandem.training.streams import plan_streams

Scorer = Callable[[Pass, Examples, PassSize, Crew], ValidScores]


def train_model(
    model: MultiTaskModel,
    splits: tuple[Examples, Examples],
    settings: Train,
    execution: Execution,
    *,
    seed: int,
    score: Scorer,
    folder: Path,
    crew: Crew = ALONE,
) -> History:
    """Train `model` in place on (train, valid) and leave it with the best epoch's weights, by `select_by`.

    Checkpoints lie in `folder`, which belongs to this run alone; a run that finds one goes on from it.
    Without validation texts the last epoch counts as the best; with nothing to learn the history is empty.
    Raises `TandemError` if the run is interrupted (after a checkpoint), diverges, or cannot be kept on the disk.
    """
    train, valid = splits
    if settings.select_by != "combined" and len(valid.members[settings.select_by]) == 0:
        raise TandemError(
            f"train.select_by names {settings.select_by}, which has no validation text: raise split.valid, or take "
            "combined"
        )
    groups = parameter_groups(model, settings)
    if not groups:
        return History()
    limit = PassLimit(execution.pass_size, memo=folder, number=crew.part.number, may_retry=crew.is_alone)
    streams = plan_streams(train.members, train.shelf.text_lengths, settings, seed=seed)
    schedule = plan_schedule({task: stream.n_batches for task, stream in streams.items()}, settings, seed=seed)
    with _passes(model, splits, settings, execution, folder / f"features-{crew.part.number}", limit) as passes:
        make = partial(Stepper, run=passes[0], crew=crew, limit=limit)
        course = Course(
            model=model,
            learning={name for group in groups for name in group["names"]},
            members=train.members,
            settings=settings,
            seed=seed,
            schedule=schedule,
            streams=streams,
            stepper=_make_stepper(make, groups, train, settings, execution, schedule.n_steps),
            validate=partial(_validate, model, passes[1], valid, score, crew, limit),
            checkpoints=Checkpoints(folder, kept=settings.checkpoints_kept),
            history=History(select_by=settings.select_by),
        )
        with Interruption() as interruption, Progress(schedule, settings, is_shown=crew.is_first) as progress:
            course.restore(progress)
            course.go(interruption, progress)
            course.history.cost = progress.cost(execution.device)
    course.take_best()
    return course.history


def _make_stepper(
    make: Callable[..., Stepper],
    groups: list[dict[str, Any]],
    train: Examples,
    settings: Train,
    execution: Execution,
    n_steps: int,
) -> Stepper:
    weighting = Weighting(tuple(train.members), settings.loss_weights)
    if weighting.log_variances is not None:
        groups = [*groups, uncertainty_group(weighting.log_variances, settings)]
    is_scaled = execution.precision == "float16"
    counts = {task: train.count_labels(task) for task in train.members}
    return make(
        optimization=Optimization(groups, settings, n_steps=n_steps, device=execution.device, is_scaled=is_scaled),
        criteria=make_criteria(settings, train.labels, train.kinds, counts),
        weighting=weighting,
    )


def _validate(
    model: MultiTaskModel, run: Pass, valid: Examples, score: Scorer, crew: Crew, limit: PassLimit
) -> ValidScores:
    model.eval()
    return limit.run(lambda size: score(run, valid, size, crew))


@contextmanager
def _passes(
    model: MultiTaskModel,
    splits: tuple[Examples, Examples],
    settings: Train,
    execution: Execution,
    folder: Path,
    limit: PassLimit,
) -> Iterator[tuple[Pass, Pass]]:
    """How training and validation texts reach the heads: an encoder that never learns is run once, now."""
    train, valid = splits
    if not is_encoder_frozen(model, settings):
        model.encoder.checkpoints_layers = settings.gradient_checkpointing
        yield (
            EncoderPass(model, train, execution, reading=False),
            EncoderPass(model, valid, execution, reading=True),
        )
        return
    try:
        stored = partial(StoredFeatures, model, execution=execution, limit=limit)
        yield (
            stored(train, reading=False, folder=folder / "train"),
            stored(valid, reading=True, folder=folder / "valid"),
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
