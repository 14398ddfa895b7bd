"""Finding out what parts the fields of a csv or tsv file, and whether its quotes are quotes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tandem.corpora.readers.text_files import TextFile
from tandem.errors import TandemError
from tandem.params import Corpus

if TYPE_CHECKING:
    from _csv import Reader

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_CHARACTERS = 1 << 18
SAMPLE_LINES = 1000
MOST_CHARACTERS = 1 << 24
"""A field that is longer is a quote that never closes."""


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """What parts the fields, and whether a field may stand in double quotes (else they are plain characters)."""

    delimiter: str
    is_quoted: bool

    def reader(self, lines: Iterable[str], *, is_strict: bool = True) -> Reader:
        """Return a reader of records; where `is_strict`, it raises `csv.Error` for quotes that do not pair."""
        csv.field_size_limit(MOST_CHARACTERS)
        if not self.is_quoted:
            return csv.reader(lines, delimiter=self.delimiter, quoting=csv.QUOTE_NONE)
        return csv.reader(lines, delimiter=self.delimiter, strict=is_strict)


def find_dialect(file: TextFile, corpus: Corpus, delimiter: str | None) -> Dialect:
    """Take the delimiter under which the first rows have the columns that the params name, and equally many.

    Fields parted by tabs count as quoted only if their quotes pair. Raises `TandemError` for a `delimiter` that can
    part nothing.
    """
    if delimiter is not None and delimiter in '"\r\n':
        raise TandemError(
            f"params.yaml: corpora.*.delimiter must not be a quote or a line end, got {delimiter!r}; "
            "use ',', ';', '|' or '\\t', or null to find it"
        )
    with file.stream() as stream:
        sample = stream.read(SAMPLE_CHARACTERS)
        is_whole = len(sample) < SAMPLE_CHARACTERS
    lines = list(io.StringIO(sample, newline=""))
    lines = lines if is_whole or len(lines) == 1 else lines[:-1]
    candidates = [
        Dialect(delimiter=candidate, is_quoted=candidate != "\t" or _has_quoted_fields(lines, candidate, is_whole))
        for candidate in (DELIMITERS if delimiter is None else delimiter)
    ]
    return max(candidates, key=lambda dialect: _fit(dialect, lines[:SAMPLE_LINES], corpus))


def _has_quoted_fields(lines: list[str], delimiter: str, is_whole: bool) -> bool:
    if not any(line.startswith('"') or f'{delimiter}"' in line for line in lines):
        return False
    reader = Dialect(delimiter=delimiter, is_quoted=True).reader(lines)
    widths = set()
    try:
        for row in reader:
            widths.add(len(row))
    except csv.Error:
        is_cut_off = not is_whole and reader.line_num == len(lines)
        if not is_cut_off:
            return False
    return len(widths - {0}) == 1


def has_columns(lines: Iterable[str], dialect: Dialect, corpus: Corpus) -> bool:
    """Say whether the first rows look like a table with all the columns that the params name, by name."""
    n_names = len(set(_names(corpus))) if corpus.columns is None else 1
    n_found, alike, _ = _fit(dialect, lines, corpus)
    return 0 < n_names == n_found and alike > 0


def _fit(dialect: Dialect, lines: Iterable[str], corpus: Corpus) -> tuple[int, float, int]:
    """Rate: how many of the columns are there, what share of the rows is as wide as the first, how wide it is."""
    rows = [row for row in dialect.reader(lines, is_strict=False) if row]
    if not rows:
        return 0, 0.0, 0
    width = len(rows[0])
    if corpus.columns is None:
        header = {cell.strip() for cell in rows[0]}
        n_found = len(header.intersection(_names(corpus)))
    else:
        n_found = int(width == len(corpus.columns))
    alike = sum(len(row) == width for row in rows) / len(rows)
    return n_found, alike if width > 1 else 0.0, width


def _names(corpus: Corpus) -> Iterator[str]:
    text = corpus.text if isinstance(corpus.text, tuple) else (corpus.text,)
    named = (*text, corpus.words, corpus.sentence, *corpus.labels.values(), *corpus.tags.values())
    return (name for name in named if isinstance(name, str))
