from __future__ import annotations

from pathlib import Path

import pytest

from tandem.corpora.schema.records import Record, read_records, write_records
from tandem.errors import TandemError


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    records = [
        Record(row=1, text="a b", labels={"mood": "good"}),
        Record(row=2, words=("a", "b"), tags={"names": ("O", "B-x")}, group="g"),
        Record(row=3, text="a, b", words=("a", ",", "b"), starts=(0, 1, 3), tags={"names": ("O",) * 3}, split="test"),
    ]
    assert write_records(tmp_path / "a.jsonl", records) == 3
    assert list(read_records(tmp_path / "a.jsonl")) == records


def test_a_row_holds_what_is_known_alone(tmp_path: Path) -> None:
    write_records(tmp_path / "a.jsonl", [Record(row=1, text="", labels={"mood": "good"})])
    assert (tmp_path / "a.jsonl").read_text() == '{"format_version":2,"labels":{"mood":"good"},"row":1,"text":""}\n'


def test_the_surface_is_the_text_or_its_words() -> None:
    assert Record(row=1, text="a, b", words=("a", ",", "b"), starts=(0, 1, 3)).surface == "a, b"
    assert Record(row=1, words=("a", ",", "b")).surface == "a , b"


@pytest.mark.parametrize("row", ['{"text": "an older one"}', '{"row": 1, "text": "a newer one", "language": "en"}'])
def test_rows_with_other_fields_are_named(tmp_path: Path, row: str) -> None:
    (tmp_path / "a.jsonl").write_text('{"format_version": 2, "row": 1, "text": "ours"}\n' + row + "\n")
    with pytest.raises(TandemError, match=r"a\.jsonl, line 2 is no record .*: run `dvc repro`"):
        list(read_records(tmp_path / "a.jsonl"))
