"""What a worksheet's XML says beyond its values: formulas, error cells and cells of white space alone.

The engines that read workbooks return a formula's cached value, nothing for an error, and calamine nothing for
a cell such as U+0085. One fast pass over the XML finds them; only rows with a find are looked at closely.
"""

from __future__ import annotations

import re
import zipfile
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal
from xml.etree import ElementTree

CHUNK_BYTES = 1 << 22
MOST_CELLS = 1 << 26
"""So many take two gigabytes."""

Kind = Literal["formulas", "errors", "blanks"]

_SPACES = (
    rb"(?:[\x09\x0a\x0d\x20]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80)++"
)
_BLANK = re.compile(rb"<t>(" + _SPACES + rb")</t>")
_FORMULA = re.compile(rb"<f[\s/>]")
_ROW = re.compile(rb"<row\b([^>]*)>(.*?)</row>", re.DOTALL)
_NUMBERED_ROW = re.compile(rb'<row\b[^>]*?\br="()(\d+)"')
_ROW_NUMBER = re.compile(rb'row\b[^<>]*?\br="(\d+)"')
_CELL = re.compile(rb"<c\b([^>]*?)(?:/>|>(.*?)</c>)", re.DOTALL)
_REACH = re.compile(rb'<(?:\w+:)?dimension ref="[A-Z]{1,3}\d{1,7}:([A-Z]{1,3})(\d{1,7})"')
_FAR_CELL = re.compile(rb'r="([A-Z]{2,}|(?=[A-Z]?\d{7})[A-Z]?)(\d+)"')
"""One beyond column Z, or in a row of seven digits or more."""
_LONGEST_REFERENCE = 32
_REFERENCE = re.compile(rb'\br="([A-Z]*)(\d+)"')


@dataclass(frozen=True, kw_only=True)
class SpecialCells:
    """Special cells of a kind and a column (0 is A): (spreadsheet row, text), rows rising."""

    found: dict[tuple[Kind, int], list[tuple[int, str]]] = field(default_factory=dict)

    def add(self, kind: Kind, column: int, row: int, text: str = "") -> None:
        """Note one cell; rows must come in rising order."""
        self.found.setdefault((kind, column), []).append((row, text))

    def within(self, kind: Kind, column: int, rows: range) -> list[tuple[int, str]]:
        """Return those that stand in `rows`."""
        cells = self.found.get((kind, column), [])
        return cells[bisect_left(cells, (rows.start,)) : bisect_left(cells, (rows.stop,))]


def scan_first_sheet(path: Path) -> SpecialCells:
    """Scan the first worksheet of the workbook at `path`; raises `KeyError` if it has none."""
    special = SpecialCells()
    with zipfile.ZipFile(path) as archive, archive.open(_first_part(archive)) as stream:
        rows_before = 0
        for chunk in _whole_rows(stream):
            _scan_chunk(chunk, rows_before, special)
            last = _NUMBERED_ROW.match(chunk, max(0, chunk.rfind(b"<row")))
            rows_before = int(last[2]) if last else rows_before + chunk.count(b"<row")
    return special


def is_vast(path: Path) -> bool:
    """Say whether a grid of all cells of the first worksheet may be too much for memory; raises as the scan does.

    Told from the range that the sheet states and from its cells, in whatever order they stand: 26 columns of less than
    a million rows are not vast, so the cells beyond these are looked at, and all rows only if there are more columns.
    """
    width, height, is_head = 26, 0, True
    for chunk in _overlapping_chunks(path):
        cells = _FAR_CELL.findall(chunk)
        if is_head:
            end = chunk.find(b"sheetData")
            cells += _REACH.findall(chunk[:end] if end >= 0 else chunk)
            is_head = end < 0
        width = max([width, *(_column_index(letters) + 1 for letters in {letters for letters, _ in cells})])
        height = max([height, *(int(row) for _, row in cells)])
        if width * height > MOST_CELLS:
            return True
    if width == 26:
        return False
    highest = MOST_CELLS // width
    high_cell = re.compile(rb'r="[A-Z]*(\d{%d,})"' % len(str(highest)))
    return any(int(cell[1]) > highest for chunk in _overlapping_chunks(path) for cell in high_cell.finditer(chunk))


def check_order(path: Path) -> None:
    """Raise `ValueError` if a row of the first worksheet has no higher number than the one before it."""
    before = 0
    for number, chunk in enumerate(_overlapping_chunks(path)):
        for row in _ROW_NUMBER.finditer(chunk):
            is_repeated = number > 0 and row.end() <= _LONGEST_REFERENCE
            if int(row[1]) <= before and not is_repeated:
                raise ValueError(f"row {int(row[1])} comes after row {before}")
            before = int(row[1])


def _overlapping_chunks(path: Path) -> Iterator[bytes]:
    """Yield the first worksheet's XML in chunks, of which one holds each reference whole."""
    overlap = b""
    with zipfile.ZipFile(path) as archive, archive.open(_first_part(archive)) as stream:
        while data := stream.read(CHUNK_BYTES):
            chunk = overlap + data
            overlap = chunk[-_LONGEST_REFERENCE:]
            yield chunk


def _first_part(archive: zipfile.ZipFile) -> str:
    """Return the archive member of the first worksheet, through the workbook's list of relationships."""
    workbook = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    relations = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    targets = {
        relation.get("Id"): relation.get("Target", "")
        for relation in relations
        if relation.get("Type", "").endswith("/worksheet")
    }
    for entry in workbook.iterfind("{*}sheets/{*}sheet"):
        for key, value in entry.items():
            if key.endswith("}id") and value in targets:
                target = targets[value]
                return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    raise KeyError("it holds no worksheet")


def _whole_rows(stream: IO[bytes]) -> Iterator[bytes]:
    """Cut the XML behind ends of rows."""
    rest = stream.read(CHUNK_BYTES)
    if prefix := re.search(rb"<(\w+:)worksheet", rest):
        yield (rest + stream.read()).replace(b"<" + prefix[1], b"<").replace(b"</" + prefix[1], b"</")
        return
    pending = [rest]
    while data := stream.read(CHUNK_BYTES):
        head, end, tail = data.rpartition(b"</row>")
        if end:
            yield b"".join([*pending, head, end])
            pending = []
        pending.append(tail)
    yield b"".join(pending)


def _scan_chunk(chunk: bytes, rows_before: int, special: SpecialCells) -> None:
    if not _is_special(chunk):
        return
    for position, row in enumerate(_ROW.finditer(chunk), start=rows_before + 1):
        if _is_special(row[2]):
            reference = _REFERENCE.search(row[1])
            _scan_row(int(reference[2]) if reference else position, row[2], special)


def _is_special(xml: bytes) -> bool:
    return b't="e"' in xml or any(pattern.search(xml) for pattern in (_FORMULA, _BLANK))


def _scan_row(number: int, cells: bytes, special: SpecialCells) -> None:
    column = -1
    for cell in _CELL.finditer(cells):
        attributes, content = cell[1], cell[2] or b""
        reference = _REFERENCE.search(attributes)
        column = _column_index(reference[1]) if reference else column + 1
        if _FORMULA.search(content):
            special.add("formulas", column, number)
        if b't="e"' in attributes:
            special.add("errors", column, number)
        if blank := _BLANK.search(content):
            special.add("blanks", column, number, blank[1].decode())


def _column_index(letters: bytes) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + letter - ord("A") + 1
    return index - 1
