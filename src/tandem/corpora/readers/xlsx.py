"""Reading the first worksheet of an xlsx workbook as texts, row by row.

calamine reads; where it cannot, openpyxl does, more slowly. Both give the same texts (`cell_texts`); formulas,
errors and odd blanks come from a scan of the XML (`sheet_scan`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Any

import python_calamine

from tandem.corpora.readers.cell_texts import cell_text, is_moment
from tandem.corpora.readers.entries import Notes, Source
from tandem.corpora.readers.sheet_scan import Kind, SpecialCells, check_order, is_vast, scan_first_sheet
from tandem.corpora.readers.table_entries import table_source
from tandem.corpora.readers.tables import Block, Table
from tandem.corpora.readers.workbook_files import MOST_ROWS, UNREADABLE, check_workbook, damaged, hidden
from tandem.corpora.readers.xlsx_fallback import read_rows
from tandem.errors import TandemError
from tandem.params import Corpus

ROWS_AT_ONCE = 4096

Cells = Sequence[Any]


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
    notes: Notes

    @property
    def place(self) -> str:
        """The file and the sheet, for messages."""
        return f"{self.path}, sheet {self.name!r}"

    def as_table(self) -> Table:
        """Give the sheet as a table; empty rows at its end are left out."""
        facts = {
            "format": "xlsx",
            "sheet": self.name,
            "other_sheets": len(self.other_names),
            "engine": self.engine,
        }
        return Table(
            place=self.place, unit="row", header=self.header, read=self._read_noting, facts=facts, notes=self.notes
        )

    def _read_noting(self, columns: Sequence[int]) -> Iterator[Block]:
        self._note_special(sorted(set(columns)))
        return self._read(columns)

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
                filled = range(first - n_blank, first + n_filled)
                yield Block(filled, [[""] * n_blank + column[:n_filled] for column in texts])
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


def open_xlsx(path: Path, corpus: Corpus) -> Source:
    """Open the first worksheet of the workbook at `path` as entries.

    Raises `TandemError` as `open_sheet` and `table_source` do.
    """
    return table_source(open_sheet(path, corpus.columns).as_table(), corpus)


def open_sheet(path: Path, columns: Sequence[str] | None = None) -> Sheet:
    """Open the first worksheet of the workbook at `path` and read its header, the first row that is not empty.

    `columns` names the columns of a sheet without a header. Raises `TandemError` if there is no such file, it is not
    a readable xlsx, the sheet is hidden, or it is empty or holds a header alone.
    """
    check_workbook(path)
    try:
        with ThreadPoolExecutor(max_workers=1) as pool:
            special = pool.submit(scan_first_sheet, path)  # runs beside calamine, which frees the interpreter
            engine, (names, first_column, rows) = _read(path)
            if not names:
                raise damaged(path, "it holds no worksheet")
            header, first_row, rows = _headed(f"{path}, sheet {names[0]!r}", rows, columns)
            return Sheet(
                path=path,
                name=names[0],
                other_names=tuple(names[1:]),
                engine=engine,
                header=header,
                first_row=first_row,
                first_column=first_column,
                rows=rows,
                special=special.result(),
                notes=Notes(counts=Counter(dates=0, formulas=0, errors=0)),
            )
    except TandemError:
        raise
    except UNREADABLE as error:
        raise damaged(path, error) from error


def _headed(
    place: str, rows: Iterator[Cells], columns: Sequence[str] | None
) -> tuple[tuple[str, ...], int, Iterator[Cells]]:
    """Return the header, the spreadsheet row under it, and the rows from there on."""
    found = next(((number, row) for number, row in enumerate(rows, start=1) if any(map(_is_filled, row))), None)
    if found is None:
        raise TandemError(f"{place} is empty; expected a header row and rows under it")
    number, row = found
    if columns is not None:
        width = max(end for end, cell in enumerate(row, start=1) if _is_filled(cell))
        if not width <= len(columns) <= len(row):
            raise TandemError(
                f"{place}, row {number}: {width} columns, but corpora.*.columns names {len(columns)}; name them all"
            )
        return tuple(columns), number, chain([row], rows)
    first = next(rows, None)
    if first is None:
        raise TandemError(f"{place} holds a header row alone; expected rows under it")
    return tuple(cell_text(cell).strip() for cell in row), number + 1, chain([first], rows)


def _is_filled(cell: object) -> bool:
    return cell not in ("", None)


def _read(path: Path) -> tuple[str, tuple[list[str], int, Iterator[Cells]]]:
    """Return the engine that reads the workbook, and what it returns."""
    if not is_vast(path):  # calamine keeps every cell up to the last one in memory, the empty ones, too
        with suppress(python_calamine.CalamineError):
            return "calamine", _read_by_calamine(path)
    check_order(path)  # openpyxl leaves out a row that comes too late
    return "openpyxl", read_rows(path)


def _read_by_calamine(path: Path) -> tuple[list[str], int, Iterator[Cells]]:
    """Return the names of the worksheets, the first's first column and its rows from spreadsheet row 1 on."""
    workbook = python_calamine.CalamineWorkbook.from_path(str(path))
    sheets = [sheet for sheet in workbook.sheets_metadata if sheet.typ == python_calamine.SheetTypeEnum.WorkSheet]
    names = [sheet.name for sheet in sheets]
    if not names:
        return names, 0, iter(())
    if sheets[0].visible != python_calamine.SheetVisibleEnum.Visible:
        raise hidden(path, names[0])
    sheet = workbook.get_sheet_by_name(names[0])
    return names, sheet.start[1] if sheet.start else 0, sheet.iter_rows()
