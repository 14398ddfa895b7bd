from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.corpora.cleaning.cleaning import clean_corpus, clean_sources
from tandem.corpora.readers.entries import Entry, TextColumns, one_by_one
from tandem.errors import TandemError
from tandem.params import Corpus
from tests.corpora.conftest import RULES, TASKS, Cleaned
from tests.corpora.sources import clean_entries, source_of
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


CELLS = st.sampled_from(["", " ", "a", "b ", " c", "<p>d</p>", "&amp;", "\u200b", "é"])
LABELS = st.sampled_from(["positive", "negative", " negative", "POS", " POS ", "odd", ""])
MAPS = st.sampled_from([{}, {"sentiment": {"POS": "positive", "odd": "odder"}}])


@given(st.lists(st.tuples(CELLS, LABELS, CELLS), max_size=8), MAPS, st.sampled_from(["drop", "error"]))
def test_columns_are_cleaned_and_counted_as_their_texts_are_one_by_one(
    rows: list[tuple[str, str, str]], names: dict[str, dict[str, str]], unknown_label: str
) -> None:
    def cleaned(*, by_columns: bool) -> object:
        texts, labels, groups = ([row[k] for row in rows] for k in range(3))
        columns = TextColumns(range(2, 2 + len(rows)), texts, {"sentiment": labels}, groups)
        source = replace(source_of(list(columns.entries())), pieces=iter([columns]) if by_columns else None)
        corpus = replace(texts_corpus(Path("a.csv")), map=names, group="group")
        records, report = clean_sources({None: source}, corpus, TASKS, replace(RULES, unknown_label=unknown_label))
        try:
            return list(records), report.as_dict()
        except TandemError as error:
            return str(error)

    assert cleaned(by_columns=True) == cleaned(by_columns=False)


def test_columns_come_apart_into_entries() -> None:
    columns = TextColumns([3, 4], ["x", "y"], {"a": ["1", ""], "b": ["", "2"]}, ["g", ""])
    assert list(one_by_one([columns, Entry(row=5)])) == [
        Entry(row=3, text="x", labels={"a": "1"}, group="g"),
        Entry(row=4, text="y", labels={"b": "2"}),
        Entry(row=5),
    ]


def test_a_sentence_column_is_required(clean_words: Clean) -> None:
    with pytest.raises(TandemError, match="no column 'Sentence #'; columns found: 'Sentence', 'Word', 'Tag'"):
        clean_words(("1", "x", "O"), header=("Sentence", "Word", "Tag"))


def test_records_stream_and_the_report_grows_with_them(tmp_path: Path) -> None:
    path = save_texts(tmp_path / "a.xlsx", ["review", "sentiment"], ["x", "positive"], ["y", "negative"])
    records, report = clean_corpus(texts_corpus(path), TASKS, RULES)
    assert report.kept == 0
    assert next(records).text == "x"
    assert report.kept >= 1  # texts are counted a block at a time
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
    assert report.summary() == "102 rows, 101 texts kept; dropped 1 missing text; suspect 3 near empty"


def test_the_report_of_sentences(clean_words: Clean) -> None:
    _, report = clean_words(("1", "a", "O"), (None, "b", "I-per"), ("2", "c", "O"), group="Template")
    metrics = report.as_dict()
    assert (metrics["rows_in"], metrics["kept"], metrics["words"]) == (3, 2, 3)
    assert metrics["labels"] == {"entities": {"per": 1}}
    assert metrics["length"] == {"unit": "words", "min": 1, "median": 1.5, "mean": 1.5, "p95": 2, "max": 2}
    assert report.summary() == (
        "3 rows, 2 sentences kept; 3 words; altered 1 tags repaired; suspect 2 near empty; group: absent"
    )


def test_other_sheets_are_mentioned(tmp_path: Path) -> None:
    rows = [("review", "sentiment"), ("x", "positive"), ("y", "negative")]
    path = save_workbook(tmp_path / "a.xlsx", rows, Notes=[("z",)], More=[("z",)])
    records, report = clean_corpus(texts_corpus(path), TASKS, RULES)
    assert len(list(records)) == 2
    assert report.as_dict()["other_sheets"] == 2
    assert report.summary().endswith("; read sheet 'Sheet' alone of 3")


def test_fields_in_quotes_that_are_read_without_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    rows = ['a "b"', '"c" d', '"', '""e""', '"f "g" h"', '"open', '"i ""j"""', '""']
    path.write_text("review\tsentiment\n" + "".join(f"{row}\t{'positive'}\n" for row in rows) + 'k\t"negative"\n')
    tasks = {"sentiment": replace(TASKS["sentiment"], labels=None)}
    records, report = clean_corpus(texts_corpus(path), tasks, RULES)
    assert [record.text for record in records] == [*rows, "k"]
    metrics = report.as_dict()
    assert (metrics["noted"], metrics["noted_rows"]) == ({"fields_in_quotes": 3}, {"fields_in_quotes": [8, 9, 10]})
    assert report.summary().endswith("; noted 3 fields in quotes")


def test_a_text_of_a_million_characters_and_one_of_emoji_pass(tmp_path: Path) -> None:
    long = "word " * 199_999 + "words"
    path = save_texts(tmp_path / "a.xlsx", ["review", "sentiment"], [long, "positive"], ["😀👩‍👩‍👧", "negative"])
    records, _ = clean_corpus(texts_corpus(path), TASKS, RULES)
    assert [record.text for record in records] == [long, "😀👩‍👩‍👧"]


def labelled(row: int, label: str | None, **more: Any) -> Entry:
    return Entry(row=row, text=f"text {row}", labels={} if label is None else {"sentiment": label}, **more)


LABELS = {"labels": {"sentiment": "label"}}
BOTH = [labelled(1, "positive"), labelled(2, "negative")]


def test_a_corpus_that_comes_split_keeps_its_splits() -> None:
    parts = {"train": [*BOTH, labelled(3, None)], "test": [labelled(1, "negative")]}
    records, report = clean_entries(parts, **LABELS)
    assert [(record.split, record.row) for record in records] == [("train", 1), ("train", 2), ("test", 1)]
    metrics = report.as_dict()
    assert metrics["kept_by_split"] == {"train": 2, "test": 1}
    assert metrics["source"] == {"train": {"format": "jsonl"}, "test": {"format": "jsonl"}}
    assert metrics["noted_rows"] == {"train": {}, "test": {}}
    assert json.loads(json.dumps(metrics)) == metrics
    assert report.summary() == "4 records, 3 texts kept; 2 train, 1 test; dropped 1 missing label"


def test_each_part_is_a_file_in_the_folder(tmp_path: Path) -> None:
    for name, rows in (("a", [["x", "positive"], ["y", "negative"]]), ("b", [["z", "positive"]])):
        save_texts(tmp_path / f"{name}.xlsx", ["review", "sentiment"], *rows)
    corpus = replace(texts_corpus(tmp_path), splits={"valid": "b.xlsx", "train": "a.xlsx"})
    records, _ = clean_corpus(corpus, TASKS, RULES)
    assert [(record.split, record.text) for record in records] == [("train", "x"), ("train", "y"), ("valid", "z")]
    with pytest.raises(TandemError, match=r"c\.xlsx"):
        clean_corpus(replace(corpus, splits={"train": "a.xlsx", "test": "c.xlsx"}), TASKS, RULES)


def test_messages_name_the_part_and_none_may_be_empty() -> None:
    with pytest.raises(TandemError, match=r"test\.jsonl, record 9: label 'odd' of task sentiment is unknown"):
        clean_entries({"train": BOTH, "test": [labelled(9, "odd")]}, rules={"unknown_label": "error"}, **LABELS)
    with pytest.raises(TandemError, match=r"test\.jsonl: no record of test is left of 3 records \("):
        clean_entries({"train": BOTH, "test": [labelled(9, None)]}, **LABELS)


def test_an_entry_may_say_its_split_itself() -> None:
    records, _ = clean_entries([labelled(1, "positive", split="test"), labelled(2, "negative")], **LABELS)
    assert [record.split for record in records] == ["test", None]
    with pytest.raises(TandemError, match="record 1: split 'dev' is none of train, valid, test"):
        clean_entries([labelled(1, "positive", split="dev")], **LABELS)


def test_the_schemes_of_the_first_part_hold_for_all() -> None:
    tasks = {**TASKS, "entities": replace(TASKS["entities"], scheme="auto")}
    parts = {
        "train": [Entry(row=1, words=["a"], tags={"entities": ["I-per"]})],
        "test": [Entry(row=1, words=["a", "b"], tags={"entities": ["I-per", "B-per"]})],
    }
    records, report = clean_entries(parts, tasks, words=0, tags={"entities": -1})
    assert [record.tags["entities"] for record in records] == [("B-per",), ("B-per", "B-per")]
    assert report.schemes == {"entities": "iob1"}


@pytest.mark.parametrize(("group", "expected"), [(None, "none"), ("author", "named")])
def test_a_group_that_some_entry_has_is_there(group: str | None, expected: str) -> None:
    entries = [labelled(1, "positive", group="me"), labelled(2, "negative", group="")]
    records, report = clean_entries(entries, group=group, **LABELS)
    assert [record.group for record in records] == ["me", None]
    assert report.as_dict()["group"] == expected


def test_what_readers_note_and_find_out_is_in_the_metrics() -> None:
    source = source_of(BOTH, encoding="utf-8", sheet="One", other_sheets=2)
    source.notes.add("bad_bytes", 7)
    corpus = replace(texts_corpus(Path("a")), text="text")
    records, report = clean_sources({None: source}, corpus, TASKS, RULES)
    assert len(list(records)) == 2
    metrics = report.as_dict()
    assert (metrics["noted"], metrics["noted_rows"]) == ({"bad_bytes": 1}, {"bad_bytes": [7]})
    assert (metrics["source"], metrics["sheet"]) == ({"format": "jsonl", "encoding": "utf-8"}, "One")
    assert report.summary() == "2 records, 2 texts kept; noted 1 bad bytes; read sheet 'One' alone of 3"
