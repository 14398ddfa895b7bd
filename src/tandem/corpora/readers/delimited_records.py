"""The records of a csv or tsv file, with the lines where they begin: many at once, or one by one where that needs care.

The standard library's reader is the careful one: it finds the line of any error.
"""

from __future__ import annotations

import csv
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import NamedTuple

from tandem.corpora.readers import delimiters
from tandem.corpora.readers.delimiters import Dialect
from tandem.corpora.readers.regular_rows import Rows, regular_rows
from tandem.corpora.readers.text_files import TextFile
from tandem.errors import TandemError

RECORDS_AT_ONCE = 512
BLOCKS_AT_ONCE = 16
CAREFUL_BYTES = 1 << 19
"""So much of a file is read carefully in any case: a small one costs no import."""


class Records(NamedTuple):
    """Records, and the lines where they begin."""

    lines: Sequence[int]
    fields: list[list[str]]


def read_records(file: TextFile, dialect: Dialect) -> Iterator[Records | Rows]:
    """Yield all records but those of blank lines, the first of them as `Records`.

    Raises `TandemError`, with the line, for quotes that do not pair and for what is wrong with the file's bytes.
    """
    blocks = file.whole_lines()
    rest, n_lines, n_bytes = b"", 0, 0
    while (more := b"".join(islice(blocks, BLOCKS_AT_ONCE))) or rest:
        block = rest + more
        n_bytes += len(more)
        is_plain = more and n_lines and n_bytes > CAREFUL_BYTES and len(block) <= delimiters.MOST_CHARACTERS
        rows = regular_rows(block, dialect, n_lines) if is_plain else None
        if rows is None:
            rest, n_lines = yield from _read_carefully(file, dialect, chain([block], blocks), n_lines)
            continue
        yield rows
        rest, n_lines = block[rows.n_bytes :], n_lines + rows.n_lines


@dataclass(kw_only=True)
class _Lines:
    """The lines of blocks one after another; `n_before` stand before the `block` that is at hand."""

    blocks: Iterator[bytes]
    block: list[bytes] = field(default_factory=list)
    n_before: int = 0

    def __iter__(self) -> Iterator[bytes]:
        for block in self.blocks:
            self.n_before += len(self.block)
            self.block = block.splitlines(keepends=True)
            yield from self.block


def _read_carefully(
    file: TextFile, dialect: Dialect, blocks: Iterator[bytes], lines_before: int
) -> Generator[Records, None, tuple[bytes, int]]:
    """Read the records of the first block and maybe more, at least one if there is one.

    Return what is left of the block at hand, and the number of all lines read.
    """
    lines = _Lines(blocks=blocks)
    reader = dialect.reader(map(bytes.decode, lines))
    first, has_found = lines_before, False
    while True:
        fields: list[list[str]] = []
        failure = None
        try:
            fields.extend(islice(reader, RECORDS_AT_ONCE))
        except (UnicodeDecodeError, csv.Error) as error:
            failure = error
        last = lines_before + reader.line_num
        if fields:
            records = Records(_beginnings(first, last, fields), fields)
            if min(map(len, fields)) < 2:
                records = _without_blank_lines(records)
            if records.fields:
                has_found = True
                yield records
        if failure is not None:  # told after what may be wrong with the records before it
            if isinstance(failure, UnicodeDecodeError):
                file.check()
                raise failure
            line = 1 + first + sum(map(n_lines_of, fields))
            raise TandemError(_malformed(file, line, last, failure))
        if not fields or (has_found and lines.n_before):
            return b"".join(lines.block[reader.line_num - lines.n_before :]), last
        first = last


def _beginnings(before: int, last: int, fields: list[list[str]]) -> Sequence[int]:
    if last - before == len(fields):
        return range(before + 1, last + 1)
    lines = []
    for record in fields:
        lines.append(before + 1)
        before += n_lines_of(record)
    return lines


def n_lines_of(record: list[str]) -> int:
    """The lines that a record takes."""
    text = ",".join(record)
    return 1 + text.count("\n") + text.count("\r") - text.count("\r\n")


def _without_blank_lines(records: Records) -> Records:
    """Leave out what is empty or white space; a pair of quotes alone is an empty text."""
    kept = [
        (line, record)
        for line, record in zip(*records, strict=True)
        if len(record) > 1 or (record and not record[0].isspace())
    ]
    return Records([line for line, _ in kept], [record for _, record in kept])


def _malformed(file: TextFile, line: int, last_line: int, error: csv.Error) -> str:
    spans = f" (read up to line {last_line})" if last_line > line else ""
    return (
        f"{file.place}, line {line}: the quotes of a field do not pair{spans}: {error}. Close the quote, and write "
        'a quote within a quoted field twice ("")'
    )
