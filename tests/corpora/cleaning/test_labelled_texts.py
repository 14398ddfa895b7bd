from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tandem.corpora.readers.entries import Entry
from tandem.corpora.schema.records import Record
from tandem.errors import TandemError
from tests.corpora.conftest import TASKS, Cleaned
from tests.corpora.sources import clean_entries

Clean = Callable[..., Cleaned]

GOOD, BAD = ("fine", "positive"), ("dull", "negative")


def counts(report: Any) -> dict[str, int]:
    return {name: count for name, count in {**report.dropped, **report.altered}.items() if count}


def test_a_record_holds_text_label_and_row(clean_texts: Clean) -> None:
    records, report = clean_texts((" a <b>fine</b><br />film ", " positive "), BAD)
    assert records == [
        Record(row=2, text="a fine film", labels={"sentiment": "positive"}),
        Record(row=3, text="dull", labels={"sentiment": "negative"}),
    ]
    assert counts(report) == {"html": 1, "white_space": 1, "labels_stripped": 1}
    assert report.labels == {"sentiment": {"positive": 1, "negative": 1}}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((None, "positive"), "missing_text"),
        (("", "positive"), "missing_text"),
        ((" ", "positive"), "empty_text"),
        (("\u0085\u200b", "positive"), "empty_text"),
        (("<br />", "positive"), "empty_text"),
        (("#N/A", "positive"), "missing_text"),
        (("x", None), "missing_label"),
        (("x", " \u00a0"), "missing_label"),
        (("x", "Positive"), "unknown_label"),
        (("x", 1), "unknown_label"),
    ],
)
def test_what_is_dropped_is_counted(clean_texts: Clean, row: tuple[Any, ...], reason: str) -> None:
    records, report = clean_texts(GOOD, row, BAD)
    assert [record.row for record in records] == [2, 4]
    assert {name: count for name, count in report.dropped.items() if count} == {reason: 1}
    assert (report.rows_in, report.kept) == (3, 2)


@pytest.mark.parametrize("text", ["None", "NA", "null", "nan", "😀", "a = b", "<3"])
def test_words_that_look_like_nothing_stay(clean_texts: Clean, text: str) -> None:
    records, report = clean_texts((text, "positive"), BAD)
    assert records[0].text == text
    assert not counts(report)


@pytest.mark.parametrize(("cell", "text"), [(34, "34"), (2.3, "2.3"), (True, "TRUE"), (date(2020, 1, 2), "2020-01-02")])
def test_cells_that_are_no_texts_become_some(clean_texts: Clean, cell: object, text: str) -> None:
    records, _ = clean_texts((cell, "positive"), BAD)
    assert records[0].text == text


def test_dates_and_formulas_are_reported_with_their_rows(clean_texts: Clean) -> None:
    _, report = clean_texts(GOOD, (date(2020, 1, 2), "positive"), ("=1+1", "positive"), BAD, ("=A1", "=A2"))
    metrics = report.as_dict()
    assert metrics["noted"] == {"dates": 1, "formulas": 3, "errors": 0}
    assert metrics["noted_rows"] == {"dates": [3], "formulas": [4, 6, 6]}
    assert (metrics["rows_in"], metrics["dropped"]["missing_text"]) == (4, 1)


def test_unknown_labels_are_listed_most_frequent_first(clean_texts: Clean) -> None:
    rows = [("x", f"label {number:02}") for number in range(12)]
    _, report = clean_texts(GOOD, BAD, *rows, ("x", "label 11"))
    listed = report.as_dict()["unknown_labels"]["sentiment"]
    assert list(listed.items())[:2] == [("label 11", 2), ("label 00", 1)]
    assert len(listed) == 10
    assert report.dropped["unknown_label"] == 13


def test_an_unknown_label_can_be_refused(clean_texts: Clean) -> None:
    message = (
        r"texts\.xlsx, sheet 'Sheet', row 4: label 'great' of task sentiment is unknown; allowed: negative, positive\. "
        r"Correct the cell, list the label in tasks\.sentiment\.labels, or set clean\.unknown_label to drop"
    )
    with pytest.raises(TandemError, match=message):
        clean_texts(GOOD, BAD, ("x", "great"), unknown_label="error")


def test_labels_may_be_anything_under_auto(clean_texts: Clean) -> None:
    tasks = {"sentiment": replace(TASKS["sentiment"], labels=None)}
    records, _ = clean_texts(("x", 1), ("y", 2.5), ("z", "None"), tasks=tasks)
    assert [record.labels["sentiment"] for record in records] == ["1", "2.5", "None"]


def test_a_text_may_lack_the_label_of_one_task(clean_texts: Clean) -> None:
    tasks = {**TASKS, "topic": replace(TASKS["sentiment"], labels=None)}
    records, report = clean_texts(
        ("x", "positive", "film"),
        ("y", "negative", None),
        ("z", "other", "song"),
        ("v", None, None),
        header=("review", "sentiment", "topic"),
        tasks=tasks,
        labels={"sentiment": "sentiment", "topic": "topic"},
    )
    assert [record.labels for record in records] == [
        {"sentiment": "positive", "topic": "film"},
        {"sentiment": "negative"},
        {"topic": "song"},
    ]
    assert report.noted == {"without_topic": 1, "without_sentiment": 1}
    assert report.dropped["missing_label"] == 1


def test_a_group_column_is_kept(clean_texts: Clean) -> None:
    rows = [("x", "positive", 7), ("y", "negative", None)]
    records, report = clean_texts(*rows, header=("review", "sentiment", "author"), group="author")
    assert [record.group for record in records] == ["7", None]
    assert report.as_dict()["group"] == "named"


def test_an_absent_group_column_is_no_error(clean_texts: Clean) -> None:
    records, report = clean_texts(GOOD, BAD, group="author")
    assert [record.group for record in records] == [None, None]
    assert report.as_dict()["group"] == "absent"
    assert report.summary().endswith("; group: absent")


def test_a_faulty_pattern_is_refused(clean_texts: Clean) -> None:
    with pytest.raises(TandemError, match=r"clean\.drop_characters"):
        clean_texts(GOOD, BAD, drop_characters="(")


def test_labels_are_renamed_before_they_are_checked() -> None:
    entries = [
        Entry(row=row, text=f"text {row}", labels={"sentiment": label})
        for row, label in enumerate(("POS", " NEG ", "positive", "MEH"))
    ]
    names = {"sentiment": {"POS": "positive", "NEG": "negative"}}
    records, report = clean_entries(entries, labels={"sentiment": "label"}, map=names)
    assert [record.labels["sentiment"] for record in records] == ["positive", "negative", "positive"]
    assert counts(report) == {"labels_mapped": 2, "labels_stripped": 1, "unknown_label": 1}
    with pytest.raises(TandemError, match=r"file\.jsonl, record 3: label 'MEH' of task sentiment is unknown"):
        clean_entries(entries, labels={"sentiment": "label"}, map=names, rules={"unknown_label": "error"})


def test_names_to_rename_that_no_label_has_are_told() -> None:
    entries = [
        Entry(row=row, text=f"text {row}", labels={"sentiment": label})
        for row, label in enumerate((" POS", "negative", "negative"))
    ]
    names = {"POS": "positive", "negative": "negative", "pos": "positive", "Neg": "negative"}
    _, report = clean_entries(entries, labels={"sentiment": "label"}, map={"sentiment": names})
    assert report.as_dict()["unused_map"] == {"sentiment": ["Neg", "pos"]}
    assert report.summary().endswith(
        "; altered 1 labels mapped, 1 labels stripped; map of sentiment met no 'Neg', 'pos'"
    )


def test_only_labels_with_white_space_around_them_count_as_stripped(clean_texts: Clean) -> None:
    records, report = clean_texts(GOOD, BAD, ("odd", "negative\u00a0"), ("none", "  "), ("unknown", " odd"))
    assert records[2].labels == {"sentiment": "negative"}
    assert counts(report) == {"labels_stripped": 2, "missing_label": 1, "unknown_label": 1}
    assert "labels_stripped" not in clean_texts(GOOD, BAD)[1].as_dict()["altered"]


@pytest.mark.parametrize("text", [None, "", " \u200b"])
def test_an_entry_without_a_text_is_counted(text: str | None) -> None:
    entries = [
        Entry(row=1, text="fine", labels={"sentiment": "positive"}),
        Entry(row=2, text="dull", labels={"sentiment": "negative"}),
        Entry(row=3, text=text, labels={"sentiment": "negative"}),
    ]
    records, report = clean_entries(entries, labels={"sentiment": "label"})
    assert len(records) == 2
    assert counts(report) == {"empty_text" if text else "missing_text": 1}
