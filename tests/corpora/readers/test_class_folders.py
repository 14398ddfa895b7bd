from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.corpora.readers.class_folders import open_folders
from tandem.corpora.readers.entries import Entry
from tandem.errors import TandemError
from tandem.params import Corpus


def corpus_of(**fields: Any) -> Corpus:
    nothing = {"text": "text", "words": None, "sentence": None, "group": None, "labels": {"mood": "folder"}, "tags": {}}
    return Corpus(**{"path": "", "format": "folders", **nothing, **fields})


def write(folder: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def test_texts_come_by_class_in_natural_order(tmp_path: Path) -> None:
    files = {"pos/10_7.txt": "ten", "pos/2_9.txt": "two", "pos/2_10.txt": "two, ten", "neg/0_1.txt": "a\r\nb <br />\n"}
    source = open_folders(write(tmp_path, files), corpus_of())
    assert list(source.entries) == [
        Entry(row=1, text="a\r\nb <br />\n", labels={"mood": "neg"}),
        Entry(row=2, text="two", labels={"mood": "pos"}),
        Entry(row=3, text="two, ten", labels={"mood": "pos"}),
        Entry(row=4, text="ten", labels={"mood": "pos"}),
    ]
    assert source.facts == {"format": "folders", "encoding": "utf-8", "classes": {"neg": 1, "pos": 3}}
    assert (source.unit, source.at(2)) == ("record", f"{tmp_path}, record 2")


def test_what_is_no_text_is_counted(tmp_path: Path) -> None:
    files = {
        "urls_pos.txt": "x",
        ".hidden/a.txt": "x",
        "neg/1.txt": "bad",
        "neg/.2.txt": "x",
        "neg/notes.md": "x",
        "pos/1.TXT": "good",
        "pos/2.txt": "",
        "pos/old/3.txt": "x",
        "images/1.png": "x",
    }
    (write(tmp_path, files) / "unsup").mkdir()
    os.mkfifo(tmp_path / "neg/pipe.txt")
    (tmp_path / "pos/loop").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    source = open_folders(tmp_path, corpus_of())
    assert [(entry.text, entry.labels["mood"]) for entry in source.entries] == [
        ("bad", "neg"),
        ("good", "pos"),
        ("", "pos"),
    ]
    assert source.notes.counts == {
        "files_beside_folders": 2,
        "files_of_other_kinds": 3,
        "folders_in_folders": 2,
        "empty_folders": 1,
    }


def test_files_of_another_encoding_are_noted(tmp_path: Path) -> None:
    files = {"a/1.txt": "żółw", "a/2.txt": "café à la crème".encode("cp1252"), "b/1.txt": "x"}
    source = open_folders(write(tmp_path, files), corpus_of())
    assert [entry.text for entry in source.entries] == ["żółw", "café à la crème", "x"]
    assert source.notes.first_rows == {"files_in_cp1252": [2]}
    named = open_folders(tmp_path, corpus_of(encoding="latin-1"))
    assert next(named.entries).text == "żółw".encode().decode("latin-1")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "is empty; expected a folder for each class"),
        ({"a.txt": "x"}, r"holds files alone \(a.txt\)"),
        ({"a/1.md": "x", "b/1": "y"}, "no .txt file in the folders a, b; suffixes found: .md, none"),
        ({"train/pos/1.txt": "x"}, "train holds folders and no .txt file"),
        ({"pos/1.txt": ""}, "every .txt file is empty"),
    ],
)
def test_folders_without_texts_are_refused(tmp_path: Path, files: dict[str, bytes | str], message: str) -> None:
    with pytest.raises(TandemError, match=message):
        open_folders(write(tmp_path, files), corpus_of())


def test_no_folder_and_broken_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TandemError, match="does not exist"):
        open_folders(tmp_path / "none", corpus_of())
    write(tmp_path, {"file": "x", "in/pos/1.txt": "a", "in/pos/2.txt": b"a\x00b"})
    with pytest.raises(TandemError, match="is a file; expected a folder"):
        open_folders(tmp_path / "file", corpus_of())
    with pytest.raises(TandemError, match=r"2\.txt.*NUL"):
        list(open_folders(tmp_path / "in", corpus_of()).entries)
    (tmp_path / "in/pos/0.txt").symlink_to(tmp_path / "gone")
    with pytest.raises(TandemError, match=r"0\.txt cannot be read"):
        open_folders(tmp_path / "in", corpus_of())


def test_a_file_that_vanishes_is_told(tmp_path: Path) -> None:
    source = open_folders(write(tmp_path, {"pos/1.txt": "a", "pos/2.txt": "b"}), corpus_of())
    (tmp_path / "pos/2.txt").unlink()
    with pytest.raises(TandemError, match=r"2\.txt cannot be read"):
        list(source.entries)


def test_a_class_whose_name_is_not_utf8_is_refused(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/\xff"
    try:
        os.mkdir(folder)  # noqa: PTH102
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    with pytest.raises(TandemError, match="not UTF-8"):
        open_folders(tmp_path, corpus_of())


@pytest.mark.parametrize(
    "fields",
    [{"labels": {}}, {"labels": {"a": "x", "b": "y"}}, {"spans": {"c": "z"}}, {"text": None, "words": "w"}],
)
def test_other_tasks_are_refused(tmp_path: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(TandemError, match="serves one classification task"):
        open_folders(write(tmp_path, {"pos/1.txt": "a"}), corpus_of(**fields))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_content_gives_entries_or_an_error(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, {"pos/1.txt": content, "neg/1.txt": "a"})
    try:
        texts = [entry.text for entry in open_folders(tmp_path, corpus_of()).entries]
    except TandemError:
        return
    assert texts[0] == "a"
    assert len(texts) == 2
