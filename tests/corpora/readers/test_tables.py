"""The layouts of tables, the same from a workbook and from a csv file."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tandem.corpora.readers import delimited_records, xlsx
from tandem.corpora.readers.delimited import open_csv
from tandem.corpora.readers.entries import Entry, Source
from tandem.corpora.readers.xlsx import open_xlsx
from tandem.errors import TandemError
from tandem.params import Corpus
from tests.corpora.workbooks import save_workbook

Open = Callable[..., Source]

TEXTS: dict[str, Any] = {"text": "text", "labels": {"mood": "label"}}
WORDS: dict[str, Any] = {"words": "word", "sentence": "mark", "tags": {"names": "tag"}}
SENTENCES: dict[str, Any] = {"words": "words", "tags": {"names": "tags"}, "labels": {"mood": "label"}}


@pytest.fixture(params=["csv", "xlsx"])
def open_rows(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Save rows as either kind of file and open it."""

    def open_(rows: Sequence[Sequence[str]], **fields: Any) -> Source:
        given: dict[str, Any] = {"text": None, "words": None, "sentence": None, "group": None, "labels": {}, "tags": {}}
        corpus = Corpus(path="x", format="auto", **{**given, **fields})
        if request.param == "xlsx":
            return open_xlsx(save_workbook(tmp_path / "a.xlsx", rows), corpus)
        with (tmp_path / "a.csv").open("w", newline="") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
        return open_csv(tmp_path / "a.csv", corpus)

    return open_


def test_a_text_a_row(open_rows: Open) -> None:
    source = open_rows([("label", "text"), ("good", " a  b "), ("", "c"), (" bad", ""), ("ok", "d")], **TEXTS)
    assert list(source.entries) == [
        Entry(row=2, text=" a  b ", labels={"mood": "good"}),
        Entry(row=3, text="c"),
        Entry(row=4, text="", labels={"mood": " bad"}),
        Entry(row=5, text="d", labels={"mood": "ok"}),
    ]
    assert source.facts["group"] == "none"
    assert source.at(2) in (f"{source.place}, row 2", f"{source.place}, line 2")


def test_a_text_of_several_columns_and_several_labels(open_rows: Open) -> None:
    rows = [("title", "body", "mood", "topic"), ("A", "b", "good", "x"), ("", "b", "", "y"), ("A", "", "", "")]
    fields = {"text": ("title", "body"), "labels": {"mood": "mood", "topic": -1}}
    assert [(entry.text, entry.labels) for entry in open_rows([*rows, ("", "", "z", "")], **fields).entries] == [
        ("A b", {"mood": "good", "topic": "x"}),
        ("b", {"topic": "y"}),
        ("A", {}),
        ("", {"mood": "z"}),
    ]


def test_columns_by_number_where_there_is_no_header(open_rows: Open) -> None:
    rows = [("3", "Title", "Text"), ("4", "Another", "One")]
    source = open_rows(rows, columns=("label", "title", "text"), text=(1, "text"), labels={"topic": -3})
    assert list(source.entries) == [
        Entry(row=1, text="Title Text", labels={"topic": "3"}),
        Entry(row=2, text="Another One", labels={"topic": "4"}),
    ]


@pytest.mark.parametrize(
    ("rows", "fields", "message"),
    [
        ([("3", "A title"), ("4", "Another")], {"text": 1, "labels": {"topic": 0}}, r"'3', .* is a number"),
        ([("0.5", "A"), ("4", "B")], {"text": 1, "labels": {"topic": -2}}, r"'0.5', over column 0, is a n"),
        (
            [("bad", "A"), ("good", "B"), ("bad", "C")],
            {"text": 1, "labels": {"mood": 0}},
            r"'bad', .* among the values",
        ),
        (
            [("x y", "O O"), ("z", "O"), ("u v", "O O")],
            {"words": 0, "tags": {"names": 1}},
            r"'O O', .* among the values",
        ),
    ],
)
def test_a_first_row_of_data_is_not_lost_as_a_header(
    open_rows: Open, rows: Sequence[Sequence[str]], fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(TandemError, match=rf"the first row seems to be data, not names: {message}"):
        list(open_rows(rows, **fields).entries)


@pytest.mark.parametrize("header", [("label", "text"), ("0", "1"), ("", ""), ("2024", "text")])
def test_a_header_over_columns_by_number_or_name(open_rows: Open, header: tuple[str, str]) -> None:
    by_name = header[0] == "2024"
    fields = {"text": "text", "labels": {"mood": "2024"}} if by_name else {"text": 1, "labels": {"mood": 0}}
    if header == ("", ""):
        fields, header = {"text": 1, "labels": {"mood": 0}, "group": 0}, ("", "text")
    assert [entry.text for entry in open_rows([header, ("good", "a"), ("bad", "b")], **fields).entries] == ["a", "b"]


@pytest.mark.parametrize("tags", [0, -1, "word"])
def test_tags_that_are_the_words_are_refused(open_rows: Open, tags: int | str) -> None:
    with pytest.raises(TandemError, match=r"tags\.names = .* is the column of the words; columns found: 'word'"):
        open_rows([("word",), ("EU B-org",)], words="word", tags={"names": tags})


def test_a_hard_space_parts_no_words(open_rows: Open) -> None:
    rows = [("words", "tags", "label"), ("10\u00a0000 cars\nsold", "O O\tO", "x")]
    (entry,) = open_rows(rows, **SENTENCES).entries
    assert (entry.words, entry.tags) == (["10\u00a0000", "cars", "sold"], {"names": ["O", "O", "O"]})


def test_a_column_may_serve_twice(open_rows: Open) -> None:
    (entry,) = open_rows([("text", "label"), ("a", "b")], text="text", labels={"x": "label", "y": 1}, group=1).entries
    assert (entry.labels, entry.group) == ({"x": "b", "y": "b"}, "b")


@pytest.mark.parametrize(
    ("group", "fact", "groups"),
    [("page", "named", ["1", None]), (2, "named", ["1", None]), ("chapter", "absent", [None, None])],
)
def test_groups(open_rows: Open, group: str, fact: str, groups: list[str | None]) -> None:
    source = open_rows([("text", "label", "page"), ("a", "b", "1"), ("c", "d", "")], group=group, **TEXTS)
    assert [entry.group for entry in source.entries] == groups
    assert source.facts["group"] == fact


@pytest.mark.parametrize("rows_at_once", [1, 2, 3, 4096])
def test_a_word_a_row(open_rows: Open, monkeypatch: pytest.MonkeyPatch, rows_at_once: int) -> None:
    monkeypatch.setattr(xlsx, "ROWS_AT_ONCE", rows_at_once)
    monkeypatch.setattr(delimited_records, "RECORDS_AT_ONCE", rows_at_once)
    rows = [
        ("mark", "word", "tag", "mood", "page"),
        ("1", "Ann", "B-per", "good", "7"),
        ("", "ate", "O", "", ""),
        ("1", "", "", "bad", ""),
        ("2", "x", "", "", ""),
        ("1", "None", "O", "", ""),
    ]
    source = open_rows(rows, labels={"mood": "mood"}, group="page", **WORDS)
    found = list(source.entries)
    assert [(entry.row, list(entry.words or ()), list(entry.rows)) for entry in found] == [
        (2, ["Ann", "ate", ""], [2, 3, 4]),
        (5, ["x"], [5]),
        (6, ["None"], [6]),
    ]
    assert [entry.tags for entry in found] == [{"names": ["B-per", "O", ""]}, {"names": [""]}, {"names": ["O"]}]
    assert [(entry.labels, entry.group) for entry in found] == [({"mood": "good"}, "7"), ({}, None), ({}, None)]
    assert (source.notes.counts["repeated_marks"], source.notes.first_rows["repeated_marks"]) == (1, [6])


def test_marks_that_do_not_repeat_are_counted_as_none(open_rows: Open) -> None:
    source = open_rows([("mark", "word", "tag"), ("1", "a", "O")], **WORDS)
    assert len(list(source.entries)) == 1
    assert source.notes.counts["repeated_marks"] == 0
    assert "repeated_marks" in source.notes.counts


def test_a_word_before_any_mark(open_rows: Open) -> None:
    with pytest.raises(TandemError, match=r"(row|line) 2: a word stands before any sentence mark; expected one in"):
        list(open_rows([("mark", "word", "tag"), ("", "a", "O"), ("1", "b", "O")], **WORDS).entries)


def test_a_sentence_a_row(open_rows: Open) -> None:
    rows = [("words", "tags", "label"), ("Ann  ate\tit", "B-per O O", "x"), ("a b", "", ""), ("", "", "y")]
    assert list(open_rows(rows, **SENTENCES).entries) == [
        Entry(row=2, words=["Ann", "ate", "it"], tags={"names": ["B-per", "O", "O"]}, labels={"mood": "x"}),
        Entry(row=3, words=["a", "b"]),
        Entry(row=4, words=[], labels={"mood": "y"}),
    ]
    (entry,) = open_rows([("words", "label"), ("a b", "x")], **{**SENTENCES, "tags": {}}).entries
    assert (entry.words, entry.tags) == (["a", "b"], {})


def test_a_sentence_with_more_words_than_tags(open_rows: Open) -> None:
    source = open_rows([("words", "tags", "label"), ("a b", "O O", "x"), ("a b c", "O O", "x")], **SENTENCES)
    with pytest.raises(TandemError, match=r"(row|line) 3: 3 words, but 2 tags of task names; expected one tag a word"):
        list(source.entries)


@pytest.mark.parametrize(
    ("header", "fields", "message"),
    [
        (("review", "label"), {}, r"no column 'text'; columns found: 'review', 'label'\. Rename the column"),
        (("text", "Label"), {}, r"no column 'label'; columns found"),
        (("text", "text", "label"), {}, r"2 columns are called 'text'; columns found: 'text', 'text', 'label'"),
        (("text", "label"), {"text": 2}, r"no column number 2; there are 2: 'text', 'label'.* 0 is the first, -1 the"),
        (("text", "label"), {"text": -3}, r"no column number -3"),
        (("text", "label"), {"group": 5}, r"no column number 5"),
        (("text", "label", "g", "g"), {"group": "g"}, r"2 columns are called 'g'"),
        (("x" * 1000, *map(str, range(99))), {}, r"columns found: 'x{40}\.\.\.', '0', .*'18', \.\.\.\. Rename"),
        (("text", "label"), {"spans": {"names": "text"}}, r"a table holds no character spans"),
        (("text", "label"), {"text": None}, r"must name a column in `text` or `words`"),
    ],
)
def test_columns_that_cannot_serve(
    open_rows: Open, header: Sequence[str], fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(TandemError, match=message):
        open_rows([header, ["x"] * len(header)], **{**TEXTS, **fields})
