from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import python_calamine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.corpora.readers import xlsx
from tandem.corpora.readers.xlsx import Sheet, open_sheet
from tandem.errors import TandemError
from tests.corpora.workbooks import read_rows, save_sheet_xml, save_texts, save_workbook

ENGINES = ["calamine", "openpyxl"]
NEXT_LINE = "\u0085"


def open_with(engine: str, path: Path) -> Sheet:
    """Open with one engine: calamine is made to fail where openpyxl is wanted."""

    def fail(path: Path) -> None:
        raise python_calamine.CalamineError("cannot read this")

    with pytest.MonkeyPatch.context() as patch:
        if engine == "openpyxl":
            patch.setattr(xlsx, "_read_by_calamine", fail)
        sheet = open_sheet(path)
    assert sheet.engine == engine
    return sheet


def texts(sheet: Sheet, *names: str) -> list[tuple[Any, ...]]:
    return read_rows(sheet, *names or sheet.header)


# what XML cannot hold, and `_x` of an escape, which openpyxl writes unescaped
visible = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="_\ufffe\uffff"), max_size=12)
strings = st.one_of(
    visible,
    st.sampled_from(
        ["None", "NA", "null", "nan", "TRUE", "34", "2.30", "=", "\u0085", "a\u0085b", " a ", "\t", "a\nb"]
    ),
).filter(lambda text: not text.startswith(("=", "#")))
numbers = st.one_of(
    st.integers(-(10**15), 10**15),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.decimals(-1000, 1000, places=2).map(float),
)
moments = st.one_of(
    st.dates(date(1901, 1, 1), date(2999, 1, 1)),
    st.datetimes(datetime(1901, 1, 1), datetime(2999, 1, 1)).map(lambda moment: moment.replace(microsecond=0)),
)
cells = st.one_of(strings, numbers, moments, st.booleans(), st.none())


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=6))
def test_both_engines_read_the_same_texts(tmp_path: Path, rows: list[tuple[Any, Any]]) -> None:
    path = save_workbook(tmp_path / "a.xlsx", [("one", "two"), *rows, ("end", "end")])
    read = {engine: texts(open_with(engine, path)) for engine in ENGINES}
    assert read["calamine"] == read["openpyxl"]
    for (_, *found), row in zip(read["calamine"], rows, strict=False):
        for text, cell in zip(found, row, strict=True):
            assert not isinstance(cell, str) or text == cell
            assert type(cell) not in (int, float) or math.isclose(float(text), cell, rel_tol=1e-15)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (34, "34"),
        (34.0, "34"),
        (2.3, "2.3"),
        (True, "TRUE"),
        ("None", "None"),
        ("NA", "NA"),
        ("\u0085", "\u0085"),
        (" a\u00a0b ", " a\u00a0b "),
        (date(2020, 1, 2), "2020-01-02"),
        (datetime(2020, 1, 2, 3, 4, 5), "2020-01-02T03:04:05"),
        (time(3, 4, 5), "03:04:05"),
        (timedelta(hours=30), "30:00:00"),
        ("#N/A", ""),
        ("#DIV/0!", ""),
        ("=1+1", ""),
        (None, ""),
    ],
)
def test_a_cell_says_what_it_says(tmp_path: Path, engine: str, cell: object, text: str) -> None:
    path = save_workbook(tmp_path / "a.xlsx", [("one", "two"), (cell, "x")])
    assert texts(open_with(engine, path)) == [(2, text, "x")]


def inline(*cells: str) -> str:
    return "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in cells)


@pytest.mark.parametrize("engine", ENGINES)
def test_cells_of_raw_xml(tmp_path: Path, engine: str) -> None:
    rows = (
        f"<row>{inline('a', 'b', 'c')}</row>"
        f"<row>{inline('_x000D_x', NEXT_LINE, '=1')}</row>"
        '<row><c t="str"><f>A1</f><v>cached</v></c><c><f>1+1</f><v>2</v></c><c><f>1+1</f></c></row>'
        '<row><c t="e"><v>#NAME?</v></c><c><v>34.0</v></c><c><v>2.2999999999999998</v></c></row>'
    )
    sheet = open_with(engine, save_sheet_xml(tmp_path / "a.xlsx", rows))
    assert texts(sheet) == [
        (2, "\rx", NEXT_LINE, "=1"),
        (3, "cached", "2", ""),
        (4, "", "34", "2.3"),
    ]
    assert sheet.notes.counts == {"dates": 0, "formulas": 3, "errors": 1}
    assert sheet.notes.first_rows == {"formulas": [3, 3, 3], "errors": [4]}


@pytest.mark.parametrize("engine", ENGINES)
def test_only_the_columns_asked_for_are_noted(tmp_path: Path, engine: str) -> None:
    rows = [("one", "two"), *[(date(2020, 1, 1), "=A1")] * 12]
    path = save_workbook(tmp_path / "a.xlsx", rows)
    sheet = open_with(engine, path)
    assert len(texts(sheet, "one")) == 12
    assert sheet.notes.counts == {"dates": 12, "formulas": 0, "errors": 0}
    assert sheet.notes.first_rows == {"dates": list(range(2, 12))}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rows_at_once", [1, 2, 4096])
def test_a_table_may_begin_anywhere_and_have_gaps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str, rows_at_once: int
) -> None:
    monkeypatch.setattr(xlsx, "ROWS_AT_ONCE", rows_at_once)
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    for cell, value in {"C3": " head ", "D3": "more", "C5": "x", "D6": "=A1", "C8": "\u00a0", "D8": "y"}.items():
        sheet[cell] = value
    sheet["C12"].number_format = "0.00"
    workbook.save(tmp_path / "a.xlsx")
    opened = open_with(engine, tmp_path / "a.xlsx")
    assert texts(opened, "more", "head") == [(4, "", ""), (5, "", "x"), (6, "", ""), (7, "", ""), (8, "y", "\u00a0")]
    assert opened.notes.first_rows == {"formulas": [6]}


@pytest.mark.parametrize("engine", ENGINES)
def test_the_first_sheet_is_read_and_the_others_named(tmp_path: Path, engine: str) -> None:
    path = save_workbook(tmp_path / "a.xlsx", [("one",), ("x",)], Notes=[("two",), ("y",)])
    sheet = open_with(engine, path)
    assert (sheet.name, sheet.other_names, sheet.header) == ("Sheet", ("Notes",), ("one",))
    assert texts(sheet) == [(2, "x")]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_cell_may_hold_a_million_characters(tmp_path: Path, engine: str) -> None:
    text = "word 😀 " * 142_858
    path = save_texts(tmp_path / "a.xlsx", ["one"], [text])
    assert texts(open_with(engine, path)) == [(2, text)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], r"^\S*a\.xlsx, sheet 'Sheet' is empty; expected a header row"),
        ([("one", "two")], r"^\S*a\.xlsx, sheet 'Sheet' holds a header row alone; expected rows under it"),
        ([("one", "Review"), ("x", "y")], r"sheet 'Sheet': no column 'two'; columns found: 'one', 'Review'\. Rename"),
        ([("two", "two"), ("x", "y")], r"2 columns are called 'two'; columns found: 'two', 'two'"),
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_sheet_that_cannot_serve(tmp_path: Path, engine: str, rows: Sequence[Sequence[str]], message: str) -> None:
    path = save_workbook(tmp_path / "a.xlsx", rows)
    with pytest.raises(TandemError, match=message):
        open_with(engine, path).as_table().read_columns(["two"])


def test_a_sheet_without_a_header(tmp_path: Path) -> None:
    path = save_workbook(tmp_path / "a.xlsx", [("x", "", None), ("y", "z", None)])
    sheet = open_sheet(path, ["one", "two"])
    assert (sheet.header, texts(sheet)) == (("one", "two"), [(1, "x", ""), (2, "y", "z")])
    for columns in (["one"], ["one", "two", "three"]):
        with pytest.raises(
            TandemError, match=rf"row 1: 2 columns, but corpora\.\*\.columns names {len(columns)}; name"
        ):
            open_sheet(save_workbook(path, [("x", "y"), ("y", "z")]), columns)


def test_a_hidden_sheet_is_not_read(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    workbook.active.append(("one",))
    workbook.active.sheet_state = "hidden"
    workbook.create_sheet("Shown").append(("two",))
    workbook.save(tmp_path / "a.xlsx")
    with pytest.raises(TandemError, match=r"sheet 'Sheet' is hidden, and only the first sheet is read"):
        open_sheet(tmp_path / "a.xlsx")
