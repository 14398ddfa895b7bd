"""Parsing one JSON record, and saying where and why it cannot be read.

orjson parses; what it refuses but other writers write (NaN, half of a surrogate pair) is read by the standard library.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple

import orjson

from tandem.corpora.readers.entries import Notes
from tandem.errors import TandemError

LARGEST_WHOLE = 1 << 53
"""Beyond it a float does not tell neighbouring whole numbers apart."""

_HEX = "[0-9a-fA-F]{2}"
_ESCAPE = re.compile(
    rf"\\u[dD][89abAB]{_HEX}\\u[dD][c-fC-F]{_HEX}|(?P<lone>\\u[dD][89a-fA-F]{_HEX}|[\ud800-\udfff])|\\.", re.DOTALL
)


class RawRecord(NamedTuple):
    """A parsed value with its number in the file and, unless that is the line's, the line where it begins."""

    place: str
    row: int
    line: int | None
    value: object

    @property
    def where(self) -> str:
        """The record's place, for messages."""
        return where(self.place, self.row, self.line)


class Batch(NamedTuple):
    """Raw records that follow one another, as columns; `lines` finds out the lines, which only messages need."""

    place: str
    rows: Sequence[int]
    lines: Callable[[], Iterable[int | None]]
    values: Sequence[Any]

    @classmethod
    def of(cls, record: RawRecord) -> Batch:
        """One record alone."""
        return cls(record.place, [record.row], partial(repeat, record.line), [record.value])

    def records(self) -> Iterator[RawRecord]:
        """Yield them one by one."""
        return map(RawRecord, repeat(self.place), self.rows, self.lines(), self.values)


def where(place: str, row: int, line: int | None) -> str:
    """Name a record's place, for messages."""
    return f"{place}, line {row}" if line is None else f"{place}, record {row} (line {line})"


def parse_record(place: str, row: int, line: int | None, column: int, text: str, notes: Notes) -> RawRecord:
    """Parse the record `text` that begins in `column` of its line.

    Half surrogate pairs become U+FFFD and are noted. Raises `TandemError` with line and column if it is not JSON.
    """
    try:
        return RawRecord(place, row, line, orjson.loads(text))
    except orjson.JSONDecodeError:
        start = RawRecord(place, row, line, None)
        return start._replace(value=_parse_leniently(text, start, column, notes))


def _parse_leniently(text: str, start: RawRecord, column: int, notes: Notes) -> object:
    def mended(escape: re.Match[str]) -> str:
        if escape["lone"] is None:
            return escape[0]
        notes.add("lone_surrogates", start.row)
        return "\\ufffd" if escape[0][0] == "\\" else "\ufffd"

    try:
        return json.loads(_ESCAPE.sub(mended, text))
    except RecursionError:
        raise TandemError(f"{start.where}: its brackets are nested too deeply to be read; flatten the record") from None
    except json.JSONDecodeError as error:
        line = (start.line or start.row) + error.lineno - 1
        column = error.colno + (column - 1 if error.lineno == 1 else 0)
        raise TandemError(
            f"{start.where}: not valid JSON at line {line}, column {column}: {error.msg}; found "
            f"{text[error.pos : error.pos + 20]!r}. Correct the record, or write the file again"
        ) from error
    except ValueError as error:
        raise TandemError(f"{start.where}: a number is too long to be read ({error})") from error


def is_missing(value: object) -> bool:
    """Say whether a value stands for none: null, or NaN, which some writers put for it."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def scalar_text(value: object, record: RawRecord, key: str) -> str:
    """Return a label, tag or group as text: 1 and 1.0 are "1", true is "true", a missing one is empty.

    Raises `TandemError` for an array, an object and a number that floats do not hold exactly.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if is_missing(value):
        return ""
    if isinstance(value, float) and abs(value) < LARGEST_WHOLE:
        return str(int(value)) if value.is_integer() else repr(value)
    raise unexpected(record, key, "a text, a number, true, false or null", value)


def unexpected(record: RawRecord, key: str, expected: str, value: object) -> TandemError:
    """The error for a value of the wrong kind."""
    return TandemError(
        f"{record.where}: {key!r} must be {expected}, found {kind_of(value)}; correct the record, or name another key "
        "under `corpora` in params.yaml"
    )


def kind_of(value: object) -> str:
    """Name a value's kind as JSON does; texts and numbers are shown."""
    if isinstance(value, str):
        return f"the text {value[:20]!r}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {str(value)[:40]}"
    if isinstance(value, list):
        return f"an array of {len(value)}"
    return "null" if value is None else "an object"
