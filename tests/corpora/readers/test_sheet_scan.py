from __future__ import annotations

from pathlib import Path

import pytest

from tandem.corpora.readers import sheet_scan
from tandem.corpora.readers.sheet_scan import check_order, is_vast, scan_first_sheet
from tests.corpora.workbooks import save_sheet_xml

ROWS = (
    '<row r="1"><c r="A1" t="inlineStr"><is><t>a &lt;f> b</t></is></c></row>'
    '<row r="3"><c r="B3"><f>1+1</f><v>2</v></c><c r="AA3" t="e"><v>#N/A</v></c></row>'
    '<row r="4"><c r="A4"/><c r="B4"><f t="shared" si="0"/><v>2</v></c></row>'
    '<row r="7"><c r="B7" t="inlineStr"><is><t>\u0085 </t></is></c></row>'
)
FOUND = {
    ("formulas", 1): [(3, ""), (4, "")],
    ("errors", 26): [(3, "")],
    ("blanks", 1): [(7, "\u0085 ")],
}


@pytest.mark.parametrize("chunk_bytes", [1, 7, 100, 1 << 20])
def test_cells_are_found_wherever_the_xml_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int
) -> None:
    path = save_sheet_xml(tmp_path / "a.xlsx", ROWS)
    monkeypatch.setattr(sheet_scan, "CHUNK_BYTES", chunk_bytes)
    assert scan_first_sheet(path).found == FOUND


def test_cells_are_found_under_an_element_prefix(tmp_path: Path) -> None:
    path = save_sheet_xml(tmp_path / "a.xlsx", ROWS, prefix="x")
    assert scan_first_sheet(path).found == FOUND


@pytest.mark.parametrize("chunk_bytes", [9, 1 << 20])
def test_cells_without_references_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int
) -> None:
    rows = "<row><c><v>1</v></c></row><row><c/><c><v>1</v></c></row><row><c><v>1</v></c><c><f>A1</f></c></row>"
    path = save_sheet_xml(tmp_path / "a.xlsx", rows)
    monkeypatch.setattr(sheet_scan, "CHUNK_BYTES", chunk_bytes)
    assert scan_first_sheet(path).found == {("formulas", 1): [(3, "")]}


def test_within_a_range_of_rows(tmp_path: Path) -> None:
    special = scan_first_sheet(save_sheet_xml(tmp_path / "a.xlsx", ROWS))
    assert special.within("formulas", 1, range(4, 9)) == [(4, "")]
    assert special.within("formulas", 0, range(4, 9)) == []


@pytest.mark.parametrize("chunk_bytes", [40, 100, 1 << 20])
@pytest.mark.parametrize(
    ("far", "expected"),
    [
        ("XFD1048576", True),
        ("XFD4095", False),
        ("XFD4097", True),
        ("ZZ1048576", True),
        ("AA3", False),
        ("XFD9", False),
        ("Z1048576", False),
        ("A99999999", True),
    ],
)
def test_a_far_cell_is_seen_wherever_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int, far: str, expected: bool
) -> None:
    row = far.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    cell = f'<row r="{row}"><c r="{far}" t="inlineStr"><is><t>x</t></is></c></row>'
    path = save_sheet_xml(tmp_path / "a.xlsx", ROWS + cell)
    monkeypatch.setattr(sheet_scan, "CHUNK_BYTES", chunk_bytes)
    assert is_vast(path) == expected


@pytest.mark.parametrize("chunk_bytes", [40, 100, 1 << 20])
@pytest.mark.parametrize(
    ("far", "expected"),
    [
        (("A1048576", "ZZ3"), True),
        (("ZZ3", "A100000"), True),
        (("A90000", "ZZ3"), False),
        (("A99999999", "B3"), True),
        (("B1048576", "Z3"), False),
    ],
)
def test_far_cells_are_seen_in_any_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int, far: tuple[str, ...], expected: bool
) -> None:
    cells = "".join(f'<c r="{reference}" t="inlineStr"><is><t>x</t></is></c>' for reference in far)
    path = save_sheet_xml(tmp_path / "a.xlsx", f'<row r="2">{cells}</row>' + ROWS)
    monkeypatch.setattr(sheet_scan, "CHUNK_BYTES", chunk_bytes)
    assert is_vast(path) == expected


@pytest.mark.parametrize("chunk_bytes", [40, 100, 1 << 20])
def test_rows_in_another_order_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int) -> None:
    monkeypatch.setattr(sheet_scan, "CHUNK_BYTES", chunk_bytes)
    check_order(save_sheet_xml(tmp_path / "a.xlsx", "".join(f'<row r="{n}"></row>' for n in range(1, 99))))
    for numbers, message in (
        ((1, 1048576, 3), "row 3 comes after row 1048576"),
        ((1, 2, 2), "row 2 comes after row 2"),
    ):
        path = save_sheet_xml(tmp_path / "b.xlsx", "".join(f'<row spans="1:2" r="{number}"/>' for number in numbers))
        with pytest.raises(ValueError, match=message):
            check_order(path)
