from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tandem.corpora.cleaning import clean_corpus
from tandem.errors import TandemError
from tandem.params import Corpus
from tests.corpora.conftest import RULES, TASKS, Cleaned
from tests.corpora.workbooks import save_texts, save_workbook

Clean = Callable[..., Cleaned]


def texts_corpus(path: Path) -> Corpus:
    return Corpus(
        path=str(path),
        format="auto",
        text="review",
        words=None,
        sentence=None,
        group=None,
        labels={"sentiment": "sentiment"},
        tags={},
    )


def test_a_corpus_of_one_class_is_refused(clean_texts: Clean) -> None:
    message = (
        r"texts\.xlsx, sheet 'Sheet': task sentiment needs at least two classes, "
        r"found only 'positive' \(2 texts\); add texts of another class"
    )
    with pytest.raises(TandemError, match=message):
        clean_texts(("x", "positive"), ("y", "positive"), ("z", None))


def test_a_corpus_of_which_nothing_is_left_is_refused(clean_texts: Clean) -> None:
    with pytest.raises(TandemError, match=r"no record is left of 2 rows \(.*dropped 1 missing text, 1 missing label"):
        clean_texts((None, "positive"), ("y", None))


def test_a_missing_column_is_refused_before_any_record(clean_texts: Clean) -> None:
    with pytest.raises(TandemError, match="no column 'sentiment'; columns found: 'review', 'label'"):
        clean_texts(("x", "positive"), header=("review", "label"))
    with pytest.raises(TandemError, match="2 columns are called 'review'"):
        clean_texts(("x", "positive", "y"), header=("review", "sentiment", "review"))


def test_a_sentence_column_is_required(clean_words: Clean) -> None:
    with pytest.raises(TandemError, match="no column 'Sentence #'; columns found: 'Sentence', 'Word', 'Tag'"):
        clean_words(("1", "x", "O"), header=("Sentence", "Word", "Tag"))


def test_records_stream_and_the_report_grows_with_them(tmp_path: Path) -> None:
    path = save_texts(tmp_path / "a.xlsx", ["review", "sentiment"], ["x", "positive"], ["y", "negative"])
    records, report = clean_corpus(texts_corpus(path), TASKS, RULES)
    assert report.kept == 0
    assert next(records).text == "x"
    assert report.kept == 1
    assert [record.text for record in records] == ["y"]
    assert report.kept == 2


def test_the_report_of_texts(clean_texts: Clean) -> None:
    rows = [("x" * length, "positive") for length in range(1, 101)]
    _, report = clean_texts(*rows, ("y", "negative"), (None, "negative"))
    metrics = report.as_dict()
    assert json.loads(json.dumps(metrics)) == metrics
    assert metrics["length"] == {
        "unit": "characters",
        "min": 1,
        "median": 50,
        "mean": 5051 / 101,
        "p95": 95,
        "max": 100,
    }
    assert (metrics["rows_in"], metrics["kept"], metrics["engine"], metrics["sheet"]) == (102, 101, "calamine", "Sheet")
    assert report.summary() == "102 rows, 101 texts kept; dropped 1 missing text"


def test_the_report_of_sentences(clean_words: Clean) -> None:
    _, report = clean_words(("1", "a", "O"), (None, "b", "I-per"), ("2", "c", "O"), group="Template")
    metrics = report.as_dict()
    assert (metrics["rows_in"], metrics["kept"], metrics["words"]) == (3, 2, 3)
    assert metrics["labels"] == {"entities": {"per": 1}}
    assert metrics["length"] == {"unit": "words", "min": 1, "median": 1.5, "mean": 1.5, "p95": 2, "max": 2}
    assert report.summary() == "3 rows, 2 sentences kept; 3 words; altered 1 tags repaired; group: absent"


def test_other_sheets_are_mentioned(tmp_path: Path) -> None:
    rows = [("review", "sentiment"), ("x", "positive"), ("y", "negative")]
    path = save_workbook(tmp_path / "a.xlsx", rows, Notes=[("z",)], More=[("z",)])
    records, report = clean_corpus(texts_corpus(path), TASKS, RULES)
    assert len(list(records)) == 2
    assert report.as_dict()["other_sheets"] == 2
    assert report.summary().endswith("; read sheet 'Sheet' alone of 3")


def test_a_text_of_a_million_characters_and_one_of_emoji_pass(tmp_path: Path) -> None:
    long = "word " * 199_999 + "words"
    path = save_texts(tmp_path / "a.xlsx", ["review", "sentiment"], [long, "positive"], ["😀👩‍👩‍👧", "negative"])
    records, _ = clean_corpus(texts_corpus(path), TASKS, RULES)
    assert [record.text for record in records] == [long, "😀👩‍👩‍👧"]
