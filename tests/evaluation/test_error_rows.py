"""The texts with errors: the right ones, in the right order, with marks at the right characters."""

import pytest

from tandem.corpora.schema.records import Record, write_records
from tandem.errors import TandemError
from tandem.evaluation.error_rows import error_rows


def row(number, gold, predicted, confidence):
    return {"corpus": "c", "row": number, "gold": gold, "predicted": predicted, "confidence": confidence}


def write(splits, *records):
    write_records(splits / "c" / "test.jsonl", records)


def test_wrong_labels_come_surest_first_with_their_texts(tmp_path):
    write(tmp_path, *(Record(row=number, text=f"text {number}") for number in range(4)))
    rows = [row(0, "a", "b", 0.6), row(1, "a", "a", 0.99), row(2, "b", "a", 0.9), row(3, "b", "a", 0.6)]
    found = error_rows(rows, tmp_path)
    assert [(error.text, error.gold, error.predicted) for error in found] == [
        ("text 2", "b", "a"),
        ("text 0", "a", "b"),
        ("text 3", "b", "a"),
    ]


def test_marks_stand_in_the_characters_of_joined_words(tmp_path):
    write(tmp_path, Record(row=7, words=("Anna", "of", "Graz", "left")))
    (found,) = error_rows(
        [row(7, ["B-who", "O", "B-place", "O"], ["B-who", "O", "B-who", "I-who"], [0.9, 0.9, 0.4, 0.6])], tmp_path
    )
    assert found.text == "Anna of Graz left"
    assert [(mark.kind, mark.gold, mark.predicted) for mark in found.marks] == [
        ("correct", (0, 4, "who"), (0, 4, "who")),
        ("type", (8, 12, "place"), (8, 17, "who")),
    ]
    assert found.confidence == pytest.approx(0.5)


def test_marks_stand_in_the_running_text_where_there_is_one(tmp_path):
    write(tmp_path, Record(row=7, text="(Anna)!", words=("Anna",), starts=(1,)))
    (found,) = error_rows([row(7, ["B-who"], ["O"], [0.8])], tmp_path)
    assert [(mark.kind, mark.gold) for mark in found.marks] == [("missed", (1, 5, "who"))]
    assert found.confidence == 0.8


def test_tags_that_make_no_entity_are_no_error(tmp_path):
    write(tmp_path, Record(row=7, words=("Anna", "left")))
    assert error_rows([row(7, ["O", "O"], ["O", "I-who"], [0.9, 0.9])], tmp_path) == []


def test_texts_of_another_run_are_told(tmp_path):
    write(tmp_path, Record(row=7, words=("Anna", "left")))
    with pytest.raises(TandemError, match=r"test.jsonl has no text of row 8, .* `dvc repro`"):
        error_rows([row(8, "a", "b", 0.9)], tmp_path)
    with pytest.raises(TandemError, match=r"test.jsonl: row 7 has 2 words, and 1 were predicted"):
        error_rows([row(7, ["B-x"], ["O"], [0.9])], tmp_path)
    with pytest.raises(TandemError, match="is missing"):
        error_rows([row(7, "a", "b", 0.9)], tmp_path / "elsewhere")
