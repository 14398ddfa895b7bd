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
    """One optimizer step (from 1): its tasks' mean losses, the factors of these, and its highest learning rate."""

    number: int
    losses: Mapping[str, float]
    factors: Mapping[str, float]
    learning_rate: float


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One epoch (from 1): the step it ended with, mean training losses, and validation."""

    number: int
    step: int
    train_losses: Mapping[str, float]
    valid: ValidScores

    def score(self, select_by: str) -> float:
        """What epochs are chosen by: `combined` or a task's score; later is better where there is none."""
        if not self.valid.scores:
            return float(self.number)
        return self.valid.combined if select_by == "combined" else self.valid.scores[select_by]


@dataclass
class History:
    """All steps and epochs of a run; the best epoch is the first of those with the highest score."""

    select_by: str = "combined"
    steps: list[Step] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)
    cost: dict[str, float] = field(default_factory=dict)  # time and memory: of this machine, never in a tracked file

    @property
    def best_epoch(self) -> int:
        """The number of the epoch whose weights are kept; 0 before the first has ended."""
        return max(self.epochs, key=lambda epoch: epoch.score(self.select_by)).number if self.epochs else 0

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

    def has_stalled(self, patience: int | None) -> bool:
        """Whether the last `patience` epochs brought no better score."""
        return patience is not None and len(self.epochs) - self.best_epoch >= patience

    def state(self) -> dict[str, Any]:
        """Everything but the cost, as orjson writes it."""
        return {"select_by": self.select_by, "steps": self.steps, "epochs": self.epochs}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> History:
        """The history whose `state`, read back from JSON, this is."""
        return cls(
            select_by=state["select_by"],
            steps=[Step(**step) for step in state["steps"]],
            epochs=[Epoch(**{**epoch, "valid": ValidScores(**epoch["valid"])}) for epoch in state["epochs"]],
        )

    def write(self, folder: Path) -> None:
        """Write curves and last values where DVCLive would, and the epochs as `history.json`."""
        with atomic_folder(folder) as partial:
            write_json(partial / "history.json", self._epochs())
            write_json(partial / "metrics.json", self._last_values())
            for name, points in self._curves():
                lines = [f"step\t{name.rpartition('/')[2]}", *(f"{step}\t{value:.6g}" for step, value in points)]
                with atomic_file(partial / "plots" / "metrics" / f"{name}.tsv") as handle:
                    handle.write(("\n".join(lines) + "\n").encode())

    def summary(self) -> str:
        """One line: how long, which epoch was best, how good."""
        if not self.epochs:
            return "nothing to learn: the model is the pretrained one with untrained heads"
        scores = self.epochs[self.best_epoch - 1].valid.scores
        found = ", ".join(f"{task} {score:.4f}" for task, score in scores.items()) or "no validation texts"
        return f"{self.steps[-1].number} steps, best epoch {self.best_epoch} of {len(self.epochs)} ({found} on valid)"

    def _epochs(self) -> dict[str, Any]:
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

    def _last_values(self) -> dict[str, Any]:
        values: dict[str, Any] = {"best_epoch": self.best_epoch, "step": self.steps[-1].number if self.steps else 0}
        for name, points in self._curves():
            *sections, last = name.split("/")
            place = values
            for section in sections:
                place = place.setdefault(section, {})
            place[last] = points[-1][1]
        return values

    def _curves(self) -> Iterator[tuple[str, list[tuple[int, float]]]]:
        """Every curve that has a point."""
        yield from _curve("learning_rate", {s.number: s.learning_rate for s in self.steps})
        for task in sorted({task for step in self.steps for task in step.losses}):
            steps = [step for step in self.steps if task in step.losses]
            yield from _curve(f"step_loss/{task}", {s.number: s.losses[task] for s in steps})
            if len({step.factors[task] for step in steps}) > 1:
                yield from _curve(f"loss_weight/{task}", {s.number: s.factors[task] for s in steps})
            trained = {e.step: e.train_losses[task] for e in self.epochs if task in e.train_losses}
            yield from _curve(f"train_loss/{task}", trained)
            scored = [epoch for epoch in self.epochs if task in epoch.valid.scores]
            yield from _curve(f"valid_loss/{task}", {e.step: e.valid.losses[task] for e in scored})
            yield from _curve(f"valid_score/{task}", {e.step: e.valid.scores[task] for e in scored})


def _curve(name: str, points: Mapping[int, float]) -> Iterator[tuple[str, list[tuple[int, float]]]]:
    if points:
        yield name, list(points.items())


def _means(steps: list[Step]) -> dict[str, float]:
    tasks = sorted({task for step in steps for task in step.losses})
    values = {task: [step.losses[task] for step in steps if task in step.losses] for task in tasks}
    return {task: sum(losses) / len(losses) for task, losses in values.items()}
