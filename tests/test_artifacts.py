import errno
import json
import os
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem import artifacts
from tandem.artifacts import (
    Format,
    atomic_file,
    atomic_folder,
    exclusive,
    read_json,
    read_jsonl,
    write_json,
    write_jsonl,
)
from tandem.errors import TandemError

FORMAT = Format(version=3, remedy="make it anew")


def test_json_is_sorted_and_floats_have_six_digits(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1 / 3, "a": [1e-9 / 3, 7], "c": {"z": 0.1 + 0.2}})
    assert (tmp_path / "a.json").read_text() == (
        '{\n  "a": [\n    3.33333e-10,\n    7\n  ],\n  "b": 0.333333,\n  "c": {\n    "z": 0.3\n  }\n}\n'
    )


def test_not_a_number_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []


@given(rows=st.lists(st.dictionaries(st.text(max_size=5), st.text() | st.integers(-(2**53), 2**53) | st.none())))
def test_json_lines_come_back_as_they_were(rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    assert write_jsonl(path, rows, FORMAT) == len(rows)
    assert list(read_jsonl(path, FORMAT)) == rows


def test_a_file_is_whole_or_as_it_was(tmp_path):
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), atomic_file(path) as handle:
        handle.write(b"half" + bytes(1 // 0))
    assert path.read_text() == "before"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_a_folder_is_whole_or_as_it_was(tmp_path):
    path = tmp_path / "folder"
    with atomic_folder(path) as partial:
        (partial / "a").write_text("before")
    with pytest.raises(ZeroDivisionError), atomic_folder(path) as partial:
        (partial / "a").write_text(f"half{(partial / 'a').write_text('') // 0}")
    assert (path / "a").read_text() == "before"
    assert [found.name for found in tmp_path.iterdir()] == ["folder"]


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(artifacts.os, "fsync", full)
    with pytest.raises(
        TandemError, match=r"cannot write .*a\.json: No space left on device\. Nothing was half-written"
    ):
        write_json(tmp_path / "a.json", {"a": 1})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="/dev/full is Unix's own")
def test_a_disk_that_is_full_while_writing(tmp_path, monkeypatch):
    """The real error of a real device: every write to it fails as on a full disk."""
    (tmp_path / ".rows.jsonl.partial").symlink_to("/dev/full")
    with pytest.raises(TandemError, match=r"cannot write .*rows\.jsonl: No space left on device"):
        write_jsonl(tmp_path / "rows.jsonl", ({"text": "x" * 1000} for _ in range(1000)), FORMAT)
    assert list(tmp_path.iterdir()) == []


WRITERS = {
    "rows": 'write_jsonl(path / "a.jsonl", ({"text": "x" * 1000} for _ in range(99)), Format(version=1, remedy=""))',
    "tensors": 'Checkpoints(path, kept=1).save(Snapshot(step=1, tensors={"a": {"b": torch.ones(99999)}}, facts={}))',
    "arrays": """with StoreWriter(path / "train", {}) as store:
    store._files["pieces"].append(np.ones(99999))""",
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_disk_that_fills_up_in_the_middle_of_a_file(tmp_path, writer):
    """Half a file is written, then the system refuses the rest: here, because no file may grow beyond 64 KiB."""
    resource = pytest.importorskip("resource")
    (tmp_path / "before").write_text("as it was")
    code = f"""
import numpy as np, torch, sys
from pathlib import Path
from tandem.artifacts import Format, atomic_folder, write_jsonl
from tandem.errors import TandemError
from tandem.tokens.storage.store import StoreWriter
from tandem.training.checkpoints import Checkpoints, Snapshot
try:
    with atomic_folder(Path({str(tmp_path / "made")!r})) as path:
        {WRITERS[writer].replace(chr(10), chr(10) + " " * 8)}
except TandemError as error:
    sys.exit(str(error))
"""
    limit = (1 << 16, resource.RLIM_INFINITY)
    words = [sys.executable, "-c", code]
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
    )
    assert done.returncode == 1
    assert re.match(r"cannot write .*: (File too large|.*os error 27).*\. Nothing was half-written; free", done.stderr)
    assert [path.name for path in tmp_path.iterdir()] == ["before"]


@pytest.mark.parametrize("content", [None, b"{", b"\xff"])
def test_a_missing_or_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TandemError, match=r"a\.json is (missing|damaged)"):
        read_json(path)


def test_a_damaged_line_is_named(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"format_version": 3, "a": 1}\n{"a"\n')
    with pytest.raises(TandemError, match=r"rows\.jsonl: line 2 is damaged"):
        list(read_jsonl(tmp_path / "rows.jsonl", FORMAT))


def test_a_line_that_is_no_object_is_named(tmp_path):
    (tmp_path / "rows.jsonl").write_text("[1]\n")
    with pytest.raises(TandemError, match=r"rows\.jsonl: line 1 is damaged \(no JSON object\)"):
        list(read_jsonl(tmp_path / "rows.jsonl", FORMAT))


def test_the_first_row_alone_says_the_format(tmp_path):
    write_jsonl(tmp_path / "rows.jsonl", [{"a": 1}, {"a": 2}], FORMAT)
    assert (tmp_path / "rows.jsonl").read_text() == '{"a":1,"format_version":3}\n{"a":2}\n'


def test_files_laid_end_to_end_are_one(tmp_path):
    for name in ("one", "other"):
        write_jsonl(tmp_path / name, [{"a": name}, {"a": 2}], FORMAT)
    whole = tmp_path / "rows.jsonl"
    whole.write_bytes((tmp_path / "one").read_bytes() + (tmp_path / "other").read_bytes())
    assert list(read_jsonl(whole, FORMAT)) == [{"a": "one"}, {"a": 2}, {"a": "other"}, {"a": 2}]
    whole.write_bytes(whole.read_bytes() + b'{"a":3,"format_version":4}\n')
    with pytest.raises(TandemError, match="format version 4, this Tandem reads 3"):
        list(read_jsonl(whole, FORMAT))


@pytest.mark.parametrize(("found", "said"), [(2, "make"), (4, "update Tandem, or make"), (None, "make"), ("3", "make")])
def test_another_format_is_told_with_both_versions_and_the_remedy(tmp_path, found, said):
    (tmp_path / "rows.jsonl").write_text(json.dumps({"format_version": found}))
    expected = rf"rows\.jsonl was written .*: it has format version {found or 1}, this Tandem reads 3: {said} it anew"
    with pytest.raises(TandemError, match=expected):
        next(read_jsonl(tmp_path / "rows.jsonl", FORMAT))


def test_a_second_holder_of_a_lock_is_refused_until_the_first_is_gone(tmp_path):
    lock = tmp_path / "train.lock"
    code = f"""
from pathlib import Path
from tandem.artifacts import exclusive
with exclusive(Path({str(lock)!r}), "a training"):
    print("held", flush=True)
    input()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        with (
            pytest.raises(TandemError, match="a training is already running in this folder"),
            exclusive(lock, "a training"),
        ):
            pass
        holder.kill()
    with exclusive(lock, "a training"):
        assert json.dumps("free")
