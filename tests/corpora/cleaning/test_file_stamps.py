"""A file that changes while it is read is an error, however the change looks to a reader."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tandem.corpora.cleaning.cleaning import clean_corpus
from tandem.errors import TandemError
from tandem.params import Corpus
from tests.corpora.conftest import RULES
from tests.corpora.test_malformed import CSV, PARALLEL, TASKS, TEXTS, WORDS, folder_of, side_by_side

CONLL = "Anna B-per\nsings O\n\n" * 30_000
UNNAMED = {"text": None, "words": None, "sentence": None, "group": None, "labels": {}, "tags": {}}


def rewrite(path: Path) -> None:
    """The same bytes at another time."""
    path.touch()
    before = path.stat()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))


def read_while(make: Callable[[Path], object], path: Path, fields: dict[str, Any], change: Callable[[], object]) -> int:
    """Begin to read, change something, and read on; the number of records."""
    make(path)
    records, _ = clean_corpus(Corpus(path=str(path), **{**UNNAMED, "format": "auto", **fields}), TASKS, RULES)
    next(records)
    change()
    return 1 + sum(1 for _ in records)


def test_half_of_the_lines_are_gone(tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    with pytest.raises(TandemError, match=r"a\.conll changed while it was read: wait until it is written"):
        read_while(lambda file: file.write_text(CONLL), path, WORDS, lambda: os.truncate(path, len(CONLL) // 2))


@pytest.mark.parametrize("change", [rewrite, Path.unlink, lambda file: file.write_text(CSV * 2)])
def test_any_change_counts(tmp_path: Path, change: Callable[[Path], object]) -> None:
    path = tmp_path / "a.csv"
    with pytest.raises(TandemError, match=r"a\.csv changed while it was read"):
        read_while(lambda file: file.write_text(CSV), path, TEXTS, lambda: change(path))


@pytest.mark.parametrize("name", ["a/seq.in", "a/label", "a/new"])
def test_every_file_of_a_corpus_counts(tmp_path: Path, name: str) -> None:
    make = side_by_side(seq_in="a\nb\n", seq_out="O\nO\n", label="good\nbad\n")
    with pytest.raises(TandemError, match=rf"{name} changed while it was read"):
        read_while(make, tmp_path / "a", PARALLEL, lambda: rewrite(tmp_path / name))


def test_files_beside_a_corpus_do_not_count(tmp_path: Path) -> None:
    split = TEXTS | {"splits": {"train": "a.txt", "test": "b.txt"}, "format": "csv"}
    make = folder_of(a=CSV, b=CSV)
    assert read_while(make, tmp_path / "a", split, lambda: (tmp_path / "a/c.txt").write_text("x")) == 4


def test_parallel_files_of_one_prefix_count(tmp_path: Path) -> None:
    for name, content in {"seq.in": "a\nb\n", "seq.out": "O\nO\n", "label": "good\nbad\n"}.items():
        (tmp_path / f"train.{name}").write_text(content)
    path = tmp_path / "train"
    with pytest.raises(TandemError, match=r"train\.seq\.out changed while it was read"):
        read_while(lambda file: None, path, PARALLEL, lambda: (tmp_path / "train.seq.out").write_text("O\n"))
