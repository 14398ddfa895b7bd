from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tandem.corpora.records import Record
from tandem.errors import TandemError
from tests.corpora.conftest import TASKS, Cleaned

Clean = Callable[..., Cleaned]

FIRST = [("1", "Anna", "B-per"), (None, "left", "O")]
SECOND = [("2", "Oslo", "B-geo")]


def counts(report: Any) -> dict[str, int]:
    every = {**report.dropped, **report.altered, **report.noted}
    return {name: count for name, count in every.items() if count}


def sentences(records: list[Record]) -> list[str]:
    return [record.surface for record in records]


def test_a_record_holds_a_sentence_of_words_and_tags(clean_words: Clean) -> None:
    records, report = clean_words(*FIRST, *SECOND)
    assert records == [
        Record(row=2, words=("Anna", "left"), tags={"entities": ("B-per", "O")}),
        Record(row=4, words=("Oslo",), tags={"entities": ("B-geo",)}),
    ]
    assert not counts(report)
    assert report.labels == {"entities": {"per": 1, "geo": 1}}


@pytest.mark.parametrize(
    ("marks", "expected", "repeated"),
    [
        (["1", None, "2", None], ["ab", "cd"], 0),
        (["1", "1", "2", "2"], ["ab", "cd"], 0),
        ([1, None, 2.0, None], ["ab", "cd"], 0),
        (["10", None, "9", None], ["ab", "cd"], 0),
        (["1", "2", "1", "2"], ["a", "b", "c", "d"], 2),
        (["1", None, "1", None], ["abcd"], 0),
    ],
)
def test_marks_cut_sentences_in_the_order_of_the_file(
    clean_words: Clean, marks: list[Any], expected: list[str], repeated: int
) -> None:
    records, report = clean_words(*((mark, word, "O") for mark, word in zip(marks, "abcd", strict=True)))
    assert ["".join(record.words or ()) for record in records] == expected
    assert report.noted["repeated_marks"] == repeated


def test_a_word_before_any_mark_is_refused(clean_words: Clean) -> None:
    with pytest.raises(TandemError, match=r"words\.xlsx, sheet 'Sheet', row 2: a word stands before any sentence mark"):
        clean_words((None, "Anna", "O"), *SECOND)


@pytest.mark.parametrize(
    ("cell", "word"),
    [(34, "34"), (2.3, "2.3"), (True, "TRUE"), ("None", "None"), ("NA", "NA"), ("\u0096", "\u0096"), ("a\u0085b",) * 2],
)
def test_words_are_kept_as_they_stand(clean_words: Clean, cell: object, word: str) -> None:
    records, report = clean_words(("1", cell, "O"))
    assert records[0].words == (word,)
    assert not counts(report)


def test_words_lose_the_space_around_them(clean_words: Clean) -> None:
    records, report = clean_words(("1", " a b\u00a0", "O"), (None, "c", " O "))
    assert records[0].words == ("a b", "c")
    assert counts(report) == {"words_stripped": 1}


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        (None, "rows_missing_word"),
        ("#NAME?", "rows_missing_word"),
        ("=1+1", "rows_missing_word"),
        (" ", "rows_empty_word"),
        ("\u0085", "rows_empty_word"),
        ("\u00a0\u2028", "rows_empty_word"),
        ("\u200b", "rows_empty_word"),
    ],
)
def test_a_row_without_a_word(clean_words: Clean, word: str | None, reason: str) -> None:
    rows = [("1", "Anna", "B-per"), (None, word, "I-per"), (None, "left", "O"), *SECOND]
    records, report = clean_words(*rows)
    assert sentences(records) == ["Anna left", "Oslo"]
    assert counts(report) == {reason: 1}
    records, report = clean_words(*rows, missing_word="drop_sentence")
    assert sentences(records) == ["Oslo"]
    assert counts(report) == {"sentences_missing_word": 1}
    with pytest.raises(TandemError, match=r"row 3: no word, found .*; fill the cell, delete the row, or set clean"):
        clean_words(*rows, missing_word="error")


def test_a_sentence_without_any_word_is_counted(clean_words: Clean) -> None:
    records, report = clean_words(*FIRST, ("2", None, "O"), ("3", "b", "O"))
    assert sentences(records) == ["Anna left", "b"]
    assert counts(report) == {"rows_missing_word": 1, "sentences_without_words": 1}


def test_empty_rows_count_in_the_middle_alone(clean_words: Clean) -> None:
    records, report = clean_words(*FIRST, (None, None, None), *SECOND, (None, None, None), (None, None, " "))
    assert report.rows_in == 6
    assert sentences(records) == ["Anna left", "Oslo"]
    assert counts(report) == {"rows_missing_word": 3}


def test_a_row_without_a_tag(clean_words: Clean) -> None:
    rows = [("1", "Anna", "B-per"), (None, "left", None), *SECOND]
    records, report = clean_words(*rows)
    assert sentences(records) == ["Oslo"]
    assert counts(report) == {"sentences_missing_tag": 1}
    records, report = clean_words(*rows, missing_tag="outside")
    assert records[0].tags == {"entities": ("B-per", "O")}
    assert counts(report) == {"tags_missing_as_outside": 1}
    with pytest.raises(TandemError, match=r"row 3, column 'Tag': no tag. Correct the cell or set clean.missing_tag"):
        clean_words(*rows, missing_tag="error")


def test_a_sentence_with_an_unknown_type(clean_words: Clean) -> None:
    rows = [*FIRST, ("2", "May", "B-tim"), (None, "1", "I-tim"), ("3", "x", "O")]
    records, report = clean_words(*rows)
    assert sentences(records) == ["Anna left", "x"]
    assert counts(report) == {"sentences_unknown_tag": 1}
    assert report.as_dict()["unknown_labels"] == {"entities": {"tim": 2}}
    with pytest.raises(TandemError, match="row 4, column 'Tag': tag 'B-tim' is unknown; types allowed: geo, per"):
        clean_words(*rows, unknown_tag="error")


def test_types_may_be_anything_under_auto(clean_words: Clean) -> None:
    tasks = {"entities": replace(TASKS["entities"], labels=None)}
    _, report = clean_words(*FIRST, ("2", "May", "B-tim-x"), tasks=tasks)
    assert report.labels == {"entities": {"per": 1, "tim-x": 1}}


@pytest.mark.parametrize("tag", ["per", "b-per", "B_per", "B-", "E-per", "0", 1, "OO"])
def test_a_tag_of_another_shape_is_refused(clean_words: Clean, tag: object) -> None:
    message = rf"row 4, column 'Tag': tag '{tag}'; expected O, B-<type> or I-<type>\. Correct the cell"
    with pytest.raises(TandemError, match=message):
        clean_words(*FIRST, ("2", "x", tag))


def test_an_inside_that_continues_nothing(clean_words: Clean) -> None:
    rows = [("1", "Anna", "I-per"), (None, "Kowalska", "I-per"), (None, "Oslo", "I-geo")]
    records, report = clean_words(*rows)
    assert records[0].tags == {"entities": ("B-per", "I-per", "B-geo")}
    assert counts(report) == {"tags_repaired": 2}
    with pytest.raises(TandemError, match="row 2, column 'Tag': tag 'I-per' continues nothing; expected B-per"):
        clean_words(*rows, illegal_tags="error")


def test_group_and_labels_come_from_the_first_row(clean_words: Clean) -> None:
    records, report = clean_words(
        ("1", None, "O", 7, "positive"),
        (None, "a", "O", 8, None),
        ("2", "b", "O", None, None),
        ("3", "c", "O", 9, "negative"),
        header=("Sentence #", "Word", "Tag", "Template", "sentiment"),
        group="Template",
        labels={"sentiment": "sentiment"},
    )
    assert [(record.row, record.group, record.labels) for record in records] == [
        (2, "7", {"sentiment": "positive"}),
        (4, None, {}),
        (5, "9", {"sentiment": "negative"}),
    ]
    assert report.noted["without_sentiment"] == 1
