from __future__ import annotations

import hashlib
import zipfile
from io import BytesIO
from pathlib import Path

import openpyxl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.corpora.default_data.workbook_writing import workbook_bytes
from tandem.corpora.readers.xlsx import open_sheet
from tests.corpora.workbooks import read_rows

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10) | st.sampled_from(["=1+1", "_x000D_", " a "])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(texts, texts), max_size=5))
def test_texts_come_back_as_they_were(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(workbook_bytes(("one", "two"), [*rows, ("end", "end")]))
    assert [row[1:] for row in read_rows(open_sheet(path), "one", "two")] == [*rows, ("end", "end")]


def test_a_spreadsheet_program_sees_texts_and_no_formulas(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(workbook_bytes(("one", "two"), [("=1+1", "34"), ("", "#N/A")]))
    cells = [[(cell.value, cell.data_type) for cell in row] for row in openpyxl.load_workbook(path).active.iter_rows()]
    assert cells == [
        [("one", "s"), ("two", "s")],
        [("=1+1", "s"), ("34", "s")],
        [(None, "n"), ("#N/A", "s")],
    ]


def test_the_bytes_depend_on_the_texts_alone() -> None:
    content = workbook_bytes(("review", "sentiment"), [("fine", "positive")])
    assert hashlib.sha256(content).hexdigest() == "eb3630cc799210ed0330ff5881c865ee63f578fe234262b790a7a16f4790d264"
    with zipfile.ZipFile(BytesIO(content)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
