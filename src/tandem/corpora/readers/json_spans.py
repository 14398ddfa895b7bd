"""Character spans in the forms that annotation tools write: objects under many names, and lists of three."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from tandem.corpora.readers.entries import Notes
from tandem.corpora.readers.json_parsing import RawRecord, scalar_text, unexpected
from tandem.corpora.schema.span_tags import Span
from tandem.errors import TandemError

STARTS = ("start", "start_position", "start_offset", "start_char", "begin", "begin_offset", "offset")
ENDS = ("end", "end_position", "end_offset", "end_char")
LENGTH = "length"
KINDS = ("entity_type", "label", "type", "tag", "entity", "kind", "name", "labels")
SURFACES = ("entity_value", "text", "value")


def read_spans(marked: object, text: str, record: RawRecord, key: str, notes: Notes) -> tuple[Span, ...]:
    """Return the spans that a record's `key` marks in `text`.

    A span that carries another text than it marks is noted as `span_text_differs`. Raises `TandemError` with the
    record and the key for a span that is not one; whether it lies within the text is not looked at.
    """
    if not isinstance(marked, list):
        raise unexpected(record, key, "an array of spans", marked)
    return tuple(_span(one, text, record, f"{key}[{number}]", notes) for number, one in enumerate(marked))


class _Form(NamedTuple):
    """Under which of its keys a span says what."""

    start: str | None
    end: str | None
    kind: str | None
    surface: str | None


@lru_cache(maxsize=64)
def _form(keys: tuple[str, ...]) -> _Form:
    choices = (STARTS, (*ENDS, LENGTH), KINDS, SURFACES)
    return _Form(*(next((name for name in names if name in keys), None) for names in choices))


def _span(one: object, text: str, record: RawRecord, key: str, notes: Notes) -> Span:
    if isinstance(one, list):
        return _span_of_three(one, record, key)
    if not isinstance(one, dict):
        raise unexpected(record, key, "an object, or [start, end, kind]", one)
    inner = one.get("value")
    fields = inner if isinstance(inner, dict) else one  # Label Studio wraps what it marks
    form = _form(tuple(fields))
    start = _number(fields, form.start, STARTS, record, key)
    end = _number(fields, form.end, (*ENDS, LENGTH), record, key)
    if form.end == LENGTH:
        end += start
    surface = None if form.surface is None else fields[form.surface]
    if isinstance(surface, str) and surface != (text[start:end] if 0 <= start <= end else ""):
        notes.add("span_text_differs", record.row)
    if form.kind is None:
        raise _without(KINDS, fields, record, key)
    return Span(start, end, _kind(fields[form.kind], record, f"{key}.{form.kind}"))


def _span_of_three(one: Sequence[object], record: RawRecord, key: str) -> Span:
    if len(one) != 3:
        raise unexpected(record, key, "[start, end, kind] or [kind, start, end]", one)
    first, second, third = one
    if _whole(first) is None:
        first, second, third = second, third, first
    start, end = _whole(first), _whole(second)
    if start is None or end is None:
        raise unexpected(record, key, "[start, end, kind] or [kind, start, end]", first if start is None else second)
    return Span(start, end, _kind(third, record, key))


def _number(fields: Mapping[str, object], name: str | None, names: Sequence[str], record: RawRecord, key: str) -> int:
    if name is None:
        raise _without(names, fields, record, key)
    number = _whole(fields[name])
    if number is None:
        raise unexpected(record, f"{key}.{name}", "a whole number of characters", fields[name])
    return number


def _whole(value: object) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _without(names: Sequence[str], fields: Mapping[str, object], record: RawRecord, key: str) -> TandemError:
    found = ", ".join(map(repr, list(fields)[:10])) or "none"
    return unexpected(record, key, f"an object with one of the keys {', '.join(names)} (found {found})", fields)


def _kind(value: object, record: RawRecord, key: str) -> str:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    kind = scalar_text(value, record, key)
    if not kind.strip():
        raise unexpected(record, key, "the name of a kind", value)
    return kind
