"""What happened in a run: losses and rates by step, losses and scores by epoch; the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandem.artifacts import atomic_file, atomic_folder, write_json


@dataclass(frozen=True, kw_only=True)
class ValidScores:
    """Mean loss and score by task on the validation texts; empty where there are none."""

    losses: Mapping[str, float]
    scores: Mapping[str, float]

    @property
    def combined(self) -> float:
        """The mean of the tasks' scores."""
        return sum(self.scores.values()) / len(self.scores)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One optimizer step (from 1): its tasks' mean losses and its highest learning rate."""

    number: int
    losses: Mapping[str, float]
    learning_rate: float


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One epoch (from 1): the step it ended with, mean training losses, and validation."""

    number: int
    step: int
    train_losses: Mapping[str, float]
    valid: ValidScores


@dataclass
class History:
    """All steps and epochs of a run, and which epoch's weights were kept."""

    steps: list[Step] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0

    def end_epoch(self, valid: ValidScores) -> Epoch:
        """Close an epoch over the steps since the last one."""
        first = self.epochs[-1].step if self.epochs else 0
        epoch = Epoch(
            number=len(self.epochs) + 1,
            step=self.steps[-1].number,
            train_losses=_means(self.steps[first:]),
            valid=valid,
        )
        self.epochs.append(epoch)
        return epoch

    def write(self, folder: Path) -> None:
        """Write `history.json` and a table for each curve, as `dvc plots` draws them."""
        with atomic_folder(folder) as partial:
            write_json(partial / "history.json", self._as_dict())
            for name, points in self._curves():
                lines = [
                    f"step,{name.rpartition('/')[2]}",
                    *(f"{step},{value:.6g}" for step, value in points),
                ]
                with atomic_file(partial / "plots" / f"{name}.csv") as handle:
                    handle.write(("\n".join(lines) + "\n").encode())

    def summary(self) -> str:
        """One line: how long, which epoch was best, how good."""
        if not self.epochs:
            return "nothing to learn: the model is the pretrained one with untrained heads"
        scores = self.epochs[self.best_epoch - 1].valid.scores
        found = ", ".join(f"{task} {score:.4f}" for task, score in scores.items()) or "no validation texts"
        return f"{self.steps[-1].number} steps, best epoch {self.best_epoch} of {len(self.epochs)} ({found} on valid)"

    def _as_dict(self) -> dict[str, Any]:
        epochs = [
            {
                "epoch": epoch.number,
                "step": epoch.step,
                "train_loss": epoch.train_losses,
                "valid_loss": epoch.valid.losses,
                "valid_score": epoch.valid.scores,
            }
            for epoch in self.epochs
        ]
        return {"best_epoch": self.best_epoch, "epochs": epochs}

    def _curves(self) -> Iterator[tuple[str, list[tuple[int, float]]]]:
        yield "learning_rate", [(step.number, step.learning_rate) for step in self.steps]
        for task in sorted({task for step in self.steps for task in step.losses}):
            yield f"step_loss/{task}", [(s.number, s.losses[task]) for s in self.steps if task in s.losses]
            yield (
                f"train_loss/{task}",
                [(e.step, e.train_losses[task]) for e in self.epochs if task in e.train_losses],
            )
            yield (
                f"valid_loss/{task}",
                [(e.step, e.valid.losses[task]) for e in self.epochs if task in e.valid.losses],
            )
            yield (
                f"valid_score/{task}",
                [(e.step, e.valid.scores[task]) for e in self.epochs if task in e.valid.scores],
            )


def _means(steps: list[Step]) -> dict[str, float]:
    tasks = sorted({task for step in steps for task in step.losses})
    values = {task: [step.losses[task] for step in steps if task in step.losses] for task in tasks}
    return {task: sum(losses) / len(losses) for task, losses in values.items()}
