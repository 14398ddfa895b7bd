"""The training loop: draw texts, step, write checkpoints, score each epoch, and keep the best one's weights."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor

from tandem.errors import TandemError
from tandem.hardware.execution import Execution
from tandem.hardware.memory import PassLimit
from tandem.model.freezing import is_encoder_frozen, parameter_groups, set_learning_rungs
from tandem.model.multitask import MultiTaskModel
from tandem.params import Train
from tandem.tokens.batching import PassSize
from tandem.tokens.examples import Examples
from tandem.tokens.ragged import Ints
from tandem.training.checkpoints import Checkpoints, Snapshot
from tandem.training.features import StoredFeatures
from tandem.training.history import History, Step, ValidScores
from tandem.training.interruption import Interruption
from tandem.training.losses import Weighting, make_criteria
from tandem.training.optimization import Optimization, uncertainty_group
from tandem.training.passes import Draw, EncoderPass, Pass
from tandem.training.processes import ALONE, Crew
from tandem.training.progress import Progress
from tandem.training.schedules import Schedule, plan_schedule
from tandem.training.stepping import Stepper
from tandem.training.streams import Stream, plan_streams, taught

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
    weighting = Weighting(tuple(train.members), settings.loss_weights)
    if weighting.log_variances is not None:
        groups.append(uncertainty_group(weighting.log_variances, settings))
    is_scaled = execution.precision == "float16"
    with _passes(model, splits, settings, execution, folder / f"features-{crew.part.number}", limit) as passes:
        stepper = Stepper(
            run=passes[0],
            optimization=Optimization(
                groups, settings, n_steps=schedule.n_steps, device=execution.device, is_scaled=is_scaled
            ),
            criteria=make_criteria(
                settings, train.labels, train.kinds, {task: train.count_labels(task) for task in train.members}
            ),
            weighting=weighting,
            crew=crew,
            limit=limit,
        )
        validate = partial(_validate, model, passes[1], valid, score, crew, limit)
        run = _Run(
            model=model,
            learning={name for group in groups for name in group["names"]},
            members=train.members,
            settings=settings,
            seed=seed,
            schedule=schedule,
            streams=streams,
            stepper=stepper,
            validate=validate,
            checkpoints=Checkpoints(folder, kept=settings.checkpoints_kept),
            history=History(select_by=settings.select_by),
        )
        with Interruption() as interruption, Progress(schedule, settings, is_shown=crew.is_first) as progress:
            run.restore(progress)
            run.go(interruption, progress)
            run.history.cost = progress.cost(execution.device)
    run.take_best()
    return run.history


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


@dataclass(kw_only=True)
class _Run:
    """A run on its way: where it stands is the optimizer's count of steps, and the history so far."""

    model: MultiTaskModel
    learning: Collection[str]
    members: Mapping[str, Ints]
    settings: Train
    seed: int
    schedule: Schedule
    streams: Mapping[str, Stream]
    stepper: Stepper
    validate: Callable[[], ValidScores]
    checkpoints: Checkpoints
    history: History

    @property
    def n_taken(self) -> int:
        """Steps so far."""
        return self.stepper.optimization.n_taken

    def go(self, interruption: Interruption, progress: Progress) -> None:
        """Go on to the end, or until patience is lost or somebody wishes to stop."""
        set_learning_rungs(self.model, self.settings, epoch=len(self.history.epochs))
        self.stepper.share()
        while self.n_taken < self.schedule.n_steps and not self.history.has_stalled(self.settings.patience):
            self._step(progress)
            ends_epoch = self.n_taken in self.schedule.epoch_ends
            if ends_epoch:
                self._end_epoch(progress)
            is_wished = self.stepper.crew.agree(interruption.is_wished)
            if ends_epoch or is_wished or self.n_taken % self.settings.checkpoint_every == 0:
                self._save()
            if is_wished:
                raise TandemError(
                    f"stopped after step {self.n_taken} of {self.schedule.n_steps}: the same command goes on from there"
                )

    def restore(self, progress: Progress) -> None:
        """Go back to the last checkpoint, if there is one."""
        found = self.checkpoints.latest()
        if found is None:
            return
        self.model.load_state_dict(found.tensors["model"], strict=False)
        self.stepper.optimization.restore(found.tensors["optimizer"], found.facts["optimization"])
        if self.stepper.weighting.log_variances is not None:
            self.stepper.weighting.log_variances.data.copy_(found.tensors["weighting"]["log_variances"])
        self.history = History.restored(found.facts["history"])
        progress.resume(self.n_taken)

    def take_best(self) -> None:
        """Put the best epoch's weights into the model."""
        self.stepper.crew.wait()  # until they are written
        self.model.load_state_dict(self.checkpoints.best(self.history.best_epoch), strict=False)

    def _step(self, progress: Progress) -> None:
        step = self.n_taken
        turns = self.schedule.turn_numbers(step)
        drawn = {task: self.streams[task].draw(turn) for task, turn in turns.items()}
        self.model.train()
        optimization, factors = self.stepper.optimization, self.stepper.weighting.factors()
        rate = optimization.highest_rate
        taken = self.stepper.take(taught(drawn, self.members, self.settings), Draw(self.seed, step))
        factors = {task: factors[task] for task in taken.losses}
        self.history.steps.append(Step(number=step + 1, losses=taken.losses, factors=factors, learning_rate=rate))
        progress.after_step(self.history.steps[-1], taken)

    def _end_epoch(self, progress: Progress) -> None:
        epoch = self.history.end_epoch(self.validate())
        progress.after_epoch(epoch)
        if epoch.number == self.history.best_epoch and self.stepper.crew.is_first:
            self.checkpoints.save_best(epoch.number, self._learnt())
        if set_learning_rungs(self.model, self.settings, epoch=epoch.number):
            self.stepper.share()

    def _save(self) -> None:
        if not self.stepper.crew.is_first:
            return
        optimization, weighting = self.stepper.optimization, self.stepper.weighting
        tensors = {"model": self._learnt(), "optimizer": optimization.tensors()}
        if weighting.log_variances is not None:
            tensors["weighting"] = {"log_variances": weighting.log_variances}
        facts = {"optimization": optimization.facts(), "history": self.history.state()}
        self.checkpoints.save(Snapshot(step=self.n_taken, tensors=tensors, facts=facts))

    def _learnt(self) -> dict[str, Tensor]:
        """The weights that learn in any epoch."""
        return {name: weight for name, weight in self.model.state_dict().items() if name in self.learning}
