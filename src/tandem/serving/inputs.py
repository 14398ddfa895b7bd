"""Texts from a stream, one at a time: lines, a column of a table, a key of JSON Lines."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal, NamedTuple, get_args

import orjson

from tandem.errors import TandemError

InputFormat = Literal["lines", "csv", "tsv", "jsonl"]
FORMATS: tuple[InputFormat, ...] = get_args(InputFormat)
DEFAULT_COLUMN = "text"

_SUFFIXES: dict[str, InputFormat] = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_DELIMITERS = ",;\t|"
_LONGEST_FIELD = 2**31 - 1


class Input(NamedTuple):
    """A text and the line where it begins in its file; or what is wrong there."""

    row: int
    text: str
    flaw: str = ""


def format_of(path: Path) -> InputFormat:
    """The format that a file's name tells; lines if it tells none."""
    return _SUFFIXES.get(path.suffix.lower(), "lines")


def read_inputs(stream: IO[bytes], name: str, form: InputFormat, column: str | None) -> Iterator[Input]:
    """Yield the texts of a stream in UTF-8 as they come; `column` is a table's column or a JSON object's key.

    Raises `TandemError` if a table lacks the column; what is wrong with a single line is yielded.
    """
    lines = _decoded(stream)
    if form == "lines":
        return (_checked(number, line.rstrip("\r\n")) for number, line in enumerate(lines, start=1))
    if form == "jsonl":
        return (_from_json(number, line, column or DEFAULT_COLUMN) for number, line in enumerate(lines, start=1))
    return _from_table(lines, name, "\t" if form == "tsv" else None, column)


def _decoded(stream: IO[bytes]) -> Iterator[str]:
    """The lines of a stream; bytes that are no UTF-8 come as surrogates, so that only their own line is at fault."""
    for number, line in enumerate(stream):
        yield line.decode("utf-8" if number else "utf-8-sig", "surrogateescape")


def _checked(row: int, text: object) -> Input:
    if not isinstance(text, str):
        return Input(row, "", f"expected a text, found {orjson.dumps(text).decode():.60}")
    return Input(row, text)


def _from_json(row: int, line: str, key: str) -> Input:
    try:
        value = orjson.loads(line)
    except ValueError as error:
        return Input(row, "", f"is no JSON ({error})")
    if isinstance(value, dict):
        if key not in value:
            return Input(row, "", f"has no key {key!r}; found {', '.join(map(repr, value)) or 'none'} (see --column)")
        value = value[key]
    return _checked(row, value)


def _from_table(lines: Iterator[str], name: str, delimiter: str | None, column: str | None) -> Iterator[Input]:
    first = next(lines, "")
    if delimiter is None:
        delimiter = max(_DELIMITERS, key=first.count)
    csv.field_size_limit(_LONGEST_FIELD)
    header = next(csv.reader([first], delimiter=delimiter), [])
    place = _place_of(column, header, name)
    rows = csv.reader(lines, delimiter=delimiter)
    row = 2
    for fields in rows:
        if len(fields) > place:
            yield Input(row, fields[place])
        elif fields:  # an empty line is no row
            yield Input(row, "", f"has {len(fields)} columns, and the text is in number {place + 1}")
        row = rows.line_num + 2


def _place_of(column: str | None, header: list[str], name: str) -> int:
    if column is None and len(header) == 1:
        return 0
    wanted = column or DEFAULT_COLUMN
    if wanted not in header:
        raise TandemError(
            f"{name} has no column {wanted!r}; found {', '.join(map(repr, header)) or 'none'}: choose one by --column"
        )
    return header.index(wanted)
