"""Reading csv and tsv files, with a header or named columns, record by record."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Literal

from tandem.corpora.readers.delimited_records import Records, n_lines_of, read_records
from tandem.corpora.readers.delimiters import Dialect, find_dialect
from tandem.corpora.readers.entries import Notes, Source
from tandem.corpora.readers.regular_rows import Rows
from tandem.corpora.readers.table_entries import table_source
from tandem.corpora.readers.tables import Block, Table
from tandem.corpora.readers.text_files import open_text
from tandem.errors import TandemError
from tandem.params import Corpus

CHARACTERS_SHOWN = 60

_IN_QUOTES = re.compile(r'"(?:[^"]++|"")*+"')

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


def _open(path: Path, corpus: Corpus, kind: Literal["csv", "tsv"]) -> Source:
    file = open_text(path, corpus.encoding)
    dialect = find_dialect(file, corpus, corpus.delimiter or ("\t" if kind == "tsv" else None))
    chunks = read_records(file, dialect)
    first = next(chunks, None)
    if not isinstance(first, Records):
        raise TandemError(f"{file.place} holds blank lines alone; expected a header line and rows under it")
    line, header = first.lines[0], first.fields[0]
    if corpus.columns is None:
        under = Records(first.lines[1:], first.fields[1:]) if len(first.fields) > 1 else next(chunks, None)
        if not any(cell.strip() for cell in header):
            raise TandemError(f"{file.place}, line {line}: the header is empty; expected names of columns")
        if under is None:
            raise TandemError(f"{file.place} holds a header line alone; expected rows under it{_HINT}")
        chunks = chain([under], chunks)
    else:
        chunks = chain([first], chunks)
    notes = Notes()
    rows = _Rows(
        place=file.place,
        dialect=dialect,
        expected=f"line {line} has" if corpus.columns is None else "corpora.*.columns names",
        width=len(corpus.columns or header),
        chunks=chunks,
        notes=notes,
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
        notes=notes,
        header_row=line,
        hint=_HINT,
    )
    return table_source(table, corpus)


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """Records of which each must have `width` fields; `expected` says why."""

    place: str
    dialect: Dialect
    expected: str
    width: int
    chunks: Iterator[Records | Rows]
    notes: Notes

    def read(self, columns: Sequence[int]) -> Iterator[Block]:
        """Yield the fields at the positions `columns`."""
        for chunk in self.chunks:
            if isinstance(chunk, Rows):
                self._check([chunk.lines[0]], [[column[0].as_py() for column in chunk.columns]])  # all are as wide
                block = Block(chunk.lines, [chunk.columns[column].to_pylist() for column in columns])
            else:
                self._check(chunk.lines, chunk.fields)
                block = Block(chunk.lines, [list(map(itemgetter(column), chunk.fields)) for column in columns])
            if not self.dialect.is_quoted and (isinstance(chunk, Records) or chunk.has_leading_quotes):
                self._note_quotes(block)
            yield block

    def _note_quotes(self, block: Block) -> None:
        """Note the fields that a reader of quotes would take out of them."""
        fields = chain.from_iterable(zip(block.rows, column, strict=True) for column in block.columns)
        for line in sorted([line for line, cell in fields if cell[:1] == '"' and _IN_QUOTES.fullmatch(cell)]):
            self.notes.add("fields_in_quotes", line)

    def _check(self, lines: Sequence[int], fields: list[list[str]]) -> None:
        if set(map(len, fields)) != {self.width}:
            raise next(
                self._ragged(line, record)
                for line, record in zip(lines, fields, strict=True)
                if len(record) != self.width
            )

    def _ragged(self, line: int, record: list[str]) -> TandemError:
        delimiter, n_lines = self.dialect.delimiter, n_lines_of(record)
        found = delimiter.join(record)[:CHARACTERS_SHOWN]
        fields = f"{len(record)} field{'s' if len(record) > 1 else ''}"
        spans = f", over {n_lines} lines: a quote may lack its partner" if n_lines > 1 else ""
        remedy = "a field that holds it must stand in double quotes" if self.dialect.is_quoted else "none may hold it"
        return TandemError(
            f"{self.place}, line {line}: {fields}{spans}, but {self.expected} {self.width}; "
            f"found {found!r}. Fields are parted by {delimiter!r}: {remedy}. "
            "Correct the line, or set corpora.*.delimiter"
        )
