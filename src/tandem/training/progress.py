"""What a person sees of a training: a bar on a terminal, a line every few steps in a log, its cost at the end."""

from __future__ import annotations

import time
from types import TracebackType

import torch
from rich.console import Console

from tandem.hardware.memory import peak_bytes
from tandem.params import Train
from tandem.training.history import Epoch, Step
from tandem.training.passing.bars import progress_bar
from tandem.training.schedules import Schedule
from tandem.training.stepping import Taken


class Progress:
    """Shows losses, tokens a second and the time left; on stderr, never in a tracked file."""

    def __init__(self, schedule: Schedule, settings: Train, *, is_shown: bool = True) -> None:
        self.n_steps = schedule.n_steps
        self.log_every = settings.log_every
        self.console = Console(stderr=True, highlight=False, quiet=not is_shown)
        self.bar = progress_bar(self.console, "train")
        self.row = self.bar.add_task("train", total=self.n_steps, state="")
        self.pieces, self.computed, self.seconds = 0, 0, 0.0
        self.last = time.monotonic()

    def __enter__(self) -> Progress:
        self.bar.start()
        self.last = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def resume(self, n_taken: int) -> None:
        """Say that the run goes on from a checkpoint."""
        self._say(f"goes on after step {n_taken}/{self.n_steps}")

    def after_step(self, step: Step, taken: Taken) -> None:
        """Move the bar; every `log_every` steps, and at the end, write a line."""
        self.pieces += taken.n_pieces
        self.computed += taken.n_computed
        self._lap(counts=True)
        losses = ", ".join(f"{task} {loss:.3f}" for task, loss in step.losses.items())
        state = f"loss {losses} · {self._rate():,.0f} tokens/s"
        self.bar.update(self.row, completed=step.number, state=state)
        if step.number % self.log_every == 0 or step.number == self.n_steps:
            self._say(f"step {step.number}/{self.n_steps} · {state} · rate {step.learning_rate:.2e}")

    def after_epoch(self, epoch: Epoch) -> None:
        """Write the epoch's validation."""
        found = ", ".join(
            f"{task} {score:.4f} (loss {epoch.valid.losses[task]:.3f})" for task, score in epoch.valid.scores.items()
        )
        self._say(f"epoch {epoch.number} · step {epoch.step} · valid {found or 'has no texts'}")
        self._lap(counts=False)

    def cost(self, device: str) -> dict[str, float]:
        """What training took since it was begun or resumed, validation and checkpoints apart; also said aloud."""
        cost = {
            "tokens": self.pieces,
            "seconds": self.seconds,
            "tokens_per_second": self._rate(),
            "padding": 1 - self.pieces / self.computed if self.computed else 0.0,
            "peak_bytes": peak_bytes(torch.device(device)),
        }
        if self.pieces:  # or the run had ended before
            self._say(
                f"{cost['tokens']:,} tokens in {cost['seconds']:,.0f} s · {cost['tokens_per_second']:,.0f} tokens/s · "
                f"padding {cost['padding']:.1%} · peak memory {cost['peak_bytes'] / 2**20:,.0f} MiB"
            )
        return cost

    def _rate(self) -> float:
        return self.pieces / max(self.seconds, 1e-9)

    def _lap(self, *, counts: bool) -> None:
        now = time.monotonic()
        self.seconds += now - self.last if counts else 0.0
        self.last = now

    def _say(self, line: str) -> None:
        self.console.print(line, soft_wrap=True)
