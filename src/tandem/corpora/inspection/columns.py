"""What columns or keys a corpus file has, found before anyone has named one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

from tandem.corpora.readers.cell_texts import cell_text
from tandem.corpora.readers.delimiters import find_dialect
from tandem.corpora.readers.entries import Notes
from tandem.corpora.readers.formats import detect_format
from tandem.corpora.readers.json_layouts import Layout, find_layout
from tandem.corpora.readers.json_records import LINES_SUFFIXES
from tandem.corpora.readers.json_streams import read_lines, read_values
from tandem.corpora.readers.packed_layouts import unpacked
from tandem.corpora.readers.parallel_files import has_file
from tandem.corpora.readers.text_files import TextFile, open_text
from tandem.corpora.readers.workbook_files import check_workbook
from tandem.corpora.readers.xlsx_fallback import read_rows
from tandem.errors import TandemError
from tandem.params import Corpus

ROWS_TRIED = 50
HEAD_LINES = 2000
TABLES = ("xlsx", "csv", "tsv")
PARALLEL_NAMES = ("seq.in", "seq.out", "label")

_COMMENT_KEY = re.compile(r"#\s*([\w.-]+)\s*(?:=|:\s)")
_MISC_KEY = re.compile(r"([^=|\s]+)=")


@dataclass(frozen=True, kw_only=True)
class Columns:
    """A file's format, and the names in it with the first values of each (none, where they are not needed)."""

    format: str
    values: Mapping[str, Sequence[object]]

    @property
    def names(self) -> list[str]:
        """The columns or keys, in the file's order."""
        return list(self.values)


def find_columns(path: Path, corpus: Corpus, known: Sequence[str]) -> Columns:
    """Look into the head of a file; `known` are names of columns that tell a table's header, and JSON's records.

    Raises `TandemError` if the file cannot be read, or its format cannot be told.
    """
    with unpacked(path, corpus) as plain:
        return _columns(plain, corpus, known)


def _columns(path: Path, corpus: Corpus, known: Sequence[str]) -> Columns:
    name = corpus.format if corpus.format != "auto" else _format_of(path, corpus, known)
    if name == "xlsx":
        return Columns(format=name, values=dict.fromkeys(_sheet_header(path), ()))
    if name in TABLES:
        header = corpus.columns or _header(open_text(path, corpus.encoding), corpus, name)
        return Columns(format=name, values=dict.fromkeys(header, ()))
    if name in ("json", "jsonl"):
        return Columns(format=name, values=_keys(open_text(path, corpus.encoding), name, known))
    if name in ("conll", "conllu"):
        return Columns(format=name, values=dict.fromkeys(_comment_keys(open_text(path, corpus.encoding), name), ()))
    if name == "parallel":
        return Columns(format=name, values=dict.fromkeys(filter(partial(has_file, path), PARALLEL_NAMES), ()))
    return Columns(format=name, values={})


def _format_of(path: Path, corpus: Corpus, known: Sequence[str]) -> str:
    try:
        return detect_format(path, replace(corpus, words=0, text=None))
    except TandemError:
        if path.is_file():
            file = open_text(path, corpus.encoding)
            header = {name.casefold() for name in _header(file, corpus, "csv")}
            if len(header) > 1 and not header.isdisjoint(known):
                return "csv"
        raise


def _header(file: TextFile, corpus: Corpus, name: str) -> list[str]:
    dialect = find_dialect(file, corpus, corpus.delimiter or ("\t" if name == "tsv" else None))
    with file.stream() as stream:
        rows = dialect.reader(stream, is_strict=False)
        return next(([cell.strip() for cell in row] for row in islice(rows, ROWS_TRIED) if any(row)), [])


def _sheet_header(path: Path) -> list[str]:
    check_workbook(path)
    _, _, rows = read_rows(path)
    found = next(([cell_text(cell).strip() for cell in row] for row in rows if any(row)), [])
    return [name for name in found if name]


def _keys(file: TextFile, name: str, known: Sequence[str]) -> dict[str, list[object]]:
    notes = Notes()
    is_lines = name == "jsonl" or file.name.suffix.lower() in LINES_SUFFIXES
    layout = Layout("lines") if is_lines else find_layout(file, set(known))
    records = read_lines(file, notes) if layout.kind == "lines" else read_values(file, layout, notes)
    values: dict[str, list[object]] = {}
    try:
        for record in islice(records, ROWS_TRIED):
            if isinstance(record.value, dict):
                for key, value in record.value.items():
                    values.setdefault(key, []).append(value)
    except TandemError:
        if not values:
            raise
    return values


def _comment_keys(file: TextFile, name: str) -> Iterator[str]:
    """Keys of comments; of CoNLL-U files, those in MISC as well, preceded by `MISC.`."""
    for line in islice(file.lines(), HEAD_LINES):
        if line.startswith("#"):
            yield from (found[1] for found in [_COMMENT_KEY.match(line)] if found)
        elif name == "conllu" and "=" in line:
            yield from (f"MISC.{key}" for key in _MISC_KEY.findall(line.rpartition("\t")[2]))
