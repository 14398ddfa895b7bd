"""Progress bars on stderr: on a terminal alone, with a line at the end that a log has too."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tandem.tokens.batches.examples import Batch


def watch(batches: Iterable[Batch], what: str, *, n_windows: int) -> Iterator[Batch]:
    """Hand on batches of `n_windows` windows altogether, showing how far it is, and say at the end how fast it was."""
    console = Console(stderr=True, highlight=False)
    started, pieces = time.monotonic(), 0
    with progress_bar(console, what) as bar:
        row = bar.add_task(what, total=n_windows, state="")
        for batch in batches:
            yield batch
            pieces += int(batch.mask.sum())
            rate = pieces / max(time.monotonic() - started, 1e-9)
            bar.update(row, advance=len(batch.windows), state=f"{rate:,.0f} tokens/s")
    if pieces:
        console.print(f"{what} · {pieces:,} tokens · {rate:,.0f} tokens/s", soft_wrap=True)


def progress_bar(console: Console, what: str) -> Progress:
    """A bar that shows how many of a row's parts are done, its `state`, and the time left."""
    return Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[state]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not sys.stderr.isatty(),
    )
