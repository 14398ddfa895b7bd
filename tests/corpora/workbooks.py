"""Tiny workbooks for the tests: through openpyxl, or from the XML of their rows."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import openpyxl

from tandem.corpora.default_data.workbook_writing import workbook_bytes
from tandem.corpora.readers.xlsx import Sheet


def save_workbook(path: Path, rows: Iterable[Sequence[Any]], **sheets: Iterable[Sequence[Any]]) -> Path:
    """Save rows, then further sheets by name; a text that begins with `=` is written as a formula."""
    workbook = openpyxl.Workbook()
    del workbook["Sheet"]
    for name, lines in {"Sheet": rows, **sheets}.items():
        sheet = workbook.create_sheet(name)
        for line in lines:
            sheet.append(list(line))
    workbook.save(path)
    return path


def save_texts(path: Path, *rows: Sequence[str]) -> Path:
    """Save rows of text cells as they are."""
    path.write_bytes(workbook_bytes(rows[0], rows[1:]))
    return path


def save_sheet_xml(path: Path, rows: str, *, prefix: str = "") -> Path:
    """Save a workbook whose sheet holds the given XML."""
    save_texts(path, ["header"])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    name = "xl/worksheets/sheet1.xml"
    start, end = parts[name].index("<sheetData>") + 11, parts[name].index("</sheetData>")
    parts[name] = parts[name][:start] + rows + parts[name][end:]
    if prefix:
        body = parts[name].replace("</", f"</{prefix}:").replace("<", f"<{prefix}:")
        body = body.replace(f"<{prefix}:/{prefix}:", f"</{prefix}:").replace(f"<{prefix}:?xml", "<?xml")
        parts[name] = body.replace("xmlns=", f"xmlns:{prefix}=")
    with zipfile.ZipFile(path, "w") as archive:
        for part, xml in parts.items():
            archive.writestr(part, xml)
    return path


def read_rows(sheet: Sheet, *names: str) -> list[tuple[Any, ...]]:
    """Read all rows as (spreadsheet row, text, text, ...)."""
    blocks = sheet.as_table().read_columns(names)
    return [row for rows, columns in blocks for row in zip(rows, *columns, strict=True)]
