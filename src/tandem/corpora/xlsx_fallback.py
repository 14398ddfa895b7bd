"""Reading a workbook with openpyxl, for files that calamine cannot read: the same cells, more slowly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tandem.corpora.workbook_files import UNREADABLE, damaged

_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")


def read_rows(path: Path) -> tuple[list[str], int, Iterator[list[Any]]]:
    """Return the names of the worksheets, the first one's first column and its rows from spreadsheet row 1 on."""
    import openpyxl  # noqa: PLC0415 - as slow to load as the rest of a stage, and seldom needed

    workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
    return [sheet.title for sheet in workbook.worksheets], 0, _rows(path, workbook)


def _rows(path: Path, workbook: Any) -> Iterator[list[Any]]:
    sheet = workbook.worksheets[0]
    sheet.reset_dimensions()
    try:
        for row in sheet.iter_rows(values_only=True):
            yield [_unescaped(cell) for cell in row]
    except UNREADABLE as error:
        raise damaged(path, error) from error
    finally:
        workbook.close()


def _unescaped(cell: Any) -> Any:
    """Decode `_x000D_` and its like, by which workbooks write characters that XML does not allow."""
    if isinstance(cell, str) and "_x" in cell:
        return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), cell)
    return cell
