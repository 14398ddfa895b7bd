from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.corpora.readers.entries import Source
from tandem.corpora.readers.wikiner import open_wikiner
from tandem.errors import TandemError
from tandem.params import Corpus

Open = Callable[..., Source]


@pytest.fixture
def open_lines(tmp_path: Path) -> Open:
    def open_(content: str | bytes, **fields: Any) -> Source:
        path = tmp_path / "aij-wikiner-en-wp3"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        given: dict[str, Any] = {
            "path": "aij-wikiner-en-wp3",
            "format": "wikiner",
            "text": None,
            "words": 0,
            "sentence": None,
            "group": None,
            "labels": {},
            "tags": {"entities": 2},
        }
        return open_wikiner(path, Corpus(**{**given, **fields}))

    return open_


def test_sentences_with_blank_lines_between(open_lines: Open) -> None:
    source = open_lines("\nThe|DT|I-MISC Oxford|NNP|I-MISC is|VBZ|O\n\n  \nIn|IN|O 1994|CD|O\r\n")
    first, second = source.entries
    assert (first.words, first.tags) == (("The", "Oxford", "is"), {"entities": ("I-MISC", "I-MISC", "O")})
    assert (first.row, second.row, second.words) == (2, 5, ("In", "1994"))
    assert source.facts == {"format": "wikiner", "encoding": "utf-8", "columns": 3, "delimiter": "|"}


def test_a_word_may_hold_the_delimiter(open_lines: Open) -> None:
    (entry,) = open_lines("||SYM|O a|b|NN|I-X  non\u00a0break|NN|O e|NN|O f|NN|O\n", tags={"x": -1, "p": 1}).entries
    assert entry.words == ("|", "a|b", "non\u00a0break", "e", "f")
    assert entry.tags == {"x": ("O", "I-X", "O", "O", "O"), "p": ("SYM", "NN", "NN", "NN", "NN")}


def test_other_parts_and_names(open_lines: Open) -> None:
    (entry,) = open_lines("a/O b/c/B-x d/O\n", delimiter="/", columns=["w", "t"], words="w", tags={"x": "t"}).entries
    assert (entry.words, entry.tags) == (("a", "b/c", "d"), {"x": ("O", "B-x", "O")})


@pytest.mark.parametrize(
    ("content", "fields", "parts"),
    [
        ("a|N|O b|N|O\n\nc|N|O d|O\n", {}, ["line 3, word 2", "'d|O' has 2 parts", "expected 3"]),
        ("a|N|O b|N|O c\n", {}, ["line 1, word 3", "'c'"]),
        ("just a text\n", {}, ["line 1", "'just'", "word|tag"]),
        ("\n\n", {}, ["expected a sentence"]),
        ("", {}, ["empty"]),
        ("a|N|O\n", {"tags": {"x": 3}}, ["tags.x", "column 3"]),
        ("a|N|O\n", {"words": "w"}, ["corpora.*.words", "'w'"]),
        ("a|N|O\n", {"columns": ["w"]}, ["3 parts", "columns names 1"]),
        ("a|N|O\n", {"labels": {"c": 1}}, ["labels", "has none"]),
        ("a|N|O\n", {"group": "document"}, ["group", "has none"]),
        ("a|N|O\n", {"text": 0}, ["text"]),
    ],
)
def test_bad_files_and_params(open_lines: Open, content: str, fields: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(TandemError) as caught:
        list(open_lines(content, **fields).entries)
    for part in parts:
        assert part in str(caught.value)
    assert "wikiner-en" in str(caught.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60) | st.text("a|O \n\t\x85é").map(str.encode))
def test_any_bytes_give_entries_or_an_error(open_lines: Open, content: bytes) -> None:
    with suppress(TandemError):
        for entry in open_lines(content, tags={"entities": -1}).entries:
            assert len(entry.words or ()) == len(entry.tags["entities"]) > 0
