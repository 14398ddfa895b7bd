"""Reading the first worksheet of an xlsx workbook as texts, row by row.

calamine reads; where it cannot, openpyxl does, more slowly. Both give the same texts (`cell_texts`); formulas,
errors and odd blanks come from a scan of the XML (`sheet_scan`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import python_calamine

from tandem.corpora.cell_texts import cell_text, is_moment
from tandem.corpora.sheet_scan import Kind, SpecialCells, scan_first_sheet
from tandem.corpora.workbook_files import UNREADABLE, check_workbook, damaged
from tandem.corpora.xlsx_fallback import read_rows
from tandem.errors import TandemError

ROWS_AT_ONCE = 4096
ROWS_LISTED = 10
MOST_ROWS = 1 << 20
"""So many rows the format allows."""

Cells = Sequence[Any]


class Block(NamedTuple):
    """Neighbouring rows, the first of which is spreadsheet row `first_row`: for each column the texts."""

    first_row: int
    columns: list[list[str]]


@dataclass(kw_only=True)
class CellNotes:
    """How many cells were dates, formulas or errors, and in which rows the first of them stand."""

    counts: Counter[str] = field(default_factory=lambda: Counter(dates=0, formulas=0, errors=0))
    first_rows: dict[str, list[int]] = field(default_factory=dict)

    def add(self, kind: str, row: int) -> None:
        """Count one cell."""
        self.counts[kind] += 1
        rows = self.first_rows.setdefault(kind, [])
        if len(rows) < ROWS_LISTED:
            rows.append(row)


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A worksheet whose header is read and whose rows are still to come, once.

    `first_row` is the spreadsheet row (1 is the first) of the first row under the header; column 0 of `header`
    and of `rows` is spreadsheet column `first_column`.
    """

    path: Path
    name: str
    other_names: tuple[str, ...]
    engine: str
    header: tuple[str, ...]
    first_row: int
    first_column: int
    rows: Iterator[Cells]
    special: SpecialCells
    notes: CellNotes

    @property
    def place(self) -> str:
        """The file and the sheet, for messages."""
        return f"{self.path}, sheet {self.name!r}"

    def read_columns(self, names: Sequence[str]) -> Iterator[Block]:
        """Yield the texts of the columns `names`, some thousand rows at a time.

        Empty rows at the end are left out. Raises `TandemError` at once if a column is missing or ambiguous.
        """
        for name in names:
            self._check_column(name)
        columns = [self.header.index(name) for name in names]
        self._note_special(columns)
        return self._read(columns)

    def _check_column(self, name: str) -> None:
        found = ", ".join(map(repr, self.header))
        if name not in self.header:
            raise TandemError(
                f"{self.place}: no column {name!r}; columns found: {found}. "
                "Rename the column, or name yours under `corpora` in params.yaml"
            )
        if self.header.count(name) > 1:
            raise TandemError(
                f"{self.place}: {self.header.count(name)} columns are called {name!r}; columns found: {found}. "
                "Rename all but one"
            )

    def _note_special(self, columns: Sequence[int]) -> None:
        kinds: tuple[Kind, ...] = ("formulas", "errors")
        below = range(self.first_row, MOST_ROWS + 1)
        for kind in kinds:
            within = (self.special.within(kind, column + self.first_column, below) for column in columns)
            for row, _ in sorted(chain.from_iterable(within)):
                self.notes.add(kind, row)

    def _read(self, columns: Sequence[int]) -> Iterator[Block]:
        first, n_blank = self.first_row, 0
        while chunk := list(islice(self.rows, ROWS_AT_ONCE)):
            rows = range(first, first + len(chunk))
            cells = dict(enumerate(zip_longest(*chunk, fillvalue="")))
            texts = [self._texts(cells.get(column, ()), column, rows) for column in columns]
            n_filled = next((end for end in range(len(rows), 0, -1) if any(column[end - 1] for column in texts)), 0)
            if n_filled:
                yield Block(first - n_blank, [[""] * n_blank + column[:n_filled] for column in texts])
                n_blank = 0
            n_blank += len(rows) - n_filled
            first = rows.stop

    def _texts(self, cells: Cells, column: int, rows: range) -> list[str]:
        texts = [
            cell if cell.__class__ is str else self._convert(cell, row)
            for cell, row in zip(cells or [""] * len(rows), rows, strict=True)
        ]
        column += self.first_column
        for row, _ in self.special.within("errors", column, rows):
            texts[row - rows.start] = ""
        for row, blank in self.special.within("blanks", column, rows):
            texts[row - rows.start] = blank
        return texts

    def _convert(self, cell: object, row: int) -> str:
        if is_moment(cell):
            self.notes.add("dates", row)
        return cell_text(cell)


def open_sheet(path: Path) -> Sheet:
    """Open the first worksheet of the workbook at `path` and read its header, the first row that is not empty.

    Raises `TandemError` if there is no such file, it is not a readable xlsx, or the sheet is empty or holds
    a header alone.
    """
    check_workbook(path)
    try:
        with ThreadPoolExecutor(max_workers=1) as pool:
            special = pool.submit(scan_first_sheet, path)  # runs beside calamine, which frees the interpreter
            try:
                engine, found = "calamine", _read_by_calamine(path)
            except python_calamine.CalamineError:
                engine, found = "openpyxl", read_rows(path)
            return _opened(path, engine, *found, special.result())
    except TandemError:
        raise
    except UNREADABLE as error:
        raise damaged(path, error) from error


def _opened(
    path: Path,
    engine: str,
    names: Sequence[str],
    first_column: int,
    rows: Iterator[Cells],
    special: SpecialCells,
) -> Sheet:
    if not names:
        raise damaged(path, "it holds no worksheet")
    place = f"{path}, sheet {names[0]!r}"
    numbered = enumerate(rows, start=1)
    found = next(((number, row) for number, row in numbered if any(cell not in ("", None) for cell in row)), None)
    if found is None:
        raise TandemError(f"{place} is empty; expected a header row and rows under it")
    first = next(rows, None)
    if first is None:
        raise TandemError(f"{place} holds a header row alone; expected rows under it")
    return Sheet(
        path=path,
        name=names[0],
        other_names=tuple(names[1:]),
        engine=engine,
        header=tuple(cell_text(cell).strip() for cell in found[1]),
        first_row=found[0] + 1,
        first_column=first_column,
        rows=chain([first], rows),
        special=special,
        notes=CellNotes(),
    )


def _read_by_calamine(path: Path) -> tuple[list[str], int, Iterator[Cells]]:
    """Return the names of the worksheets, the first's first column and its rows from spreadsheet row 1 on."""
    workbook = python_calamine.CalamineWorkbook.from_path(str(path))
    worksheet = python_calamine.SheetTypeEnum.WorkSheet
    names = [sheet.name for sheet in workbook.sheets_metadata if sheet.typ == worksheet]
    if not names:
        return names, 0, iter(())
    sheet = workbook.get_sheet_by_name(names[0])
    return names, sheet.start[1] if sheet.start else 0, sheet.iter_rows()
