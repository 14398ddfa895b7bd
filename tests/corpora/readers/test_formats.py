from __future__ import annotations

import gzip
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.corpora.readers.formats import FORMATS, detect_format, open_source
from tandem.errors import TandemError
from tandem.params import Corpus
from tandem.params.schema import Format
from tests.corpora.workbooks import save_workbook

CSV = "text,label\nA film.,good\nAnother,bad\n"
TSV = CSV.replace(",", "\t")
JSONL = '{"text": "A film.", "label": "good"}\n{"text": "Another", "label": "bad"}\n'
JSON = '\n[ {"text": "A film.", "label": "good"}]'
CONLL = "-DOCSTART- -X- O\n\nEU NNP B-ORG\nrejects VBZ O\n\nPeter NNP B-PER\n"
TWO_COLUMNS = "EU\tB-ORG\nrejects\tO\n\n\nPeter\tB-PER\n"
CONLLU = "# sent_id = 1\n# text = Hi\n1\tHi\thi\tINTJ\tUH\t_\t0\troot\t_\tNER=O\n\n"
WIKINER = "\nThe|DT|I-MISC Oxford|NNP|I-MISC is|VBZ|O\n\nIn|IN|O 1994|CD|O\n"


def corpus(**fields: Any) -> Corpus:
    given: dict[str, Any] = {"words": None, "sentence": None, "group": None, "tags": {}, "format": "auto"}
    if "words" in fields:
        return Corpus(path="x", text=None, labels={}, **{**given, "tags": {"names": -1}, **fields})
    return Corpus(path="x", **{**given, "text": "text", "labels": {"mood": "label"}, **fields})


TEXTS = corpus()
WORDS = corpus(words=0)


@pytest.mark.parametrize(
    ("name", "content", "fields", "expected"),
    [
        ("a.csv", CSV, TEXTS, "csv"),
        ("a.CSV", CSV, TEXTS, "csv"),
        ("a.csv", TSV, TEXTS, "csv"),
        ("a.tsv", TSV, TEXTS, "tsv"),
        ("a.json", JSON, TEXTS, "json"),
        ("a.jsonl", JSONL, TEXTS, "json"),
        ("a.ndjson", "not json", TEXTS, "jsonl"),
        ("a.conll", TWO_COLUMNS, WORDS, "conll"),
        ("a.iob", CONLL, WORDS, "conll"),
        ("a.conll", CONLLU, WORDS, "conllu"),
        ("a.conllu", CONLLU, WORDS, "conllu"),
        ("a.csv", JSONL, TEXTS, "json"),
        ("a.tsv", TWO_COLUMNS, WORDS, "conll"),
        ("a.tsv", "mark\tword\ttag\n1\ta\tO\n\n2\tb\tO\n", corpus(words=1, sentence=0), "tsv"),
        ("a.tsv", "words\ttags\na b\tO O\n", WORDS, "tsv"),
        ("a.txt", CSV, TEXTS, "csv"),
        ("a.txt", TSV, TEXTS, "tsv"),
        ("a", "3|a b|c\n", corpus(columns=("label", "text", "x")), "csv"),
        ("a", JSON, TEXTS, "json"),
        ("a", JSONL, TEXTS, "json"),
        ("a.txt", CONLL, WORDS, "conll"),
        ("a", TWO_COLUMNS, WORDS, "conll"),
        ("a.txt", CONLLU, WORDS, "conllu"),
        ("a.txt", "1-2\tdu\t_\t_\t_\t_\t_\t_\t_\t_\n", WORDS, "conllu"),
        ("aij-wikiner-en-wp3", WIKINER, WORDS, "wikiner"),
    ],
)
@pytest.mark.parametrize("packed", ["", "gz", "zip"])
def test_formats_are_found(tmp_path: Path, name: str, content: str, fields: Corpus, expected: str, packed: str) -> None:
    path = tmp_path / name
    if packed == "gz":
        path = tmp_path / f"{name}.gz"
        path.write_bytes(gzip.compress(content.encode()))
    elif packed == "zip":
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"data/{name}", content)
    else:
        path.write_text(content)
    assert detect_format(path, fields) == expected


def test_workbooks_are_told_by_their_bytes(tmp_path: Path) -> None:
    path = save_workbook(tmp_path / "a.xlsx", [("text", "label"), ("a", "b")])
    assert detect_format(path, TEXTS) == "xlsx"
    assert detect_format(path.rename(tmp_path / "a.csv"), TEXTS) == "xlsx"
    (tmp_path / "b.xlsx").write_text(CSV)
    with pytest.raises(TandemError, match=r"b\.xlsx is not a workbook"):
        open_source(tmp_path / "b.xlsx", TEXTS)
    (tmp_path / "old").write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + b"x")
    with pytest.raises(TandemError, match=r"is an old \.xls workbook"):
        open_source(tmp_path / "old", TEXTS)


def test_folders_and_files_side_by_side(tmp_path: Path) -> None:
    for label in ("pos", "neg"):
        (tmp_path / "train" / label).mkdir(parents=True)
        (tmp_path / "train" / label / "0_1.txt").write_text(label)
    assert detect_format(tmp_path / "train", TEXTS) == "folders"
    (tmp_path / "valid.seq.in").write_text("a b\n")
    assert detect_format(tmp_path / "valid", WORDS) == "parallel"
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "words.txt").write_text("a b\n")
    assert detect_format(tmp_path / "test", corpus(words="words.txt")) == "parallel"


@pytest.mark.parametrize("name", ["a.txt", "a.gz"])
def test_a_format_that_cannot_be_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("Just some prose, which is no corpus.\n\nAnd more of it.\n")
    with pytest.raises(TandemError, match=r"format cannot be told .* set corpora\.\*\.format to one of xlsx, csv, tsv"):
        open_source(tmp_path / name, TEXTS)


def test_nothing_there(tmp_path: Path) -> None:
    for name in ("none", "none.csv", "a\0b", "x" * 300):
        with pytest.raises(TandemError, match=r"is missing|is no path|cannot read"):
            open_source(tmp_path / name, TEXTS)


def test_the_params_may_name_the_format(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(CSV)
    source = open_source(tmp_path / "a.txt", corpus(format="csv"))
    assert [entry.text for entry in source.entries] == ["A film.", "Another"]
    assert set(FORMATS) == set(get_args(Format)) - {"auto"}


starts = st.sampled_from([b"", b"{", b"[{", b"PK\x03\x04", CSV.encode(), CONLL.encode(), CONLLU.encode(), b"a|b|c "])


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(starts, st.binary(max_size=40), st.sampled_from(["a", "a.csv", "a.tsv", "a.json", "a.conll"]), st.booleans())
def test_any_file_gives_entries_or_an_error(
    tmp_path: Path, start: bytes, content: bytes, name: str, has_words: bool
) -> None:
    (tmp_path / name).write_bytes(start + content)
    with suppress(TandemError):
        list(open_source(tmp_path / name, WORDS if has_words else TEXTS).entries)
