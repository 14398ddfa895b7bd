"""Writing a workbook of texts whose bytes depend on the texts alone.

A spreadsheet library would stamp the time, and a compressed archive would follow the version of zlib. Here every
part is fixed and stored uncompressed, and every cell is an inline string, so that `=1` stays a text.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Sequence
from io import BytesIO
from string import ascii_uppercase
from xml.sax.saxutils import escape

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_FORMATS = "http://schemas.openxmlformats.org"
_MAIN = f"{_FORMATS}/spreadsheetml/2006/main"
_RELATIONS = f"{_FORMATS}/officeDocument/2006/relationships"
_MIME = "application/vnd.openxmlformats-officedocument.spreadsheetml"

_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_FORMATS}/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_MIME}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_MIME}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_FORMATS}/package/2006/relationships">'
    f'<Relationship Id="rId1" Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}">'
    '<sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_FORMATS}/package/2006/relationships">'
    f'<Relationship Id="rId1" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}

_OLDEST_DATE = (1980, 1, 1, 0, 0, 0)
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


def workbook_bytes(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return an xlsx with one sheet of text cells; an empty text becomes no cell at all."""
    lines = "".join(_row_xml(number, texts) for number, texts in enumerate([header, *rows], start=1))
    sheet = f'<worksheet xmlns="{_MAIN}"><sheetData>{lines}</sheetData></worksheet>'
    content = BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name, xml in {**_PARTS, "xl/worksheets/sheet1.xml": sheet}.items():
            entry = zipfile.ZipInfo(name, _OLDEST_DATE)
            entry.create_system = 0
            archive.writestr(entry, (_XML + xml).encode())
    return content.getvalue()


def _row_xml(number: int, texts: Sequence[str]) -> str:
    cells = "".join(
        f'<c r="{column}{number}" t="inlineStr"><is><t xml:space="preserve">{_escaped(text)}</t></is></c>'
        for column, text in zip(ascii_uppercase, texts, strict=False)
        if text
    )
    return f'<row r="{number}">{cells}</row>'


def _escaped(text: str) -> str:
    """Escape for XML, and what XML cannot hold as workbooks do: `_x000D_`."""
    return escape(_UNWRITABLE.sub(lambda match: f"_x{ord(match[0]):04X}_", text))
