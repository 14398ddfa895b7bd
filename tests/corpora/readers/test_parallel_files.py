from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.corpora.readers.entries import Entry
from tandem.corpora.readers.parallel_files import open_parallel
from tandem.errors import TandemError
from tandem.params import Corpus


def corpus_of(**fields: Any) -> Corpus:
    nothing = {"text": None, "words": None, "sentence": None, "group": None, "labels": {}, "tags": {}}
    return Corpus(**{"path": "", "format": "parallel", **nothing, **fields})


SNIPS = corpus_of(words="seq.in", labels={"intent": "label"}, tags={"slots": "seq.out"})
LINES = {
    "seq.in": "play  some jazz \nrate this\u00a0book 5\u2028of 6\n",
    "seq.out": "O O B-genre\nO O B-rating O\n",
    "label": "PlayMusic\nRateBook\n",
}
ENTRIES = [
    Entry(row=1, words=["play", "some", "jazz"], labels={"intent": "PlayMusic"}, tags={"slots": ["O", "O", "B-genre"]}),
    Entry(
        row=2,
        words=["rate", "this\u00a0book", "5\u2028of", "6"],
        labels={"intent": "RateBook"},
        tags={"slots": ["O", "O", "B-rating", "O"]},
    ),
]


def write(folder: Path, prefix: str = "", **changed: str) -> Path:
    for name, text in {**LINES, **{key.replace("_", "."): text for key, text in changed.items()}}.items():
        (folder / f"{prefix}{name}").write_bytes(text.encode())
    return folder


def test_files_in_a_folder_or_behind_a_prefix(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, "train.")
    write(tmp_path, "dev-")
    for path in (tmp_path, tmp_path / "train", tmp_path / "dev-"):
        source = open_parallel(path, SNIPS)
        assert list(source.entries) == ENTRIES
        assert (source.facts["format"], source.facts["encoding"], source.unit) == ("parallel", "utf-8", "line")
    assert source.place == str(tmp_path / "dev-seq.in")


def test_line_ends_marks_and_compression_may_differ(tmp_path: Path) -> None:
    write(tmp_path, label="\ufeffPlayMusic\r\nRateBook", seq_out=LINES["seq.out"] + "\n \n")
    (tmp_path / "seq.in").rename(tmp_path / "plain")
    (tmp_path / "seq.in.gz").write_bytes(gzip.compress((tmp_path / "plain").read_bytes()))
    source = open_parallel(tmp_path, SNIPS)
    assert list(source.entries) == ENTRIES
    assert source.notes.first_rows == {"blank_lines_at_end": [3, 4]}


def test_running_texts_groups_and_missing_labels(tmp_path: Path) -> None:
    corpus = corpus_of(text=("title", "body"), labels={"topic": "label"}, group="source")
    write(tmp_path, title="One\n\n", body=" two \nthree\n", label="a\n\n", source="x\n\n")
    assert list(open_parallel(tmp_path, corpus).entries) == [
        Entry(row=1, text="One  two ", labels={"topic": "a"}, group="x"),
        Entry(row=2, text="three"),
    ]


def test_a_number_names_a_file_as_well(tmp_path: Path) -> None:
    write(tmp_path, **{"0": "a b\nc\n"})
    assert [entry.text for entry in open_parallel(tmp_path, corpus_of(text=0)).entries] == ["a b", "c"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"label": "PlayMusic\n"}, "label ends after line 1, but .*seq.in has a line 2: 'rate"),
        ({"seq_in": "play some jazz\n"}, "seq.in ends after line 1, but .*label has a line 2: 'RateBook'"),
        ({"seq_out": "O O O\nO O O O\n\nO\n"}, "seq.in ends after line 2, but .*seq.out has a line 4: 'O'"),
        ({"seq_out": "O O O\nO O O\n"}, "seq.in, line 2: 4 words, but .*seq.out has 3 tags in that line"),
        ({"seq_out": "\nO O O O\n"}, "seq.in, line 1: 3 words, but .*seq.out has 0 tags"),
        ({"label": ""}, "label is empty"),
        ({"label": "a\0\nb"}, "label.*NUL"),
    ],
)
def test_files_that_do_not_match_are_refused(tmp_path: Path, changed: dict[str, str], message: str) -> None:
    with pytest.raises(TandemError, match=message):
        list(open_parallel(write(tmp_path, **changed), SNIPS).entries)


def test_missing_files_are_named_with_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(TandemError, match=r"no file for 'seq\.in'.*holds no files"):
        open_parallel(tmp_path / "none" / "train", SNIPS)
    (write(tmp_path) / "label").unlink()
    with pytest.raises(TandemError, match=r"no file for 'label'.*holds seq\.in, seq\.out"):
        open_parallel(tmp_path, SNIPS)
    (tmp_path / "label").mkdir()
    with pytest.raises(TandemError, match="no file for 'label'"):
        open_parallel(tmp_path, SNIPS)
    with pytest.raises(TandemError, match="cannot be looked at"):
        open_parallel(tmp_path / ("x" * 300), SNIPS)


@pytest.mark.parametrize("fields", [{"spans": {"names": "spans"}}, {"sentence": "id"}])
def test_fields_without_meaning_are_refused(tmp_path: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(TandemError, match="sentence must be null"):
        open_parallel(write(tmp_path), corpus_of(words="seq.in", **fields))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    contents=st.lists(
        st.binary(max_size=30) | st.text("ab \t\n\r\u2028é", min_size=1, max_size=12).map(str.encode),
        min_size=3,
        max_size=3,
    )
)
def test_any_content_gives_entries_or_an_error(tmp_path: Path, contents: list[bytes]) -> None:
    for name, content in zip(LINES, contents, strict=True):
        (tmp_path / name).write_bytes(content)
    try:
        entries = list(open_parallel(tmp_path, SNIPS).entries)
    except TandemError:
        return
    assert all(len(entry.words or ()) == len(entry.tags["slots"]) for entry in entries)
