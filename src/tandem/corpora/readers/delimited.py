"""Reading csv and tsv files, with a header or named columns, record by record."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import Literal, NamedTuple

from tandem.corpora.readers.delimiters import Dialect, find_dialect
from tandem.corpora.readers.entries import Notes, Source
from tandem.corpora.readers.table_entries import table_source
from tandem.corpora.readers.tables import Block, Table
from tandem.corpora.readers.text_files import TextFile, open_text
from tandem.errors import TandemError
from tandem.params import Corpus

RECORDS_AT_ONCE = 512
CHARACTERS_SHOWN = 60

_HINT = (
    ". If the file has no header line, name its columns in corpora.*.columns; "
    "if another character parts them, set corpora.*.delimiter"
)


def open_csv(path: Path, corpus: Corpus) -> Source:
    """Open a file of values parted by a comma, or by whatever character its first rows agree on.

    Raises `TandemError` for a file that cannot be read, is empty or lacks a column, and from the entries, with the
    line, for a record with too few or too many fields and for quotes that do not pair.
    """
    return _open(path, corpus, "csv")


def open_tsv(path: Path, corpus: Corpus) -> Source:
    """Open a file of values parted by tabs; quotes are plain characters unless they pair around fields.

    Raises `TandemError` as `open_csv` does.
    """
    return _open(path, corpus, "tsv")


class _Records(NamedTuple):
    """Records, and the lines where they begin."""

    lines: Sequence[int]
    fields: list[list[str]]


def _open(path: Path, corpus: Corpus, kind: Literal["csv", "tsv"]) -> Source:
    file = open_text(path, corpus.encoding)
    dialect = find_dialect(file, corpus, corpus.delimiter or ("\t" if kind == "tsv" else None))
    chunks = _chunks(file, dialect)
    first = next(chunks, None)
    if first is None:
        raise TandemError(f"{file.place} holds blank lines alone; expected a header line and rows under it")
    line, header = first.lines[0], first.fields[0]
    if corpus.columns is None:
        first = _Records(first.lines[1:], first.fields[1:]) if len(first.fields) > 1 else next(chunks, None)
        if not any(cell.strip() for cell in header):
            raise TandemError(f"{file.place}, line {line}: the header is empty; expected names of columns")
        if first is None:
            raise TandemError(f"{file.place} holds a header line alone; expected rows under it{_HINT}")
    rows = _Rows(
        place=file.place,
        dialect=dialect,
        expected=f"line {line} has" if corpus.columns is None else "corpora.*.columns names",
        width=len(corpus.columns or header),
        chunks=chain([first], chunks),
    )
    facts = {
        "format": kind,
        **file.facts,
        "delimiter": "tab" if dialect.delimiter == "\t" else dialect.delimiter,
        "quoted": dialect.is_quoted,
        "header": corpus.columns is None,
    }
    table = Table(
        place=file.place,
        unit="line",
        header=corpus.columns or tuple(cell.strip() for cell in header),
        read=rows.read,
        facts=facts,
        notes=Notes(),
        header_row=line,
        hint=_HINT,
    )
    return table_source(table, corpus)


def _chunks(file: TextFile, dialect: Dialect) -> Iterator[_Records]:
    """Yield all records but those of blank lines."""
    reader = dialect.reader(map(bytes.decode, chain.from_iterable(file.line_blocks())))
    lines_before = 0
    while True:
        fields: list[list[str]] = []
        try:
            fields.extend(islice(reader, RECORDS_AT_ONCE))
        except UnicodeDecodeError:
            file.check()
            raise
        except csv.Error as error:
            line = 1 + lines_before + sum(map(_n_lines, fields))
            raise TandemError(_malformed(file, line, reader.line_num, error)) from None
        if not fields:
            return
        records = _Records(_beginnings(lines_before, reader.line_num, fields), fields)
        lines_before = reader.line_num
        if min(map(len, fields)) < 2:
            records = _without_blank_lines(records)
        if records.fields:
            yield records


def _beginnings(before: int, last: int, fields: list[list[str]]) -> Sequence[int]:
    if last - before == len(fields):
        return range(before + 1, last + 1)
    lines = []
    for record in fields:
        lines.append(before + 1)
        before += _n_lines(record)
    return lines


def _n_lines(record: list[str]) -> int:
    text = ",".join(record)
    return 1 + text.count("\n") + text.count("\r") - text.count("\r\n")


def _without_blank_lines(records: _Records) -> _Records:
    """Leave out what is empty or white space; a pair of quotes alone is an empty text."""
    kept = [
        (line, record)
        for line, record in zip(*records, strict=True)
        if len(record) > 1 or (record and not record[0].isspace())
    ]
    return _Records([line for line, _ in kept], [record for _, record in kept])


def _malformed(file: TextFile, line: int, last_line: int, error: csv.Error) -> str:
    spans = f" (read up to line {last_line})" if last_line > line else ""
    return (
        f"{file.place}, line {line}: the quotes of a field do not pair{spans}: {error}. Close the quote, and write "
        'a quote within a quoted field twice ("")'
    )


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """Records of which each must have `width` fields; `expected` says why."""

    place: str
    dialect: Dialect
    expected: str
    width: int
    chunks: Iterator[_Records]

    def read(self, columns: Sequence[int]) -> Iterator[Block]:
        """Yield the fields at the positions `columns`."""
        chosen = [itemgetter(column) for column in columns]
        for lines, fields in self.chunks:
            if set(map(len, fields)) != {self.width}:
                raise next(
                    self._ragged(line, record)
                    for line, record in zip(lines, fields, strict=True)
                    if len(record) != self.width
                )
            yield Block(lines, [list(map(column, fields)) for column in chosen])

    def _ragged(self, line: int, record: list[str]) -> TandemError:
        delimiter, n_lines = self.dialect.delimiter, _n_lines(record)
        found = delimiter.join(record)[:CHARACTERS_SHOWN]
        fields = f"{len(record)} field{'s' if len(record) > 1 else ''}"
        spans = f", over {n_lines} lines: a quote may lack its partner" if n_lines > 1 else ""
        remedy = "a field that holds it must stand in double quotes" if self.dialect.is_quoted else "none may hold it"
        return TandemError(
            f"{self.place}, line {line}: {fields}{spans}, but {self.expected} {self.width}; "
            f"found {found!r}. Fields are parted by {delimiter!r}: {remedy}. "
            "Correct the line, or set corpora.*.delimiter"
        )
