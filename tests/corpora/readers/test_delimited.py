from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.corpora.readers import delimited_records, delimiters
from tandem.corpora.readers.delimited import open_csv, open_tsv
from tandem.corpora.readers.entries import Source
from tandem.errors import TandemError
from tandem.params import Corpus

Open = Callable[..., Source]
Rows = list[tuple[int, str | None, str | None]]

AG_NEWS = (
    '"3","Wall St. Bears Claw Back (Reuters)","Reuters - Short-sellers, Wall Street\'s ""band"" of\\ultra-cynics."\n'
    '"1","Carlyle Looks Toward, Aerospace","Reuters - <b>Private</b>"\n'
)


@pytest.fixture
def open_text(tmp_path: Path) -> Open:
    """Write a file of texts with labels, then open it with the reader given."""

    def open_(
        content: str | bytes,
        open_file: Callable[[Path, Corpus], Source] = open_csv,
        name: str = "a.csv",
        **fields: Any,
    ) -> Source:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        given: dict[str, Any] = {"text": "text", "words": None, "sentence": None, "group": None, "tags": {}}
        given["labels"] = {"mood": "label"}
        return open_file(tmp_path / name, Corpus(path="x", format="auto", **{**given, **fields}))

    return open_


def rows(source: Source) -> Rows:
    return [(entry.row, entry.text, entry.labels.get("mood")) for entry in source.entries]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("records_at_once", [1, 2, 512])
def test_quoted_fields_and_blank_lines(
    open_text: Open, monkeypatch: pytest.MonkeyPatch, end: str, records_at_once: int
) -> None:
    monkeypatch.setattr(delimited_records, "RECORDS_AT_ONCE", records_at_once)
    lines = ["", ' text ,label,"x"', '"a, ""b""",good,1', "", '"two', 'lines",bad,2', "   ", 'a "b" c,"",3', "last,,4"]
    source = open_text(end.join(lines))
    assert rows(source) == [
        (3, 'a, "b"', "good"),
        (5, f"two{end}lines", "bad"),
        (8, 'a "b" c', None),
        (9, "last", None),
    ]
    assert source.facts == {
        "format": "csv",
        "encoding": "utf-8",
        "delimiter": ",",
        "quoted": True,
        "header": True,
        "group": "none",
    }


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(open_text: Open, delimiter: str) -> None:
    table = [("label", "text"), ("good", "a, b; c | d"), ("bad", "one; two"), ("bad", "x, y")]
    content = "".join(f'{label}{delimiter}"{text}"\n' for label, text in table)
    source = open_text(content)
    assert rows(source) == [(2, "a, b; c | d", "good"), (3, "one; two", "bad"), (4, "x, y", "bad")]
    assert source.facts["delimiter"] == ("tab" if delimiter == "\t" else delimiter)


def test_the_delimiter_is_found_with_fields_that_are_not_quoted(open_text: Open) -> None:
    assert rows(open_text("text;label;n\na, b;x;1,5\nc, d;y;2,5\n")) == [(2, "a, b", "x"), (3, "c, d", "y")]


def test_another_delimiter_may_be_named(open_text: Open) -> None:
    assert rows(open_text("text:label\na:x\n", delimiter=":")) == [(2, "a", "x")]
    assert rows(open_text("text:label\na:x\n", open_tsv, delimiter=":")) == [(2, "a", "x")]
    for delimiter in ('"', "\n", "\r"):
        with pytest.raises(TandemError, match=r"corpora\.\*\.delimiter must not be a quote or a line end"):
            open_text("text,label\na,x\n", delimiter=delimiter)


def test_a_column_alone(open_text: Open) -> None:
    source = open_text('text\none\n\n two \n""\n', labels={})
    assert rows(source) == [(2, "one", None), (4, " two ", None), (5, "", None)]


def test_ag_news_has_no_header(open_text: Open) -> None:
    fields = {"columns": ("label", "title", "text"), "text": ("title", "text")}
    source = open_text(AG_NEWS, **fields)
    text = 'Wall St. Bears Claw Back (Reuters) Reuters - Short-sellers, Wall Street\'s "band" of\\ultra-cynics.'
    second = "Carlyle Looks Toward, Aerospace Reuters - <b>Private</b>"
    assert rows(source) == [(1, text, "3"), (2, second, "1")]
    assert source.facts["header"] is False


def test_quotes_in_a_tsv_may_be_plain_characters(open_text: Open) -> None:
    lines = ["label\ttext", 'x\t"hello" he said', 'y\t"open', 'x\t""', '"z"\ta "b"']
    for end in ("\n", "\r\n"):
        source = open_text(end.join(lines), open_tsv)
        assert rows(source) == [(2, '"hello" he said', "x"), (3, '"open', "y"), (4, '""', "x"), (5, 'a "b"', '"z"')]
        assert (source.facts["format"], source.facts["quoted"], source.facts["delimiter"]) == ("tsv", False, "tab")


def test_quotes_in_a_tsv_may_be_quotes(open_text: Open) -> None:
    source = open_text('label\ttext\nx\t"tab\there, ""so"""\ny\t"two\nlines"\n', open_tsv)
    assert rows(source) == [(2, 'tab\there, "so"', "x"), (3, "two\nlines", "y")]


def test_a_quoted_field_where_the_sample_of_a_tsv_ends(open_text: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimiters, "SAMPLE_CHARACTERS", 40)
    source = open_text('label\ttext\nx\t"one ""1"""\ny\t"two\n\n\n\nlines and\n more"\nz\tc\n', open_tsv)
    assert rows(source) == [(2, 'one "1"', "x"), (3, "two\n\n\n\nlines and\n more", "y"), (9, "c", "z")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252", "latin-1"])
def test_encodings(open_text: Open, encoding: str) -> None:
    content = "text;label\r\ncafé, élève;b\r\n".encode(encoding)
    assert rows(open_text(content)) == [(2, "café, élève", "b")]
    assert rows(open_text(gzip.compress(content), name="a.csv.gz")) == [(2, "café, élève", "b")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\na,b\nc\n", r"a\.csv, line 3: 1 field, but line 1 has 2; found 'c'\. Fields are parted by ','"),
        (
            "text,label\na,b\nc, d,e\n",
            r"line 3: 3 fields, but line 1 has 2; found 'c, d,e'.*must stand in double quotes",
        ),
        ('text,label\n"a\nb",b\nc\n', r"line 4: 1 field"),
        ('text,label\n"a,b\nc,d\ne",x,y\n', r"line 2: 3 fields, over 3 lines: a quote may lack its partner, but"),
        ('text,label\na,b\n"c,d\ne,f\n', r"line 3: the quotes of a field do not pair \(read up to line 4\)"),
        ('text,label\na,b\n\n"c,d\ne,f\n"g",h\n', r"line 4: the quotes of a field do not pair \(read up to line 6\)"),
        ('text,label\n"a "b" c",d\n', r"line 2: the quotes of a field do not pair.*write a quote .* twice"),
        ("text,label\n", r"a\.csv holds a header line alone; expected rows under it"),
        ("text,label", r"holds a header line alone"),
        ("text,label\n  \n\t\n", r"holds a header line alone"),
        ("\n\r\n  \n", r"holds blank lines alone"),
        ("", r"a\.csv is empty"),
        (" ,\na,b\n", r"line 1: the header is empty; expected names of columns"),
        ("\ntext,label,label\na,b,c\n", r"line 2: 2 columns are called 'label'"),
        ("text label\na b\n", r"line 1: no column 'text'; columns found: 'text label'.*set corpora\.\*\.delimiter"),
        ("nice film,good\n", r"header line alone.*If the file has no header line, name its columns in corpora"),
        ("nice film,good\nx,bad\n", r"line 1: no column 'text'.*If the file has no header line"),
        (b"text,label\na,b\nc\0,d\n", r"line 3: a NUL character"),
        ("text,label\né,b\né,d\n".encode() + b"\xe9,d\n", r"line 4: byte 0xE9 is not utf-8"),
    ],
)
def test_files_that_cannot_serve(open_text: Open, content: str | bytes, message: str) -> None:
    with pytest.raises(TandemError, match=message):
        list(open_text(content).entries)


def test_more_names_than_columns(open_text: Open) -> None:
    fields = {"columns": ("text", "label", "more"), "name": "b.csv"}
    with pytest.raises(TandemError, match=r"b\.csv, line 1: 2 fields, but corpora\.\*\.columns names 3; found 'a,x'"):
        list(open_text("a,x\nb,y\n", **fields).entries)


def test_a_huge_field(open_text: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "word " * 100_000
    assert rows(open_text(f"text,label\n{text},x\n")) == [(2, text, "x")]
    monkeypatch.setattr(delimiters, "MOST_CHARACTERS", 1000)
    try:
        with pytest.raises(TandemError, match=r"line 2: .*field larger than field limit \(1000\)"):
            list(open_text(f'text,label\n"{text},x\n').entries)
    finally:
        csv.field_size_limit(1 << 24)


cells = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=5), st.sampled_from(",;|"))
def test_what_is_written_is_read(open_text: Open, tmp_path: Path, table: list[tuple[str, str]], delimiter: str) -> None:
    with (tmp_path / "b.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("text", "label"), *table])
    source = open_text((tmp_path / "b.csv").read_bytes(), encoding="utf-8", delimiter=delimiter)
    assert [(text, label or "") for _, text, label in rows(source)] == table


pieces = st.sampled_from(["text", "label", ",", ";", "\t", "|", '"', "\n", "\r", "\r\n", " ", "é", "\0", "a", "\\"])


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.one_of(st.binary(max_size=40), st.lists(pieces, max_size=30).map(lambda found: "".join(found).encode())),
    st.sampled_from([b"", b"text,label\n", b'"text"\tlabel\r\n']),
    st.sampled_from([open_csv, open_tsv]),
    st.booleans(),
)
def test_any_bytes_are_entries_or_an_error(
    open_text: Open, content: bytes, header: bytes, open_file: Callable[..., Source], has_words: bool
) -> None:
    words = {"text": None, "words": 0, "sentence": 1, "labels": {}, "tags": {"x": -1}} if has_words else {}
    with suppress(TandemError):
        source = open_text(header + content, open_file, **words)
        entries = list(source.entries)
        assert entries
        assert [entry.row for entry in entries] == sorted({entry.row for entry in entries})
