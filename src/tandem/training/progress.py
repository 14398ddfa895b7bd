"""What a person sees of a run: a bar on a terminal, a line every few steps in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from tandem.params import Train
from tandem.tokens.examples import Batch
from tandem.training.history import Epoch, Step
from tandem.training.schedules import Schedule


def watch(batches: Iterable[Batch], what: str, *, n_windows: int) -> Iterator[Batch]:
    """Hand on batches of `n_windows` windows altogether, showing how far it is, and say at the end how fast it was."""
    console = Console(stderr=True, highlight=False)
    started, pieces = time.monotonic(), 0
    with _bar(console, what) as bar:
        row = bar.add_task(what, total=n_windows, state="")
        for batch in batches:
            yield batch
            pieces += int(batch.mask.sum())
            rate = pieces / max(time.monotonic() - started, 1e-9)
            bar.update(row, advance=len(batch.windows), state=f"{rate:,.0f} tokens/s")
    if pieces:
        console.print(f"{what} · {pieces:,} tokens · {rate:,.0f} tokens/s", soft_wrap=True)


def _bar(console: Console, what: str) -> Bar:
    return Bar(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[state]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not sys.stderr.isatty(),
    )


class Progress:
    """Shows losses, tokens a second and the time left; on stderr, never in a tracked file."""

    def __init__(self, schedule: Schedule, settings: Train) -> None:
        self.n_steps = schedule.n_steps
        self.log_every = settings.log_every
        self.console = Console(stderr=True, highlight=False)
        self.bar = _bar(self.console, "train")
        self.row = self.bar.add_task("train", total=self.n_steps, state="")
        self.pieces, self.started = 0, time.monotonic()

    def __enter__(self) -> Progress:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def after_step(self, step: Step, *, n_pieces: int) -> None:
        """Move the bar; every `log_every` steps, and at the end, write a line."""
        self.pieces += n_pieces
        rate = self.pieces / max(time.monotonic() - self.started, 1e-9)
        losses = ", ".join(f"{task} {loss:.3f}" for task, loss in step.losses.items())
        state = f"loss {losses} · {rate:,.0f} tokens/s"
        self.bar.update(self.row, completed=step.number, state=state)
        if step.number % self.log_every == 0 or step.number == self.n_steps:
            self._say(f"step {step.number}/{self.n_steps} · {state} · rate {step.learning_rate:.2e}")

    def after_epoch(self, epoch: Epoch) -> None:
        """Write the epoch's validation."""
        found = ", ".join(
            f"{task} {score:.4f} (loss {epoch.valid.losses[task]:.3f})" for task, score in epoch.valid.scores.items()
        )
        self._say(f"epoch {epoch.number} · step {epoch.step} · valid {found or 'has no texts'}")

    def _say(self, line: str) -> None:
        self.console.print(line, soft_wrap=True)
