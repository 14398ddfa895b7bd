"""What a spreadsheet cell says, as text: the one rule for every engine that reads workbooks."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

LARGEST_PLAIN_INTEGER = 1e16
"""From here on a float cannot tell neighbouring integers apart, and is written with an exponent."""


def cell_text(value: object) -> str:
    """Return a cell's value as text; a missing one is the empty string.

    34.0 becomes `34`, 2.3 stays `2.3`, truth becomes `TRUE`, dates become ISO text, strings stay as they are.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _number_text(float(value))
    assert is_moment(value), f"an engine returned a cell of type {type(value).__name__}"
    return _moment_text(value)


def is_moment(value: object) -> bool:
    """Say whether a cell's value is a date, a time of day, both, or a duration."""
    return isinstance(value, date | time | timedelta)


def _number_text(value: float) -> str:
    is_plain = value.is_integer() and abs(value) < LARGEST_PLAIN_INTEGER
    return str(int(value)) if is_plain else repr(value)


def _moment_text(value: object) -> str:
    if isinstance(value, timedelta):
        return _duration_text(value)
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    assert isinstance(value, date | time)
    return value.isoformat()


def _duration_text(value: timedelta) -> str:
    """Return hours, minutes and seconds as a spreadsheet shows them: `30:00:00`."""
    sign = "-" if value < timedelta() else ""
    minutes, seconds = divmod(round(abs(value).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours}:{minutes:02}:{seconds:02}"
