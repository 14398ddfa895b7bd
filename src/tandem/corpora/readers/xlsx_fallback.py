"""Reading a workbook with openpyxl, for files that calamine cannot read: the same cells, more slowly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from tandem.corpora.readers.workbook_files import MOST_ROWS, UNREADABLE, damaged, hidden

_BROKEN = (*UNREADABLE, TypeError, AttributeError, IndexError, OverflowError)
"""What openpyxl raises for XML that it does not expect."""
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")


def read_rows(path: Path) -> tuple[list[str], int, Iterator[list[Any]]]:
    """Return the names of the worksheets, the first one's first column and its rows from spreadsheet row 1 on."""
    import openpyxl  # noqa: PLC0415 - as slow to load as the rest of a stage, and seldom needed

    with ExitStack() as on_failure:
        handle = on_failure.enter_context(path.open("rb"))  # openpyxl would leave its own open
        try:
            workbook = openpyxl.load_workbook(handle, read_only=True, data_only=True)
        except _BROKEN as error:
            raise damaged(path, error) from error
        on_failure.pop_all()
    sheets = workbook.worksheets
    if sheets and sheets[0].sheet_state != "visible":
        handle.close()
        raise hidden(path, sheets[0].title)
    return [sheet.title for sheet in sheets], 0, _rows(path, workbook, handle)


def _rows(path: Path, workbook: Any, handle: BinaryIO) -> Iterator[list[Any]]:
    sheet = workbook.worksheets[0]
    sheet.reset_dimensions()
    try:
        for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
            if number > MOST_ROWS:
                raise ValueError(f"it has cells under row {MOST_ROWS:,}")
            yield [_unescaped(cell) for cell in row]
    except _BROKEN as error:
        raise damaged(path, error) from error
    finally:
        workbook.close()
        handle.close()


def _unescaped(cell: Any) -> Any:
    """Decode `_x000D_` and its like, by which workbooks write characters that XML does not allow."""
    if isinstance(cell, str) and "_x" in cell:
        return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), cell)
    return cell
