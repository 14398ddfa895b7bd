from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.corpora.readers.column_files import open_conll
from tandem.corpora.readers.entries import Entry, Source
from tandem.errors import TandemError
from tandem.params import Corpus

Open = Callable[..., Source]


def corpus_of(**fields: Any) -> Corpus:
    given: dict[str, Any] = {
        "path": "words.conll",
        "format": "conll",
        "text": None,
        "words": 0,
        "sentence": None,
        "group": None,
        "labels": {},
        "tags": {"entities": -1},
    }
    return Corpus(**{**given, **fields})


@pytest.fixture
def open_lines(tmp_path: Path) -> Open:
    def open_(content: str | bytes, **fields: Any) -> Source:
        path = tmp_path / "words.conll"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return open_conll(path, corpus_of(**fields))

    return open_


def read(entries: list[Entry]) -> list[tuple[list[str], list[str]]]:
    return [(list(entry.words or ()), list(entry.tags["entities"])) for entry in entries]


def test_conll_2003(open_lines: Open) -> None:
    source = open_lines(
        "-DOCSTART- -X- -X- O\n\nEU NNP B-NP I-ORG\nrejects VBZ B-VP O\n\nPeter NNP B-NP I-PER\n\n"
        "-DOCSTART- -X- -X- O\n\n. . O O\n",
        tags={"entities": 3, "parts": 1},
        group="document",
    )
    first, second, third = source.entries
    assert (first.words, first.tags) == (("EU", "rejects"), {"entities": ("I-ORG", "O"), "parts": ("NNP", "VBZ")})
    assert (first.row, list(first.rows), second.row) == (3, [3, 4], 6)
    assert [entry.group for entry in (first, second, third)] == ["document 1", "document 1", "document 2"]
    assert source.notes.counts == {"documents": 2}
    assert source.notes.first_rows == {"documents": [1, 8]}
    assert source.facts == {"format": "conll", "encoding": "utf-8", "columns": 4, "delimiter": "white space"}
    assert (source.unit, source.at(3)) == ("line", f"{source.place}, line 3")


def test_wikigold_ends_documents_by_its_mark_and_holds_a_hash_as_word(open_lines: Open) -> None:
    source = open_lines("010 I-MISC\nis O\n\n-DOCSTART- O\n\n# O\n9 O\n", group="document")
    first, second = source.entries
    assert (first.group, second.group, second.words) == ("document 0", "document 1", ("#", "9"))


def test_wnut_has_hashtags_and_separates_by_lone_tabs(open_lines: Open) -> None:
    source = open_lines("#photography\tO\nby\tO\n\t\n#\tO\n \t \n\n\n👂\tO\n&amp;\tB-creative-work\n\n")
    assert read(list(source.entries)) == [
        (["#photography", "by"], ["O", "O"]),
        (["#"], ["O"]),
        (["👂", "&amp;"], ["O", "B-creative-work"]),
    ]
    assert (source.facts["delimiter"], source.notes.counts) == ("tab", {})


def test_a_document_is_no_group_unless_asked_for(open_lines: Open) -> None:
    assert [entry.group for entry in open_lines("-DOCSTART- O\n\na O\n").entries] == [None]


def test_class_in_a_comment(open_lines: Open) -> None:
    source = open_lines(
        "# text = Play it\n# intent = PlayMusic\n# id: 7\nPlay\tO\nit\tB-song\n\n"
        "# text: Rain = wet?\n# intent: GetWeather\nRain\tO\n\nHm\tO\n",
        labels={"intent": "intent"},
    )
    entries = list(source.entries)
    assert [entry.labels for entry in entries] == [{"intent": "PlayMusic"}, {"intent": "GetWeather"}, {}]
    assert [entry.row for entry in entries] == [4, 9, 11]
    assert source.notes.counts == {"comments": 5}


def test_a_comment_before_a_blank_line_belongs_to_no_sentence(open_lines: Open) -> None:
    source = open_lines("# intent = a\n\nx O\n\n# intent = b\ny O\n", labels={"intent": "intent"})
    assert [entry.labels for entry in source.entries] == [{}, {"intent": "b"}]


def test_multiconer_and_germeval_comments(open_lines: Open) -> None:
    source = open_lines("# id 9f-a1\tdomain=en\nits _ _ O\nx _ _ B-X\n\n# id 9f-a2\tdomain=en\ny _ _ O\n")
    assert [entry.words for entry in source.entries] == [("its", "x"), ("y",)]
    source = open_lines("#\thttp://de.wikipedia.org/wiki/M [2009-10-17]\n1\tAls\tO\tO\n", words=1, tags={"entities": 2})
    assert read(list(source.entries)) == [(["Als"], ["O"])]
    assert source.notes.counts == {"comments": 1}


def test_a_group_of_comments_holds_until_the_next(open_lines: Open) -> None:
    content = "# source = a\nx O\n\ny O\n\n# source = b\nz O\n"
    assert [entry.group for entry in open_lines(content, group="source").entries] == ["a", "a", "b"]


def test_labels_and_group_in_columns(open_lines: Open) -> None:
    source = open_lines("Play O Music s1\nit B-x Music s1\n\nRain O Weather s2\n", labels={"i": 2}, group=-1, tags={})
    assert [(entry.labels, entry.group, entry.tags) for entry in source.entries] == [
        ({"i": "Music"}, "s1", {}),
        ({"i": "Weather"}, "s2", {}),
    ]


@pytest.mark.parametrize("header", ["", "TOKEN\tNE\n"])
def test_named_columns_with_and_without_header(open_lines: Open, header: str) -> None:
    source = open_lines(f"{header}a b\tO\n", columns=["TOKEN", "NE"], words="TOKEN", tags={"entities": "NE"})
    assert read(list(source.entries)) == [(["a b"], ["O"])]


def test_white_space_of_other_kinds_is_a_word(open_lines: Open) -> None:
    source = open_lines("a\u00a0b  O\n\u0085 O\n\u2028\u00a0\nc\tO\n")
    assert read(list(source.entries)) == [(["a\u00a0b", "\u0085"], ["O", "O"]), (["c"], ["O"])]


def test_missing_words_and_tags_are_left_to_cleaning(open_lines: Open) -> None:
    assert read(list(open_lines("a\tO\n\tO\nb\t\n").entries)) == [(["a", "", "b"], ["O", "O", ""])]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("é O\r\n\r\nb O\r\n".encode("utf-16"), None),
        ("\ufeffé O\n\nb O".encode(), None),
        ("é O\r\rb O\r".encode("cp1252"), "cp1252"),
    ],
)
def test_encodings_and_line_ends(open_lines: Open, content: bytes, encoding: str | None) -> None:
    assert [entry.words for entry in open_lines(content, encoding=encoding).entries] == [("é",), ("b",)]


def test_another_delimiter(open_lines: Open) -> None:
    assert read(list(open_lines("a b|O\nc|B-x\n", delimiter="|").entries)) == [(["a b", "c"], ["O", "B-x"])]


def test_sentences_stream(open_lines: Open) -> None:
    source = open_lines("a O\n\n" * 2000 + "ragged\n")
    assert sum(1 for _, _ in zip(range(2000), source.entries, strict=False)) == 2000
    with pytest.raises(TandemError, match="line 4001"):
        next(source.entries)


@pytest.mark.parametrize(
    ("content", "fields", "parts"),
    [
        ("a\tO\nb\n", {}, ["line 2: expected 2 columns separated by tab as in line 1, found 1: 'b'"]),
        ("a O\nb c O\n", {}, ["line 2", "found 3", "delimiter"]),
        ("a\tO\n#tag\n", {}, ["line 2", "'#tag'"]),
        ("a\tO\n\n#tag\n", {}, ["line 3", "'#tag'"]),
        ("a\tO\n# tag\n", {}, ["line 2", "'# tag'"]),
        ("a O\n", {"words": "Word"}, ["corpora.*.words is 'Word'", "2 columns ('a', 'O')", "0 for the first"]),
        ("a O\n", {"words": "W", "columns": ["w", "t"]}, ["'W'", "columns are called w, t"]),
        ("a O\n", {"columns": ["w"]}, ["2 columns", "columns names 1"]),
        ("a O\n", {"tags": {"entities": 2}}, ["tags.entities", "column 2", "from 0 to 1"]),
        ("a O\n", {"tags": {"entities": -3}}, ["column -3", "-1 for the last to -2"]),
        ("a O\n", {"labels": {"c": 5}}, ["labels.c", "column 5"]),
        ("# x = 1\na O\n", {"labels": {"c": "y"}}, ["`# y = <value>`", "keys found in its comments: 'x'"]),
        ("a O\n", {"group": "document"}, ["group names 'document'", "-DOCSTART-"]),
        ("a O\n", {"text": 0, "words": None}, ["corpora.*.text", "by `words`"]),
        ("a O\n", {"sentence": 0}, ["corpora.*.sentence", "sentences of words"]),
        ("\n \n\t\n", {}, ["no words"]),
        ("-DOCSTART- O\n", {}, ["no words"]),
        ("a O\nb\0 O\n", {}, ["line 2", "NUL"]),
        ("", {}, ["empty"]),
    ],
)
def test_bad_files_and_params(open_lines: Open, content: str, fields: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(TandemError) as caught:
        list(open_lines(content, **fields).entries)
    for part in parts:
        assert part in str(caught.value)
    assert "words.conll" in str(caught.value)


some_lines = st.lists(
    st.sampled_from(["a O", "b\tB-x", "", "#", "# k = v", "# a O", "-DOCSTART- O", "\t", "#t\tO", " x", "\x85 O"])
    | st.text(max_size=8)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60) | some_lines.map(lambda lines: "\n".join(lines).encode(errors="ignore")))
def test_any_bytes_give_entries_or_an_error(open_lines: Open, content: bytes) -> None:
    with suppress(TandemError):
        for entry in open_lines(content, labels={"k": "k"}).entries:
            assert len(entry.words or ()) == len(entry.tags["entities"]) == len(entry.rows) > 0
