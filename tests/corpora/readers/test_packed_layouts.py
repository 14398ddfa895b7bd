from __future__ import annotations

import gc
import gzip
import json
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.corpora.inspection.choice import choose_corpus
from tandem.corpora.inspection.inspecting import inspect_choice
from tandem.corpora.inspection.settings import Settings
from tandem.corpora.readers import unpacked_files, workbook_files
from tandem.corpora.readers.entries import Entry, Source, one_by_one
from tandem.corpora.readers.formats import open_source
from tandem.errors import TandemError
from tandem.params import Corpus
from tests.corpora.workbooks import save_sheet_xml, save_workbook

Files = Mapping[str, bytes | str]

CLASSES = {"pos/10.txt": "ten", "pos/2.txt": "two\r\n", "neg/1.txt": "Café", "neg/urls.md": "x", "list.txt": "x"}
PARALLEL = {"seq.in": "play Ann\nhear\n", "seq.out": "O B-artist\nO\n", "label": "play\nhear\n"}
JUNK = {"__MACOSX/._1.txt": b"\0", ".DS_Store": b"\0", "pos/": b""}


def corpus_of(**fields: Any) -> Corpus:
    nothing = {"text": None, "words": None, "sentence": None, "group": None, "labels": {}, "tags": {}}
    return Corpus(**{"path": "", "format": "auto", **nothing, **fields})


TEXTS = corpus_of(text="text", labels={"mood": "label"})
WORDS = corpus_of(words="seq.in", labels={"intent": "label"}, tags={"slots": "seq.out"})


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files, which must be left empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    gc.collect()
    assert list(folder.iterdir()) == []


def as_bytes(content: bytes | str) -> bytes:
    return content if isinstance(content, bytes) else content.encode()


def write(folder: Path, files: Files) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_bytes(content))
    return folder


def pack(path: Path, files: Files, within: str = "", junk: Files = JUNK) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**files, **junk}.items():
            archive.writestr(within + name, as_bytes(content))
    return path


def with_format(corpus: Corpus, name: str) -> Corpus:
    return Corpus(**{**vars(corpus), "format": name})


def refused(path: Path, corpus: Corpus, message: str, temporary: Path) -> None:
    with pytest.raises(TandemError, match=message) as caught:
        list(open_source(path, corpus).entries)
    assert str(temporary) not in str(caught.value)


@pytest.mark.parametrize("within", ["", "train/", "aclImdb/train/"])
@pytest.mark.parametrize("format_", ["auto", "folders"])
def test_class_folders_in_an_archive(tmp_path: Path, temporary: Path, within: str, format_: str) -> None:
    path, corpus = pack(tmp_path / "a.zip", CLASSES, within), with_format(TEXTS, format_)
    plain, source = open_source(write(tmp_path / "plain", CLASSES), TEXTS), open_source(path, corpus)
    assert list(source.entries) == list(plain.entries)
    assert list(temporary.iterdir()) == []
    assert source.notes == plain.notes
    assert source.facts == {**plain.facts, "compression": "zip"}
    assert source.place == f"{path}!{within}".rstrip("/!")
    assert open_source(path, TEXTS).facts["format"] == "folders"


@pytest.mark.parametrize("within", ["", "snips/train/"])
@pytest.mark.parametrize("format_", ["auto", "parallel"])
def test_parallel_files_in_an_archive(tmp_path: Path, temporary: Path, within: str, format_: str) -> None:
    path, corpus = pack(tmp_path / "a.zip", PARALLEL, within), with_format(WORDS, format_)
    plain, source = open_source(write(tmp_path / "plain", PARALLEL), WORDS), open_source(path, corpus)
    assert list(source.entries) == list(plain.entries)
    files = {name: f"{path}!{within}{name}" for name in PARALLEL}
    assert source.facts == {"format": "parallel", "encoding": "utf-8", "compression": "zip"} | {
        "files": {name: files[name] for name in source.facts["files"]}
    }
    assert (source.place, open_source(path, WORDS).facts["format"]) == (files["seq.in"], "parallel")


@pytest.mark.parametrize("format_", ["auto", "xlsx"])
@pytest.mark.parametrize("name", ["a.xlsx.gz", "a.gz", "a.zip"])
def test_a_packed_workbook(tmp_path: Path, temporary: Path, name: str, format_: str) -> None:
    rows = [("text", "label"), *((f"film {number}", "good") for number in range(5))]
    plain = save_workbook(tmp_path / "a.xlsx", rows)
    path = tmp_path / name
    if name == "a.zip":
        pack(path, {"data/a.xlsx": plain.read_bytes()})
    else:
        path.write_bytes(gzip.compress(plain.read_bytes()))
    expected, source = open_source(plain, TEXTS), open_source(path, with_format(TEXTS, format_))
    assert source.facts == {**expected.facts, "compression": "zip" if name == "a.zip" else "gzip"}
    assert source.at(3) == f"{path}{'!data/a.xlsx' if name == 'a.zip' else ''}, sheet 'Sheet', row 3"
    assert source.pieces is not None
    assert list(one_by_one(source.pieces)) == list(expected.entries)
    assert list(temporary.iterdir()) == []
    assert open_source(path, TEXTS).facts["format"] == "xlsx"


def test_packed_texts_in_class_folders(tmp_path: Path) -> None:
    write(tmp_path / "a", {"neg/3.TXT.gz": gzip.compress(b"three"), "pos/1.txt": "one", "pos/2.txt.gz": b""})
    write(tmp_path / "a", {"pos/10.txt.gz": gzip.compress("zehn Bücher".encode()), "pos/4.txt.gz": gzip.compress(b"")})
    pack(tmp_path / "a/pos/5.txt.zip", {"five": "five"}, junk={})
    source = open_source(tmp_path / "a", TEXTS)
    assert source.facts["classes"] == {"neg": 1, "pos": 5}
    assert [entry.text for entry in source.entries] == ["three", "one", "", "", "five", "zehn Bücher"]
    assert source.notes.counts.total() == 0


def test_a_text_alone_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "mkdtemp", None)
    content = "text,label\nA film.,good\n"
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(content.encode()))
    for path in (pack(tmp_path / "a.zip", {"data/a.csv": content}), tmp_path / "a.csv.gz"):
        assert [entry.text for entry in open_source(path, TEXTS).entries] == ["A film."]


def test_facts_are_the_same_each_time(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", PARALLEL, "snips/")
    told = {json.dumps(dict(open_source(path, WORDS).facts)) for _ in range(3)}
    assert len(told) == 1


def test_files_in_several_encodings_are_told(tmp_path: Path) -> None:
    files = {**PARALLEL, "label": "spöla\nhöra\n".encode("cp1252")}
    for path in (write(tmp_path / "plain", files), pack(tmp_path / "a.zip", files)):
        encodings = open_source(path, WORDS).facts["encoding"]
        assert encodings == {"seq.in": "utf-8", "label": "cp1252", "seq.out": "utf-8"}


def test_the_folder_stays_until_the_entries_are_read(tmp_path: Path, temporary: Path) -> None:
    source = open_source(pack(tmp_path / "a.zip", CLASSES), TEXTS)
    entries = source.entries
    del source
    gc.collect()
    assert next(entries) == Entry(row=1, text="Café", labels={"mood": "neg"})
    assert len(list(temporary.iterdir())) == 1
    del entries
    gc.collect()
    assert list(temporary.iterdir()) == []


def test_errors_name_the_archive(tmp_path: Path, temporary: Path) -> None:
    path = pack(tmp_path / "a.zip", {**PARALLEL, "seq.out": "O O\nO O\n"}, "snips/")
    refused(path, WORDS, rf"{path}!snips/seq\.in, line 2: 1 words, but {path}!snips/seq\.out has 2 tags", temporary)
    missing = corpus_of(words="seq.in", labels={"intent": "intents"})
    refused(path, missing, rf"^{path}!snips: no file for 'intents'.*{path}!snips holds label, seq", temporary)
    refused(pack(path, {**CLASSES, "pos/3.txt": "a\0"}), TEXTS, rf"^{path}!pos/3\.txt, line 1: a NUL", temporary)
    refused(path, WORDS, rf"^{path}: a folder of texts by class serves one", temporary)
    book = save_sheet_xml(tmp_path / "b.xlsx", "<row><c><v>")
    (tmp_path / "b.gz").write_bytes(gzip.compress(book.read_bytes()))
    refused(tmp_path / "b.gz", TEXTS, rf"^{tmp_path}/b\.gz is truncated or damaged", temporary)


@pytest.mark.parametrize(
    "files",
    [
        {"a.csv": "text,label\n", "b.csv": "text,label\n"},
        {"aclImdb/README": "x", "aclImdb/train/pos/1.txt": "a", "aclImdb/train/neg/1.txt": "a"},
        {
            "train/pos/1.txt": "a",
            "train/neg/1.txt": "b",
            "train/urls.txt": "x",
            "test/pos/1.txt": "c",
            "test/u.txt": "",
        },
        {"docs/a.txt": "a", "docs/b.txt": "b"},
        {"a.zip": "a", "b.zip": "b"},
        {"d/" * 20 + "pos/1.txt": "a", "d/" * 20 + "neg/1.txt": "a"},
    ],
)
def test_other_archives_of_several_files(tmp_path: Path, temporary: Path, files: Files) -> None:
    path = pack(tmp_path / "a.zip", files)
    refused(path, TEXTS, rf"a zip archive of {len(files)} files: .*; expected exactly one\. Unpack it", temporary)


def test_one_class_where_the_format_is_named(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"data/pos/1.txt": "a", "data/pos/2.txt": "b"})
    assert [entry.labels["mood"] for entry in open_source(path, with_format(TEXTS, "folders")).entries] == ["pos"] * 2


@pytest.mark.parametrize("name", ["/pos/3.txt", "../pos/3.txt", "pos/../../3.txt", "C:\\pos\\3.txt", "pos\\..\\..\\3"])
def test_names_that_lead_out_of_the_archive(tmp_path: Path, temporary: Path, name: str) -> None:
    path = pack(tmp_path / "a.zip", {**CLASSES, name: "x"})
    before = set(tmp_path.rglob("*"))
    refused(path, TEXTS, "which leads out of the archive; refused", temporary)
    assert set(tmp_path.rglob("*")) == before


def test_a_file_without_a_name(tmp_path: Path, temporary: Path) -> None:
    path = pack(tmp_path / "a.zip", CLASSES)
    path.write_bytes(path.read_bytes().replace(b"list.txt", b"\0ist.txt"))
    refused(path, TEXTS, "under the path '', which leads out", temporary)


@pytest.mark.parametrize("name", ["pos/2.txt", "pos//2.txt", "./pos/2.txt", "pos\\2.txt"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice(tmp_path: Path, temporary: Path, name: str) -> None:
    path = pack(tmp_path / "a.zip", CLASSES)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, "another")
    refused(path, TEXTS, r"holds two files under the name '.*2\.txt'", temporary)


def test_a_file_where_a_folder_is(tmp_path: Path, temporary: Path) -> None:
    refused(pack(tmp_path / "a.zip", {**CLASSES, "pos": "x"}), TEXTS, "a.zip cannot be unpacked into", temporary)


def test_links_are_refused(tmp_path: Path, temporary: Path) -> None:
    path = pack(tmp_path / "a.zip", CLASSES)
    link = zipfile.ZipInfo("pos/3.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    refused(path, TEXTS, r"'pos/3\.txt', a link; refused", temporary)


def test_a_password(tmp_path: Path, temporary: Path) -> None:
    path = pack(tmp_path / "a.zip", CLASSES)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    refused(path, TEXTS, "protected by a password", temporary)


def test_too_much_in_all(tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacked_files, "MOST_BYTES", 1_000_000)
    monkeypatch.setattr(unpacked_files, "MOST_TIMES", 2)
    files = {f"{label}/{number}.txt": b"a" * 100_000 for label in ("pos", "neg") for number in range(6)}
    path = pack(tmp_path / "a.zip", files)
    message = r"a\.zip unpacks to more than 1,000,000 bytes, 2 times its own size or more"
    refused(path, TEXTS, message, temporary)
    path.write_bytes(path.read_bytes().replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    refused(path, TEXTS, r"damaged|unpacks to more", temporary)


def test_a_workbook_that_is_a_bomb_in_two_steps(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook_files, "MOST_BYTES", 1 << 20)
    book = tmp_path / "a.xlsx"
    noise = {f"xl/{number}": b"\0" * (1 << 18) for number in range(9)}
    pack(book, {"xl/workbook.xml": "<workbook/>", **noise}, junk={})
    with zipfile.ZipFile(book, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr("xl/stored", b"\0" * (1 << 20))
    (tmp_path / "a.gz").write_bytes(gzip.compress(book.read_bytes()))
    refused(tmp_path / "a.gz", TEXTS, rf"{tmp_path}/a\.gz unpacks to more than 1,048,576 bytes", temporary)


def test_archives_in_archives(tmp_path: Path, temporary: Path) -> None:
    inner = pack(tmp_path / "b.zip", CLASSES).read_bytes()
    (tmp_path / "a.gz").write_bytes(gzip.compress(inner))
    message = "holds another archive or a workbook; unpack it"
    refused(tmp_path / "a.gz", TEXTS, message, temporary)
    refused(pack(tmp_path / "a.zip", {"b.zip": inner}), TEXTS, rf"a\.zip!b\.zip {message}", temporary)
    packed = {**CLASSES, "pos/3.txt.gz": gzip.compress(b"three")}
    refused(pack(tmp_path / "a.zip", packed), TEXTS, rf"a\.zip!pos/3\.txt\.gz {message}", temporary)
    packed = {**PARALLEL, "label": gzip.compress(b"three")}
    refused(pack(tmp_path / "a.zip", packed), WORDS, rf"a\.zip!label {message}", temporary)


def test_damaged_archives(tmp_path: Path, temporary: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in CLASSES.items():
            archive.writestr(name, content)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"two\r\n", b"twx\r\n"))
    refused(path, TEXTS, r"a\.zip!pos/2\.txt is truncated or damaged \(Bad CRC", temporary)
    path.write_bytes(whole[:-30])
    refused(path, TEXTS, r"a\.zip is truncated or damaged", temporary)


def test_no_room(tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pack(tmp_path / "a.zip", CLASSES)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    refused(path, TEXTS, r"a\.zip cannot be unpacked into the folder for temporary files \(No such", temporary)


@pytest.mark.parametrize("kind", ["folders", "parallel", "workbook"])
def test_inspecting(tmp_path: Path, temporary: Path, kind: str) -> None:
    path = tmp_path / "a.zip"
    if kind == "workbook":
        rows = [("review", "sentiment"), ("A film.", "good"), ("Another.", "bad")]
        pack(path, {"a.xlsx": save_workbook(tmp_path / "a.xlsx", rows).read_bytes()})
    else:
        pack(path, CLASSES if kind == "folders" else PARALLEL, "data/")
    choice = choose_corpus(path, None, {}, None, tmp_path)
    inspection = inspect_choice(choice, Settings())
    assert (choice.obstacle, inspection.entries) == (None, 3 if kind == "folders" else 2)
    assert {finding.kind for finding in inspection.findings if finding.severity == "error"} == set()
    assert str(temporary) not in repr((choice, inspection))


names = st.sampled_from(["pos/1.txt", "neg/1.txt", "a/pos/1.txt", "a", "seq.in", "label", "..", "/", "\\a", ".", "pos"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(names, st.binary(max_size=12), max_size=5), st.binary(max_size=4), st.integers(0, 300))
def test_any_archive_gives_entries_or_an_error(tmp_path: Path, files: Files, patch: bytes, at: int) -> None:
    path = pack(tmp_path / "a.zip", files, junk={})
    content = bytearray(path.read_bytes())
    content[at : at + len(patch)] = patch
    path.write_bytes(content)
    for corpus in (TEXTS, WORDS, with_format(TEXTS, "folders"), with_format(WORDS, "parallel")):
        with suppress(TandemError):
            source: Source = open_source(path, corpus)
            list(source.entries)
