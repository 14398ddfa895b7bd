"""Answers for a stream of texts: in order, in constant memory, with what was wrong told by its line."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, Any

import orjson

from tandem.errors import TandemError
from tandem.serving.inputs import Input

_FLAWS_TOLD = 20


class Sieve:
    """Lets through the inputs that can be read, and tells of the others."""

    def __init__(self, flaw_of: Callable[[str], str | None], *, skips: bool, tell: Callable[[str], object]) -> None:
        self.n_skipped = 0
        self.error: TandemError | None = None
        self._flaw_of = flaw_of
        self._skips = skips
        self._tell = tell

    def passing(self, inputs: Iterable[Input]) -> Iterator[Input]:
        """Yield inputs with a readable text; if others are not skipped, end at the first one and keep it as `error`."""
        for given in inputs:
            flaw = given.flaw or self._flaw_of(given.text)
            if not flaw:
                yield given
                continue
            if not self._skips:
                self.error = TandemError(f"line {given.row} {flaw}: correct it, or leave it out by --on-error skip")
                return
            self.n_skipped += 1
            if self.n_skipped <= _FLAWS_TOLD:
                self._tell(f"line {given.row} {flaw}: skipped")


class Teller:
    """Says on stderr how far a stream is: on a terminal every half second, and once at the end."""

    def __init__(self, what: str, *, is_quiet: bool = False) -> None:
        self._what = what
        self._is_quiet = is_quiet
        self._shows = sys.stderr.isatty() and not is_quiet
        self._started = self._shown = time.monotonic()
        self.count = 0

    def note(self, message: str) -> None:
        """Say something for good."""
        sys.stderr.write(f"{self._clear}tandem: {message}\n")

    def add(self, count: int) -> None:
        """Count texts as done."""
        self.count += count
        now = time.monotonic()
        if self._shows and now - self._shown > 0.5:
            self._shown = now
            sys.stderr.write(f"{self._clear}{self._rate()}")
            sys.stderr.flush()

    def end(self, n_skipped: int) -> None:
        """Say how much was done, and how fast."""
        if not self._is_quiet or n_skipped:
            skipped = f" · {n_skipped:,} skipped" if n_skipped else ""
            sys.stderr.write(f"{self._clear}{self._rate()}{skipped}\n")

    @property
    def _clear(self) -> str:
        return "\r\x1b[K" if self._shows else ""

    def _rate(self) -> str:
        rate = self.count / max(time.monotonic() - self._started, 1e-9)
        return f"{self.count:,} texts {self._what} · {rate:,.1f} texts/s"


def write_rows(
    groups: Iterable[list[Input]],
    rows_of: Callable[[list[str]], Iterable[Mapping[str, Any]]],
    out: IO[bytes],
    teller: Teller,
) -> None:
    """Write a JSON object a line for each input, with its line in the source as `row`, a group at a time."""
    for group in groups:
        rows = rows_of([given.text for given in group])
        for given, row in zip(group, rows, strict=True):
            out.write(orjson.dumps({"row": given.row, **row}, option=orjson.OPT_APPEND_NEWLINE))
        out.flush()
        teller.add(len(group))
