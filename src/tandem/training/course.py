"""A run on its way: steps, checkpoints, the end of each epoch, and going on from where it was stopped."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from torch import Tensor

from tandem.errors import TandemError
from tandem.model.multitask import MultiTaskModel
from tandem.params import Train
from tandem.tokens.storage.ragged import Ints
from tandem.training.checkpoints import Checkpoints, Snapshot
from tandem.training.freezing import set_learning_rungs
from tandem.training.history import History, Step, ValidScores
from tandem.training.interruption import Interruption
from tandem.training.passing.passes import Draw
from tandem.training.progress import Progress
from tandem.training.schedules import Schedule
from tandem.training.stepping import Stepper, diverged
from tandem.training.streams import Stream, taught


@dataclass(kw_only=True)
class Course:
    """Where it stands is the optimizer's count of steps, and the history so far; `learning` names what ever learns."""

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
        valid = self.validate()
        self._check_soundness(valid)
        epoch = self.history.end_epoch(valid)
        progress.after_epoch(epoch)
        if epoch.number == self.history.best_epoch and self.stepper.crew.is_first:
            self.checkpoints.save_best(epoch.number, self._learnt())
        if set_learning_rungs(self.model, self.settings, epoch=epoch.number):
            self.stepper.share()

    def _check_soundness(self, valid: ValidScores) -> None:
        """Refuse what the epoch's last step has made of the weights, if they are no longer numbers."""
        are_finite = all(math.isfinite(loss) for loss in valid.losses.values())
        if not are_finite or not all(bool(weight.isfinite().all()) for weight in self._learnt().values()):
            raise diverged(self.n_taken, "the weights, or the validation losses, are no longer finite")

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
