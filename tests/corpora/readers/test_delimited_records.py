from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.corpora.readers import delimited_records, text_files
from tandem.corpora.readers.delimited import open_csv, open_tsv
from tandem.corpora.readers.delimited_records import Records, read_records
from tandem.corpora.readers.delimiters import Dialect
from tandem.corpora.readers.entries import Entry
from tandem.corpora.readers.regular_rows import Rows
from tandem.corpora.readers.text_files import open_text
from tandem.errors import TandemError
from tandem.params import Corpus

COMMA = Dialect(delimiter=",", is_quoted=True)
TEXTS = Corpus(
    path="",
    format="auto",
    text="text",
    words=None,
    sentence=None,
    group=None,
    labels={"mood": "label"},
    tags={},
    delimiter=",",
    encoding="utf-8",
)


@contextmanager
def small_blocks(chunk_bytes: int, *, careful_bytes: int = 0, records_at_once: int = 1) -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_files, "CHUNK_BYTES", chunk_bytes)
        patch.setattr(delimited_records, "BLOCKS_AT_ONCE", 1)
        patch.setattr(delimited_records, "CAREFUL_BYTES", careful_bytes)
        patch.setattr(delimited_records, "RECORDS_AT_ONCE", records_at_once)
        yield patch


def test_many_rows_at_once_after_an_odd_one_too(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f'"{n}\n, ""x""",{n % 2}\n' for n in range(300)]
    rows[100] = 'an "odd" one,1\n'
    rows[200] = "\n"
    path.write_bytes("".join(["text,label\n", *rows]).encode())
    with small_blocks(100, careful_bytes=200, records_at_once=3):
        chunks = list(read_records(open_text(path, None), COMMA))
        entries = list(open_csv(path, TEXTS).entries)
    assert isinstance(chunks[0], Records)
    assert sum(len(chunk.lines) for chunk in chunks if isinstance(chunk, Rows)) > 200
    assert [line for chunk in chunks for line in chunk.lines][-1] == 598
    assert [entry.text for entry in entries][100] == 'an "odd" one'
    assert (entries[-1].row, entries[-1].text, len(entries)) == (598, '299\n, "x"', 299)


@pytest.mark.parametrize("careful_bytes", [200, 1 << 20])
def test_fields_in_quotes_are_noted_wherever_they_stand(tmp_path: Path, careful_bytes: int) -> None:
    path = tmp_path / "a.tsv"
    rows = [f'x "{n}"\t{n % 2}\n' for n in range(300)]
    rows[100], rows[150], rows[250] = '"quoted ""inner"" text"\t"1"\n', '"open\t1\n', '"x"\t0\n'
    path.write_bytes("".join(["text\tlabel\n", *rows]).encode())
    with small_blocks(100, careful_bytes=careful_bytes, records_at_once=3):
        source = open_tsv(path, replace(TEXTS, delimiter=None))
        assert [entry.text for entry in source.entries][100] == '"quoted ""inner"" text"'
    assert (source.notes.counts, source.notes.first_rows) == (
        {"fields_in_quotes": 3},
        {"fields_in_quotes": [102, 102, 252]},
    )


def test_a_field_longer_than_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    long = "one\nline\n" * 1000
    path.write_bytes(f'text,label\na,b\n"{long}",c\nd,e\n'.encode())
    with small_blocks(20, careful_bytes=20):
        assert [(e.row, e.text) for e in open_csv(path, TEXTS).entries] == [(2, "a"), (3, long), (2004, "d")]
        monkeypatch.setattr("tandem.corpora.readers.delimiters.MOST_CHARACTERS", 100)
        message = r"line 3: .*\(read up to line 25\): field larger than field limit \(100\)"
        try:
            with pytest.raises(TandemError, match=message):
                list(read_records(open_text(path, None), COMMA))
        finally:
            csv.field_size_limit(1 << 24)


def test_a_file_that_begins_with_many_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\n" * 1000 + b"text,label\na,b\nc,d\n")
    with small_blocks(50):
        assert [(entry.row, entry.text) for entry in open_csv(path, TEXTS).entries] == [(1002, "a"), (1003, "c")]


def test_rows_that_are_all_too_wide_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,label\n" + b"a,b\n" * 20 + b"a,b,c\n" * 100)
    with small_blocks(84), pytest.raises(TandemError, match=r"line 22: 3 fields, but line 1 has 2; found 'a,b,c'"):
        list(open_csv(path, TEXTS).entries)


@pytest.mark.parametrize("n_before", [5000, 5001, 5002])
def test_of_two_faults_the_first_is_told(tmp_path: Path, n_before: int) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,label\n" + b"a,b\n" * n_before + b'a,b,c\n"x"y,b\n')
    with (
        small_blocks(1000, records_at_once=512),
        pytest.raises(TandemError, match=f"line {n_before + 2}: 3 fields, but line 1 has 2"),
    ):
        list(open_csv(path, TEXTS).entries)


def read(path: Path, kind: str) -> tuple[list[Entry], str | None]:
    """The entries up to an error, and the error."""
    entries = []
    try:
        for entry in (open_csv if kind == "csv" else open_tsv)(path, TEXTS).entries:
            entries.append(entry)  # noqa: PERF402 - those before an error count, too
    except TandemError as error:
        return entries, str(error)
    return entries, None


FIELD = st.sampled_from(
    ["a", "b c", '"d, ""e"""', '"two\nlines"', '"\r\n"', '""', "", "é", ' "f"', '"g"h', '"i', "\0", "\udcff"]
)
USUAL = st.sampled_from(["x,y\n", '"x, 1",y\n', '"one\n""two""\n",z\r\n', "é,\n"])
ODD = st.tuples(st.lists(FIELD, max_size=3).map(",".join), st.sampled_from(["\n", "\r\n", "\r", ""])).map("".join)
CONTENT = st.lists(USUAL | USUAL | ODD, max_size=12).map(lambda rows: "".join(["text,label\n", *rows]))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CONTENT, st.sampled_from(["csv", "tsv"]), st.sampled_from([1, 5, 16, 40, 1 << 16]), st.sampled_from([1, 4]))
def test_both_ways_give_the_same(tmp_path: Path, content: str, kind: str, chunk_bytes: int, at_once: int) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with small_blocks(chunk_bytes) as patch:
        patch.setattr(delimited_records, "BLOCKS_AT_ONCE", at_once)
        fast = read(path, kind)
        patch.setattr(delimited_records, "regular_rows", lambda *_: None)
        assert read(path, kind) == fast


def test_a_small_file_imports_nothing_more(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,label\n" + b"a,b\n" * 1000)
    code = (
        "import sys; from pathlib import Path; from tandem.corpora.readers.delimited_records import read_records;"
        "from tandem.corpora.readers.delimiters import Dialect;"
        "from tandem.corpora.readers.text_files import open_text;"
        f"file = open_text(Path({str(path)!r}), None);"
        "assert sum(len(r.lines) for r in read_records(file, Dialect(delimiter=',', is_quoted=True))) == 1001;"
        "assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
