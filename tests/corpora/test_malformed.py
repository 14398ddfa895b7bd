"""Malformed corpora at the front door: each is refused with its place and a remedy, or its flaws are counted."""

from __future__ import annotations

import contextlib
import gzip
import importlib
import json
import os
import socket
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import openpyxl
import pytest

from tandem.corpora.cleaning.clean_report import CleanReport
from tandem.corpora.cleaning.cleaning import clean_corpus
from tandem.corpora.readers import delimiters, json_streams, unpacked_files, workbook_files, xlsx_fallback
from tandem.corpora.readers.formats import FORMATS
from tandem.corpora.schema.records import Record
from tandem.errors import TandemError
from tandem.params import Corpus, Task
from tests.corpora.conftest import RULES
from tests.corpora.workbooks import save_sheet_xml, save_workbook

Content = str | bytes | Callable[[Path], object]

TASKS = {
    "mood": Task(kind="classification", labels=("bad", "good"), scheme=None),
    "names": Task(kind="tagging", labels=("per", "geo"), scheme="iob2"),
    "any": Task(kind="tagging", labels=None, scheme="auto"),
}
TEXTS = {"text": "text", "labels": {"mood": "label"}}
WORDS = {"words": 0, "tags": {"names": -1}}
TABLE_OF_WORDS = {"words": "word", "sentence": "mark", "tags": {"names": "tag"}}
TABLE_OF_SENTENCES = {"words": "words", "tags": {"names": "tags"}}
JSON_WORDS = {"words": "words", "tags": {"names": "tags"}}
SPANS = {"text": "text", "spans": {"names": "spans"}}
NOBODY = 65534
CSV = "text,label\nA film.,good\nAnother.,bad\n"
JSONL = '{"text": "A film.", "label": "good"}\n{"text": "Another.", "label": "bad"}\n'
CONLL = "Anna B-per\nsings O\n\nBen B-per\nO O\n"
ROWS = (("text", "label"), ("A film.", "good"), ("Another.", "bad"))


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a corpus file holds, or a function that makes it; its name, params and rules where not its group's.

    `says` are parts of the error; without them the file is read, and `counts` are numbers of the metrics by their
    dotted names.
    """

    content: Content
    name: str | None = None
    fields: Mapping[str, Any] | None = None
    rules: Mapping[str, Any] = field(default_factory=dict)
    says: tuple[str, ...] = ()
    counts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Cases whose files have one name and one kind of params."""

    name: str
    fields: Mapping[str, Any]
    cases: Mapping[str, Case]


def refused(
    content: Content, *says: str, name: str | None = None, fields: Mapping[str, Any] | None = None, **rules: Any
) -> Case:
    return Case(content=content, name=name, fields=fields, rules=rules, says=says)


def counted(
    content: Content,
    *,
    name: str | None = None,
    fields: Mapping[str, Any] | None = None,
    rules: Mapping[str, Any] | None = None,
    **counts: Any,
) -> Case:
    named = {key.replace("__", "."): count for key, count in counts.items()}
    return Case(content=content, name=name, fields=fields, rules=rules or {}, counts=named)


def zipped(members: Mapping[str, str], **info: Any) -> Callable[[Path], object]:
    """A zip archive of some members; `info` sets attributes of each."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)

    return write


def locked(path: Path) -> None:
    """A zip archive whose member is marked as encrypted."""
    zipped({"a.csv": CSV})(path)
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


def harmed(write: Callable[[Path], object], at: float, by: bytes | None) -> Callable[[Path], object]:
    """The same file, cut off at a share of its length, or with other bytes there."""

    def harm(path: Path) -> None:
        write(path)
        content = path.read_bytes()
        place = int(at * len(content))
        path.write_bytes(content[:place] + (b"" if by is None else by + content[place + len(by) :]))

    return harm


def socket_at(path: Path) -> None:
    """A socket, which has a name like a file; bound from its folder, as its name may not be long."""
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)


def links(path: Path, to: str) -> None:
    """A folder of classes with a link for a text."""
    folder_of(good__1="a", bad__1="b")(path)
    (path / "good" / "2.txt").symlink_to(to)


def looped(path: Path) -> None:
    """A folder of classes with links to itself."""
    folder_of(good__1="a", bad__1="b")(path)
    (path / "good" / "again").symlink_to(path, target_is_directory=True)
    (path / "bad" / "on").symlink_to("on")


def with_pipe(path: Path, name: str) -> None:
    """A folder with a pipe in place of a file."""
    make = side_by_side(seq_in="a\n", label="good\n") if name == "seq.out" else folder_of(good__1="a", bad__1="b")
    make(path)
    os.mkfifo(path / name)


def gzipped(text: str, *, cut: int = 0, wrong_sum: bool = False) -> bytes:
    """A gzip file that lacks its last bytes, or whose checksum is another."""
    content = gzip.compress(text.encode(), mtime=0)
    if wrong_sum:
        content = content[:-8] + b"\0\0\0\0" + content[-4:]
    return content[: len(content) - cut]


def workbook(*rows: Any, **sheets: Any) -> Callable[[Path], object]:
    return lambda path: save_workbook(path, rows, **sheets)


def hidden_sheet(path: Path) -> None:
    book = openpyxl.Workbook()
    for row in ROWS:
        book.active.append(row)
    book.create_sheet("Front")
    book.active.sheet_state = "hidden"
    book.save(path)


def harmed_sheet(path: Path) -> None:
    save_workbook(path, ROWS)
    content = bytearray(path.read_bytes())
    place = content.index(b"xl/worksheets/sheet1.xml") + 60
    content[place : place + 40] = b"\xff" * 40
    path.write_bytes(content)


def far_cell(reference: str) -> Callable[[Path], object]:
    """A workbook with a cell far away from all others, which a grid of all cells would have no room for."""
    cells = {"A1": "text", "B1": "label", "A2": "A film.", "B2": "good", "A3": "Another.", "B3": "bad", reference: "x"}
    rows: dict[str, str] = {}
    for place, text in cells.items():
        number = place.lstrip(ascii_uppercase)
        rows[number] = rows.get(number, "") + f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'
    xml = "".join(f'<row r="{number}">{row}</row>' for number, row in rows.items())
    return lambda path: save_sheet_xml(path, xml)


def far_row_above(path: Path) -> object:
    """A workbook whose last possible row and a far column come first."""
    cells = '<row r="1048576"><c r="A1048576"/></row><row r="2"><c r="ZZ2" t="inlineStr"><is><t>x</t></is></c></row>'
    return save_sheet_xml(path, cells)


def merged_cells(path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (*ROWS, ("A third.", "good"), ("A fourth.", "bad")):
        book.active.append(row)
    book.active.merge_cells("B3:B4")
    book.save(path)


def folder_of(**files: str | bytes | None) -> Callable[[Path], object]:
    """A folder of files (`pos__1` is pos/1.txt) and of empty folders (None)."""

    def write(path: Path) -> None:
        for name, content in files.items():
            *folders, last = name.split("__")
            target = path.joinpath(*folders, last if content is None else f"{last}.txt")
            (target if content is None else target.parent).mkdir(parents=True, exist_ok=True)
            if content is not None:
                target.write_bytes(content.encode() if isinstance(content, str) else content)

    return write


def side_by_side(**files: str) -> Callable[[Path], object]:
    """A folder of parallel files."""

    def write(path: Path) -> None:
        path.mkdir()
        for name, content in files.items():
            (path / name.replace("_", ".")).write_text(content)

    return write


def spans(*marked: Any, text: str = "Anna met Ben") -> str:
    return json.dumps({"text": text, "spans": list(marked)}) + "\n"


def jsonl(*records: Any) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def conllu(*rows: str, misc: str = "NER=O") -> str:
    """Rows such as `1 Anna`, completed to ten columns."""
    lines = [row if row[:1] in ("", "#") else row.replace(" ", "\t") + "\t_" * 7 + f"\t{misc}" for row in rows]
    return "\n".join(lines) + "\n"


def mark_span(start: int, end: int, kind: str = "per") -> dict[str, Any]:
    return {"start": start, "end": end, "label": kind}


PARALLEL = {"words": "seq.in", "tags": {"names": "seq.out"}, "labels": {"mood": "label"}}
NER = {"words": "FORM", "tags": {"names": "NER"}}

FILES = {
    "missing": refused(lambda path: None, "is missing: put the file there"),
    "empty": refused("", "is empty; expected text"),
    "byte order mark alone": refused("\ufeff", "is empty; expected text"),
    "a folder where a file should be": refused(
        Path.mkdir, "is a folder; expected a file", fields=TEXTS | {"format": "csv"}
    ),
    "a folder where a workbook should be": refused(
        Path.mkdir, "is a folder; expected an xlsx workbook", fields=TEXTS | {"format": "xlsx"}
    ),
    "a file where a folder should be": refused(
        CSV, "is a file; expected a folder", fields=TEXTS | {"format": "folders"}
    ),
    "a file where parallel files should be": refused(CSV, "no file for 'text'", fields=TEXTS | {"format": "parallel"}),
    "an empty folder": refused(Path.mkdir, "is empty; expected a folder for each class"),
    "a pipe": refused(os.mkfifo, "is a device or a pipe"),
    "a pipe called a zip archive": refused(os.mkfifo, "is a device or a pipe", name="a.zip"),
    "a pipe called a gzip file": refused(os.mkfifo, "is a device or a pipe", name="a.csv.gz"),
    "a socket": refused(socket_at, "a.csv"),
    "a device without an end": refused(lambda path: path.symlink_to("/dev/zero"), "is a device or a pipe"),
    "a device of nothing": refused(lambda path: path.symlink_to("/dev/null"), "is a device or a pipe"),
    "a link to itself": refused(lambda path: path.symlink_to(path.name), "a.csv"),
    "a link to nothing": refused(lambda path: path.symlink_to("nowhere"), "is missing"),
    "a name too long": refused(lambda path: None, "cannot read", "File name too long", name="x" * 300),
    "prose": refused(
        "Just prose.\n\nAnd more of it.\n", "its format cannot be told", "set corpora.*.format", name="a.txt"
    ),
    "a picture": refused(
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0", "line 3: a NUL character, which no text holds", name="a.csv"
    ),
    "text called a workbook": refused(CSV, "is not a workbook", "save it as .xlsx", name="a.xlsx"),
    "a table named JSON Lines": refused(
        CSV, "line 1: not valid JSON at line 1, column 1", "found 'text,label", fields=TEXTS | {"format": "jsonl"}
    ),
    "a table named CoNLL": refused(
        CSV, "line 1: corpora.*.words and corpora.*.tags are one column", fields=WORDS | {"format": "conll"}
    ),
    "a table named CoNLL-U": refused(
        CSV, "line 1: expected the 10 columns of CoNLL-U", fields=NER | {"format": "conllu"}
    ),
    "a table named WikiNER": refused(
        CSV, "line 1: 'text,label' is not of the form word|tag", fields=WORDS | {"format": "wikiner"}
    ),
    "JSON Lines named a table": refused(JSONL, "line 1: no column 'text'", fields=TEXTS | {"format": "csv"}),
    "a workbook named a table": refused(
        workbook(*ROWS), "is a zip archive of", "expected exactly one", fields=TEXTS | {"format": "csv"}
    ),
}
ENCODINGS = {
    "UTF-16 without a mark": counted(CSV.encode("utf-16-le"), kept=2),
    "UTF-16 read as UTF-8": refused(
        CSV.encode("utf-16-le"), "line 1: a NUL character", "utf-16-le", fields=TEXTS | {"encoding": "utf-8"}
    ),
    "UTF-16 cut in a character": refused(CSV.encode("utf-16")[:-1], "line 3: byte 0x0A is not utf-16-le"),
    "UTF-8 with bytes of Latin-1": refused(
        CSV.replace("A film", "Café").encode() + "Café,good\n".encode("latin-1"), "line 4: byte 0xE9 is not utf-8"
    ),
    "UTF-8 cut in a character": refused(CSV.encode() + "Café 🙂".encode()[:-2], "line 4: byte 0xF0 is not utf-8"),
    "a byte that is not ASCII": refused(
        CSV.replace("A film", "Café").encode(), "line 2: byte 0xC3 is not ascii", fields=TEXTS | {"encoding": "ascii"}
    ),
    "an encoding with another name": refused(
        CSV, "no text encoding is called 'utf-9'", fields=TEXTS | {"encoding": "utf-9"}
    ),
    "an encoding of halves of characters": refused(
        CSV, "no text encoding is called 'utf-7'", fields=TEXTS | {"encoding": "utf-7"}
    ),
    "an encoding that is none of texts": refused(
        CSV, "no text encoding is called 'hex'", fields=TEXTS | {"encoding": "hex"}
    ),
    "NUL characters": refused(CSV.replace("film", "fi\0lm"), "line 2: a NUL character"),
    "NUL characters in JSON": refused(JSONL.replace("Another", "Ano\0ther"), "line 2: a NUL character", name="a.jsonl"),
    "control characters alone": counted(CSV + "\u200b\u200d,good\n", kept=2, dropped__empty_text=1),
}
BOMBS = {
    "gzip": refused(gzipped(CSV + "a,good\n" * 9000), "a.csv.gz unpacks to more than", name="a.csv.gz"),
    "zip": refused(zipped({"a.csv": CSV + "a,good\n" * 9000}), "a.zip!a.csv unpacks to more than", name="a.zip"),
    "workbook": refused(
        workbook(*ROWS, *[("a" * 1000, "good")] * 100), "a.xlsx unpacks to more than", "save it as csv", name="a.xlsx"
    ),
}
ARCHIVES = {
    "gzip cut off": refused(gzipped(CSV * 50, cut=12), "is truncated or damaged", name="a.csv.gz"),
    "gzip without its last byte": refused(gzipped(CSV, cut=1), "is truncated or damaged", name="a.csv.gz"),
    "gzip with a wrong checksum": refused(
        gzipped(CSV, wrong_sum=True), "is truncated or damaged (CRC", name="a.csv.gz"
    ),
    "gzip of nothing": refused(gzipped(""), "is empty", name="a.csv.gz"),
    "gzip in gzip of a named format": refused(
        gzip.compress(gzipped(CSV)), "a.csv.gz holds another archive", name="a.csv.gz", fields={"format": "csv"}
    ),
    "gzip in gzip": refused(gzip.compress(gzipped(CSV)), "a.csv.gz holds another archive", name="a.csv.gz"),
    "zip that leads upwards": refused(
        zipped({"../a.csv": CSV}), "'../a.csv', which leads out of the archive", name="a.zip"
    ),
    "zip with an absolute path": refused(zipped({"/etc/a.csv": CSV}), "leads out of the archive", name="a.zip"),
    "zip with a drive": refused(zipped({"C:\\a.csv": CSV}), "leads out of the archive", name="a.zip"),
    "zip of two files": refused(
        zipped({"a.csv": CSV, "b.csv": CSV}), "archive of 2 files: 'a.csv', 'b.csv'", name="a.zip"
    ),
    "zip of nothing": refused(zipped({}), "archive of 0 files", name="a.zip"),
    "zip with a password": refused(locked, "is protected by a password", name="a.zip"),
    "zip cut off": refused(harmed(zipped({"a.csv": CSV * 50}), 0.5, None), "is truncated or damaged", name="a.zip"),
    "zip with other bytes inside": refused(
        harmed(zipped({"a.csv": CSV * 9}), 0.35, b"\xff\xff"), "is truncated or damaged", name="a.zip"
    ),
    "zip in zip": refused(
        zipped({"b.zip": "PK\x03\x04"}), "a.zip!b.zip holds another archive or a workbook; unpack it", name="a.zip"
    ),
    "a workbook in gzip": refused(
        gzipped("PK\x03\x04" + "\0" * 300), "a.xlsx.gz holds another archive or a workbook", name="a.xlsx.gz"
    ),
    "tar in gzip": refused(
        gzipped("\0" * 257 + "ustar" + "\0" * 300), "a.tar.gz holds another archive", name="a.tar.gz"
    ),
}
TABLES = {
    "header alone": refused("text,label\n", "holds a header line alone", "corpora.*.columns"),
    "blank lines alone": refused("\n \n\n", "holds blank lines alone"),
    "empty header": refused(",,\na,b,c\n", "line 1: the header is empty"),
    "missing column": refused("review,label\na,good\n", "line 1: no column 'text'", "found: 'review', 'label'"),
    "number of no column": refused(CSV, "line 1: no column number 7; there are 2", fields=TEXTS | {"text": 7}),
    "two columns of one name": refused("text,label,text\na,good,b\n", "line 1: 2 columns are called 'text'"),
    "too few names": refused(
        CSV, "line 1: 2 fields, but corpora.*.columns names 3", fields=TEXTS | {"columns": ("text", "label", "c")}
    ),
    "wrong delimiter": refused(
        CSV, "line 1: no column 'text'; columns found: 'text,label'", fields=TEXTS | {"delimiter": ";"}
    ),
    "a quote as delimiter": refused(CSV, "corpora.*.delimiter must not be a quote", fields=TEXTS | {"delimiter": '"'}),
    "a row too short": refused(CSV + "cut off\n", "line 4: 1 field, but line 1 has 2; found 'cut off'"),
    "a row too long": refused(CSV + "a,b,good\n", "line 4: 3 fields, but line 1 has 2"),
    "an open quote": refused(CSV + '"never closed,good\n', "line 4: the quotes of a field do not pair"),
    "an open quote above good lines": refused(
        CSV + '"open,good\n' + "c,bad\n" * 5, "line 4: the quotes of a field do not pair (read up to line 9)"
    ),
    "a quote within quotes": refused(
        CSV + '"a "film" b",good\n', "line 4: the quotes of a field do not pair", 'twice ("")'
    ),
    "an open quote in a tsv": counted(CSV.replace(",", "\t") + '"open\tgood\n', name="a.tsv", kept=3),
    "a huge cell": refused(CSV + "x" * 600_000 + ",good\n", "line 4", "field larger than field limit (524288)"),
    "spans in a table": refused(CSV, "a table holds no character spans", fields=SPANS),
    "no texts": refused("text,label\n,good\n ,bad\n", "no record is left of 2 lines", "1 missing text, 1 empty text"),
    "texts missing": counted(CSV + ",good\n", kept=2, dropped__missing_text=1),
    "labels missing": counted(CSV + "c,\nd, \n", kept=2, dropped__missing_label=2),
    "labels unknown": counted(CSV + "c,NaN\nd,Good\n", kept=2, dropped__unknown_label=2, unknown_labels__mood__NaN=1),
    "labels unknown, refused": refused(
        CSV + "c,awful\n", "line 4: label 'awful' of task mood is unknown; allowed: bad, good", unknown_label="error"
    ),
    "one class alone": refused(
        "text,label\na,good\nb,good\n", "needs at least two classes, found only 'good' (2 texts)"
    ),
    "a word before any sentence": refused(
        "mark,word,tag\n,a,O\n1,b,O\n", "line 2: a word stands before any sentence mark", fields=TABLE_OF_WORDS
    ),
    "sentence marks that come again": counted(
        "mark,word,tag\n1,a,O\n2,b,O\n1,c,O\n", fields=TABLE_OF_WORDS, kept=3, noted__repeated_marks=1
    ),
    "words missing": counted(
        "mark,word,tag\n1,a,O\n,,O\n, ,O\n",
        fields=TABLE_OF_WORDS,
        kept=1,
        dropped__rows_missing_word=1,
        dropped__rows_empty_word=1,
    ),
    "words missing, refused": refused(
        "mark,word,tag\n1,a,O\n,,O\n", "line 3: no word, found ''", fields=TABLE_OF_WORDS, missing_word="error"
    ),
    "tags missing": counted(
        "mark,word,tag\n1,a,\n2,b,O\n", fields=TABLE_OF_WORDS, kept=1, dropped__sentences_missing_tag=1
    ),
    "tags missing, refused": refused(
        "mark,word,tag\n1,a,O\n,b,\n", "line 3, column 'tag': no tag", fields=TABLE_OF_WORDS, missing_tag="error"
    ),
    "more tags than words": refused(
        "words,tags\na b,O O\na b,O O O\n", "line 3: 2 words, but 3 tags of task names", fields=TABLE_OF_SENTENCES
    ),
    "tags without words": refused(
        "words,tags\na b,O O\n,O O O\n", "line 3: 0 words, but 3 tags of task names", fields=TABLE_OF_SENTENCES
    ),
}
WORKBOOKS = {
    "cut off": refused(harmed(workbook(*ROWS), 0.6, None), "is truncated or damaged", "copy or download it again"),
    "other bytes inside": refused(harmed_sheet, "is truncated or damaged"),
    "a pipe": refused(os.mkfifo, "is a device or a pipe; expected an xlsx workbook"),
    "an empty sheet": refused(workbook(), "sheet 'Sheet' is empty; expected a header row"),
    "header alone": refused(workbook(ROWS[0]), "sheet 'Sheet' holds a header row alone"),
    "a hidden sheet": refused(hidden_sheet, "sheet 'Sheet' is hidden"),
    "a far row above the others": refused(far_row_above, "is truncated or damaged (row 2 comes after row 1048576)"),
    "a cell in the last column": counted(far_cell("XFD50"), kept=2, engine="calamine"),
    "a cell under the last row": refused(
        far_cell("A999999999"), "is truncated or damaged (it has cells under row 1,000)"
    ),
    "merged cells": counted(merged_cells, kept=3, dropped__missing_label=1),
    "two columns of one name": refused(
        workbook(("text", "label", "text"), ("a", "good", "b")), "2 columns are called 'text'"
    ),
    "missing column": refused(
        workbook(("review", "label"), ("a", "good")), "no column 'text'; columns found: 'review', 'label'"
    ),
    "an old workbook": refused(bytes.fromhex("d0cf11e0a1b11ae1") + b"x", "is an old .xls workbook"),
    "a workbook with a password": refused(
        bytes.fromhex("d0cf11e0a1b11ae1") + "EncryptedPackage".encode("utf-16-le"), "is protected by a password"
    ),
    "another archive": refused(
        zipped({"word/document.xml": "<a/>"}), "is a zip archive without an xlsx workbook in it"
    ),
    "formulas, errors and dates": counted(
        lambda path: save_sheet_xml(
            path,
            '<row r="1"><c r="A1" t="inlineStr"><is><t>text</t></is></c>'
            '<c r="B1" t="inlineStr"><is><t>label</t></is></c></row>'
            '<row r="2"><c r="A2" t="str"><f>1</f><v>a</v></c><c r="B2" t="str"><v>good</v></c></row>'
            '<row r="3"><c r="A3" t="str"><v>b</v></c><c r="B3" t="str"><v>bad</v></c></row>'
            '<row r="4"><c r="A4" t="e"><v>#REF!</v></c><c r="B4" t="str"><v>bad</v></c></row>',
        ),
        kept=2,
        noted__formulas=1,
        noted__errors=1,
        dropped__missing_text=1,
    ),
}
JSON = {
    "a line cut off": refused(JSONL + '{"text": "c", "la', "line 3: not valid JSON at line 3, column 15"),
    "an array cut off": refused(
        '[{"text": "a", "label": "good"},\n{"text": "b", "label": "bad"}',
        "ends after record 2, at line 2",
        "Is it cut off?",
    ),
    "a record cut off": refused(
        '[{"text": "a", "label": "good"},\n{"text": "b", "lab', "record 2 (line 2): not valid JSON"
    ),
    "a comma missing": refused(
        '[{"text": "a", "label": "good"}\n{"text": "b", "label": "bad"}]', "record 2 (line 2), column 1: expected ','"
    ),
    "single quotes": refused(JSONL + "{'text': 'c'}\n", "line 3: not valid JSON at line 3, column 2"),
    "scalars": refused(JSONL + "7\n", "line 3: expected an object in braces, found the number 7"),
    "scalars in an array": refused(
        "[1, 2]", "record 1 (line 1), column 2: expected an object in braces, found '1, 2]'", name="a.json"
    ),
    "an array a line": refused(
        '["A film.", "good"]\n["Another.", "bad"]\n',
        "line 1: expected an object in braces",
        fields=TEXTS | {"format": "jsonl"},
    ),
    "an array of nothing": refused("[]", "holds no record"),
    "an array after an array": refused(
        '[{"text": "a", "label": "good"}]\n[{"text": "b"}]', "line 2", "expected nothing after the array's ']'"
    ),
    "two arrays in an object": refused(
        '{"train": [{"text": "a", "label": "good"}], "test": [{"text": "b"}]}',
        "more than one array of objects, also 'test'",
    ),
    "nested too deeply": refused(
        '{"text": ' + "[" * 5000 + "]" * 5000 + "}\n", "line 1: its brackets are nested too deeply", name="a.jsonl"
    ),
    "a text that ends in escapes alone": refused(
        '{"text": "' + '\\"' * 1000, "record 1 (line 1): not valid JSON", name="a.json"
    ),
    "a text that is a number": refused(
        JSONL + '{"text": 7, "label": "good"}\n', "line 3: 'text' must be a text, found the number 7"
    ),
    "a label that is an object": refused(
        JSONL + '{"text": "c", "label": {}}\n', "line 3: 'label' must be a text, a number", "found an object"
    ),
    "a label that is infinite": refused(
        JSONL + '{"text": "c", "label": Infinity}\n', "line 3: 'label' must be", "found the number inf"
    ),
    "a number too long": refused(
        JSONL + '{"text": "c", "label": ' + "9" * 5000 + "}\n", "line 3: a number is too long"
    ),
    "a record that never ends": refused(
        '[{"text": "' + "x" * 600_000, "record 1 (line 1): does not end within 524,288 characters"
    ),
    "labels that are NaN": counted(
        JSONL + '{"text": "c", "label": NaN}\n', name="a.jsonl", kept=2, dropped__missing_label=1
    ),
    "labels that are null": counted(JSONL + '{"text": "c", "label": null}\n', kept=2, dropped__missing_label=1),
    "a label key that is missing": counted(JSONL + '{"text": "c"}\n', kept=2, dropped__missing_label=1),
    "texts that are null": counted(JSONL + '{"text": null, "label": "bad"}\n', kept=2, dropped__missing_text=1),
    "blank lines": counted(JSONL.replace("\n", "\n\n"), name="a.jsonl", kept=2, noted__blank_lines=2),
    "half a surrogate pair": counted(
        JSONL + '{"text": "c \\ud83d", "label": "bad"}\n', kept=3, noted__lone_surrogates=1
    ),
    "a key that no record has": refused(
        JSONL, "no record has the key 'mood'; keys found: 'text', 'label'", fields=TEXTS | {"labels": {"mood": "mood"}}
    ),
    "a text key that no record has": refused(
        JSONL * 60, "lack the key 'body'; keys found: 'text', 'label'", fields=TEXTS | {"text": "body"}, name="a.jsonl"
    ),
    "more tags than words": refused(
        jsonl({"words": ["a"], "tags": ["O"]}, {"words": ["a"], "tags": ["O", "O"]}),
        "line 2: 'words' holds 1 words, 'tags' holds 2 tags",
        fields=JSON_WORDS,
    ),
    "tags without words": refused(
        jsonl({"words": ["a"], "tags": ["O"]}, {"tags": ["O", "O"]}),
        "line 2: 'words' holds 0 words, 'tags' holds 2 tags",
        fields=JSON_WORDS,
    ),
    "words that are numbers": refused(
        jsonl({"words": ["a", 7], "tags": ["O", "O"]}),
        "line 1: 'words[1]' must be a text, found the number 7",
        fields=JSON_WORDS,
    ),
    "words that are an object": refused(
        jsonl({"words": {"a": 1}, "tags": ["O"]}), "line 1: 'words' must be an array of texts", fields=JSON_WORDS
    ),
    "tags that are numbers": refused(
        jsonl({"words": ["a", "b"], "tags": [0, 3]}),
        "line 1, column 'tags': tag '0'; expected O, I-<type>",
        fields=JSON_WORDS | {"tags": {"any": "tags"}},
    ),
    "a column of sentences": refused(JSONL, "sentence must be null for JSON", fields=JSON_WORDS | {"sentence": "id"}),
    "no words": counted(
        jsonl({"words": ["a"], "tags": ["O"]}, {"words": [], "tags": []}),
        fields=JSON_WORDS,
        kept=1,
        dropped__sentences_without_words=1,
    ),
}
CHARACTER_SPANS = {
    "beyond the text": counted(
        spans(mark_span(0, 4), mark_span(9, 99), mark_span(-3, 2)), dropped__spans_out_of_range=2, labels__names__per=1
    ),
    "turned round": counted(spans(mark_span(4, 0)), dropped__spans_out_of_range=1, kept=1),
    "overlapping": counted(
        spans(mark_span(0, 8), mark_span(5, 12)), dropped__spans_overlapping=1, labels__names__per=1
    ),
    "twice the same": counted(
        spans(mark_span(0, 4), mark_span(0, 4)), dropped__spans_duplicate=1, labels__names__per=1
    ),
    "inside a word": counted(spans(mark_span(0, 3), mark_span(10, 12)), dropped__spans_inside_word=2, kept=1),
    "empty": counted(spans(mark_span(4, 4), mark_span(4, 5)), dropped__spans_empty=2, kept=1),
    "with white space": counted(spans(mark_span(0, 5)), altered__spans_trimmed=1, labels__names__per=1),
    "unknown": counted(
        spans(mark_span(0, 4)) + spans(mark_span(0, 4, "org")),
        kept=1,
        dropped__unknown_tag=1,
        unknown_labels__names__org=1,
    ),
    "unknown, refused": refused(
        spans(mark_span(0, 4, "org")),
        "1, characters 0 to 4: type 'org' is unknown; types allowed: geo, per",
        fields=SPANS,
        unknown_tag="error",
    ),
    "of another text": counted(spans({**mark_span(0, 4), "text": "Ben"}), noted__span_text_differs=1, kept=1),
    "in removed HTML": counted(spans(mark_span(1, 2), text="<b>Anna</b>"), kept=1, dropped__spans_empty=1),
    "no list": refused(
        jsonl({"text": "a", "spans": "0:4"}), "'spans' must be an array of spans, found the text '0:4'", fields=SPANS
    ),
    "numbers": refused(spans(7), "'spans[0]' must be an object, or [start, end, kind]", fields=SPANS),
    "without a start": refused(
        spans({"end": 4, "label": "per"}), "'spans[0]' must be an object with one of the keys start", fields=SPANS
    ),
    "without a type": refused(
        spans({"start": 0, "end": 4}), "'spans[0]' must be an object with one of the keys entity_type", fields=SPANS
    ),
    "of an empty type": refused(
        spans(mark_span(0, 4, " ")), "'spans[0].label' must be the name of a kind", fields=SPANS
    ),
    "from half a character": refused(
        spans({"start": 0.5, "end": 4, "label": "per"}), "'spans[0].start' must be a whole number", fields=SPANS
    ),
    "of two values": refused(spans([0, 4]), "'spans[0]' must be [start, end, kind]", fields=SPANS),
}
WORD_FILES = {
    "document marks alone": refused("-DOCSTART- -X- O\n\n-DOCSTART- -X- O\n", "no words in the first 3 lines"),
    "comments alone": refused("# a = b\n\n# c = d\n", "no record is left of 0 lines", "noted 2 comments"),
    "a line cut off": refused(
        CONLL + "Cl", "line 6: expected 2 columns separated by white space as in line 1, found 1: 'Cl'"
    ),
    "columns too many": refused(CONLL + "Clara Bow I-per\n", "line 6: expected 2 columns", "found 3"),
    "spaces among tabs": refused(
        "Anna\tB-per\nsings O\n\n", "line 2: expected 2 columns separated by tab", "found 1: 'sings O'"
    ),
    "one column alone": refused("Anna\nsings\n\nBen\n", "line 1: corpora.*.words and corpora.*.tags are one column"),
    "a column that is not there": refused(
        CONLL,
        "line 1: corpora.*.tags.names is column 3, found 2 columns ('Anna', 'B-per')",
        fields=WORDS | {"tags": {"names": 3}},
    ),
    "a column without a name": refused(
        CONLL,
        "corpora.*.tags.names is 'ner', but the columns have no such name",
        fields=WORDS | {"tags": {"names": "ner"}},
    ),
    "too few names": refused(
        CONLL, "line 1: 2 columns, but corpora.*.columns names 3", fields=WORDS | {"columns": ("a", "b", "c")}
    ),
    "a running text": refused(
        CONLL, "corpora.*.text is 'text', but a conll file holds sentences of words", fields=TEXTS | {"format": "conll"}
    ),
    "a comment of white space": counted("# a" + " " * 100_000 + "b\n" + CONLL, kept=2, noted__comments=1),
    "a class in no comment": refused(
        CONLL,
        "corpora.*.labels names 'mood', expected a comment line `# mood = <value>`",
        fields=WORDS | {"labels": {"mood": "mood"}},
    ),
    "an empty word": counted(
        "Anna\tB-per\n\tO\n\u200b\tO\n\nBen\tB-per\n\n",
        kept=2,
        dropped__rows_missing_word=1,
        dropped__rows_empty_word=1,
    ),
    "a tag missing": counted("Anna\t\n\nBen\tB-per\n\n", kept=1, dropped__sentences_missing_tag=1),
    "a tag missing, as outside": counted(
        "Anna\t\n\nBen\tB-per\n\n", rules={"missing_tag": "outside"}, kept=2, altered__tags_missing_as_outside=1
    ),
    "a tag missing, refused": refused("Anna\t\n\nBen\tB-per\n\n", "line 1, column -1: no tag", missing_tag="error"),
    "an illegal tag": counted("Anna I-per\n\nBen B-per\nO I-geo\n", kept=2, altered__tags_repaired=2),
    "an illegal tag, refused": refused(
        CONLL + "\nOslo I-geo\n",
        "line 7, column -1: tag 'I-geo' continues nothing; expected B-geo",
        illegal_tags="error",
    ),
    "an unknown tag": counted(
        CONLL + "\nAcme B-org\n", kept=2, dropped__sentences_unknown_tag=1, unknown_labels__names__org=1
    ),
    "an unknown tag, refused": refused(
        CONLL + "\nAcme B-org\n",
        "line 7, column -1: tag 'B-org' is unknown; types allowed: geo, per",
        unknown_tag="error",
    ),
    "a malformed tag": refused(
        CONLL + "\nAcme B_per\n", "line 7, column -1: tag 'B_per'; expected O, B-<type> or I-<type>"
    ),
    "a tag without a type": refused(CONLL + "\nAcme B-\n", "line 7, column -1: tag 'B-'; expected"),
    "a tag of another scheme": refused(
        CONLL + "\nAcme U-per\n", "line 7, column -1: tag 'U-per'", "or set tasks.names.scheme, which is iob2"
    ),
    "an empty word, refused": refused("Anna\tB-per\n\tO\n\n", "line 2: no word, found ''", missing_word="error"),
}
CONLLU = {
    "nine columns": refused(
        conllu("1 Anna") + "2\tsings\t_\n", "line 2: expected the 10 columns of CoNLL-U separated by tabs, found 3"
    ),
    "columns parted by spaces": refused(
        conllu("1 Anna").replace("\t", " "), "line 1: expected the 10 columns of CoNLL-U", "found 1"
    ),
    "a line missing": refused(conllu("1 Anna", "3 sings"), "line 2: ID '3', expected 2"),
    "a blank line missing": refused(
        conllu("1 Anna", "1 Ben"), "line 2: ID '1', expected 2", "the blank line before a sentence"
    ),
    "an ID that is no number": refused(conllu("one Anna"), "line 1: ID 'one', expected 1"),
    "comments alone": refused("# text = Anna\n\n", "no words; expected CoNLL-U"),
    "no such key in MISC": refused(
        conllu("1 Anna", misc="Ent=O"), "names 'NER', but no word has NER= in MISC; keys found: 'Ent'"
    ),
    "a bracket that stays open": refused(
        conllu("1 Anna", "2 sings", misc="NER=(per-1"), "line 1: entity '(per'; expected a closing bracket"
    ),
    "a bracket that closes nothing": refused(
        conllu("1 Anna", misc="NER=per-1)"), "line 1: entity 'per-1)'; expected an opening bracket"
    ),
    "tags and brackets": refused(
        conllu("1 Anna", misc="NER=(per)") + conllu("2 sings", misc="NER=B-per"),
        "line 2: entity 'B-per'; expected brackets",
    ),
    "entities in each other": counted(
        conllu("1 Anna", misc="NER=(per-1(geo-2)") + conllu("2 Bay", misc="NER=per-1)"),
        kept=1,
        noted__nested_entities=1,
    ),
    "entities that cross": counted(
        conllu("1 A", misc="NER=(per-1")
        + conllu("2 B", misc="NER=(geo-2")
        + conllu("3 C", misc="NER=per-1)")
        + conllu("4 D", misc="NER=geo-2)"),
        kept=1,
        noted__crossing_entities=1,
    ),
    "tokens of many words": counted(
        conllu("1-2 vom") + conllu("1 von", "2 dem", "2.1 Haus"),
        kept=1,
        noted__multiword_tokens=1,
        noted__empty_nodes=1,
    ),
    "a class by number": refused(
        conllu("1 Anna"),
        "corpora.*.labels.mood is 3; expected the key of a comment",
        fields=NER | {"labels": {"mood": 3}},
    ),
}
BARRED = {
    "a word without bars": refused(
        "Anna|NNP|B-per sings\nBen|NNP|O sings|VB|O\n", "line 1, word 2: 'sings' has 1 parts, expected 3"
    ),
    "no bars at all": refused("Anna sings\n", "line 1: 'Anna' is not of the form word|tag"),
    "blank lines alone": refused("\n\n", "line 1: '' is not of the form"),
    "a bar in the word": counted("a|b|NN|O c|NN|O\n", kept=1, words=2),
    "a word of bars alone": counted("||NN|O c|NN|O d|NN|O\n", kept=1, words=3),
    "an empty word": counted("|NN|O c|NN|O\n", kept=1, words=1, dropped__rows_missing_word=1),
    "an empty tag": counted("a|NN| c|NN|O\nb|NN|O\n", kept=1, dropped__sentences_missing_tag=1),
    "a class": refused(
        "a|NN|O\n",
        "corpora.*.labels is {'mood': 'mood'}, but a wikiner file has none",
        fields=WORDS | {"format": "wikiner", "labels": {"mood": "mood"}},
    ),
}
PARALLEL_FILES = {
    "a file missing": refused(side_by_side(seq_in="a\n", seq_out="O\n"), "no file for 'label': neither"),
    "one shorter": refused(
        side_by_side(seq_in="a\nb\n", seq_out="O\nO\n", label="good\n"),
        "label ends after line 1, but",
        "seq.in has a line 2: 'b'",
    ),
    "blank lines at the end": counted(
        side_by_side(seq_in="a\nb\n\n", seq_out="O\nO\n", label="good\nbad\n"), kept=2, noted__blank_lines_at_end=1
    ),
    "more tags than words": refused(
        side_by_side(seq_in="a\nb\n", seq_out="O\nO O\n", label="good\nbad\n"),
        "seq.in, line 2: 1 words, but",
        "seq.out has 2 tags in that line",
    ),
    "a pipe": refused(lambda path: with_pipe(path, "seq.out"), "seq.out"),
    "an empty file": refused(side_by_side(seq_in="a\n", seq_out="", label="good\n"), "seq.out is empty"),
    "a blank label": counted(
        side_by_side(seq_in="a\nb\nc\n", seq_out="O\nO\nO\n", label="good\n\nbad\n"), kept=3, noted__without_mood=1
    ),
    "a blank line of words": counted(
        side_by_side(seq_in="a\n\nc\n", seq_out="O\n\nO\n", label="good\ngood\nbad\n"),
        kept=2,
        dropped__sentences_without_words=1,
    ),
}
FOLDERS = {
    "links to themselves": counted(looped, kept=2),
    "a link to nothing": refused(lambda path: links(path, "nowhere"), "2.txt"),
    "a link to a device": counted(lambda path: links(path, "/dev/zero"), kept=2, noted__files_of_other_kinds=1),
    "a pipe": counted(lambda path: with_pipe(path, "good/2.txt"), kept=2, noted__files_of_other_kinds=1),
    "an empty class": counted(folder_of(good__1="a", bad__1="b", unsup=None), kept=2, noted__empty_folders=1),
    "no text in any class": refused(folder_of(good=None, bad=None), "no .txt file in the folders bad, good"),
    "files alone": refused(folder_of(one="a", two="b"), "holds files alone (one.txt, two.txt)"),
    "empty files alone": refused(folder_of(good__1="", bad__1=""), "every .txt file is empty"),
    "an empty file": counted(folder_of(good__1="a", good__2="", bad__1="b"), kept=2, dropped__missing_text=1),
    "one class alone": refused(folder_of(good__1="a", good__2="b"), "needs at least two classes, found only 'good'"),
    "folders of folders": refused(
        folder_of(train__good__1="a", train__bad__1="b"), "holds folders and no .txt file", "Set corpora.*.path"
    ),
    "a class that is not known": refused(
        folder_of(good__1="a", awful__1="b"), "record 1: label 'awful' of task mood is unknown", unknown_label="error"
    ),
    "a damaged text": refused(
        folder_of(good__1="a", bad__1=b"Caf\xc3\xa9 caf\xc3\xa9 \xff"), "1.txt, line 1: byte 0xFF is not utf-8"
    ),
    "no class asked for": refused(
        folder_of(good__1="a"), "serves one classification task", fields={"text": "text", "spans": {"names": "x"}}
    ),
}
SPLITS = {
    "a part missing": refused(
        folder_of(a=CSV), "b.txt is missing", fields=TEXTS | {"splits": {"train": "a.txt", "test": "b.txt"}}
    ),
    "an empty part": refused(
        folder_of(a=CSV, b=""), "b.txt is empty", fields=TEXTS | {"splits": {"train": "a.txt", "test": "b.txt"}}
    ),
    "a part of which nothing is left": refused(
        folder_of(a=CSV, b="text,label\na,odd\n"),
        "b.txt: no record of test is left of 3 lines",
        fields=TEXTS | {"splits": {"train": "a.txt", "test": "b.txt"}},
    ),
    "a file in place of the folder": refused(
        CSV, "cannot read", "a.txt: Not a directory", fields=TEXTS | {"splits": {"train": "a.txt"}}
    ),
}

GROUPS = {
    "file": Group(name="a.csv", fields=TEXTS, cases=FILES),
    "encoding": Group(name="a.csv", fields=TEXTS, cases=ENCODINGS),
    "archive": Group(name="a.zip", fields=TEXTS, cases=ARCHIVES),
    "table": Group(name="a.csv", fields=TEXTS, cases=TABLES),
    "workbook": Group(name="a.xlsx", fields=TEXTS, cases=WORKBOOKS),
    "json": Group(name="a", fields=TEXTS, cases=JSON),
    "spans": Group(name="a.jsonl", fields=SPANS, cases=CHARACTER_SPANS),
    "conll": Group(name="a.conll", fields=WORDS, cases=WORD_FILES),
    "conllu": Group(name="a.conllu", fields=NER, cases=CONLLU),
    "wikiner": Group(name="a", fields=WORDS | {"format": "wikiner"}, cases=BARRED),
    "parallel": Group(name="a", fields=PARALLEL, cases=PARALLEL_FILES),
    "folders": Group(name="a", fields=TEXTS, cases=FOLDERS),
    "splits": Group(name="a", fields=TEXTS, cases=SPLITS),
}


def clean(path: Path, case: Case, fields: Mapping[str, Any]) -> tuple[list[Record], CleanReport]:
    if callable(case.content):
        case.content(path)
    else:
        path.write_bytes(case.content.encode() if isinstance(case.content, str) else case.content)
    unnamed = {"text": None, "words": None, "sentence": None, "group": None, "labels": {}, "tags": {}}
    corpus = Corpus(path=str(path), **{**unnamed, "format": "auto", **(case.fields or fields)})
    records, report = clean_corpus(corpus, TASKS, replace(RULES, **case.rules))
    return list(records), report


def check(path: Path, case: Case, fields: Mapping[str, Any]) -> None:
    if not case.says:
        _, report = clean(path, case, fields)
        found = {key: number_in(report.as_dict(), key) for key in case.counts}
        assert found == case.counts
        return
    with pytest.raises(TandemError) as caught:
        clean(path, case, fields)
    message = str(caught.value)
    assert [part for part in case.says if part not in message] == [], message
    assert path.name in message or message.startswith("params.yaml: "), message


def number_in(metrics: Any, key: str) -> Any:
    for part in key.split("."):
        metrics = metrics[part]
    return metrics


@pytest.mark.parametrize(
    ("group", "case"),
    [pytest.param(group, name, id=f"{group}-{name}") for group in GROUPS for name in GROUPS[group].cases],
)
def test_malformed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: str, case: str) -> None:
    for module in (delimiters, json_streams):
        monkeypatch.setattr(module, "MOST_CHARACTERS", 1 << 19)
    monkeypatch.setattr(xlsx_fallback, "MOST_ROWS", 1000)
    one = GROUPS[group].cases[case]
    check(tmp_path / (one.name or GROUPS[group].name), one, GROUPS[group].fields)


@pytest.mark.parametrize("case", BOMBS)
def test_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    for module in (unpacked_files, workbook_files):
        monkeypatch.setattr(module, "MOST_BYTES", 10_000)
        monkeypatch.setattr(module, "MOST_TIMES", 2)
    check(tmp_path / str(BOMBS[case].name), BOMBS[case], TEXTS)


@pytest.fixture
def unprivileged(tmp_path: Path) -> Iterator[Path]:
    """A folder, and no more rights than any user has: root, who may read everything, becomes nobody meanwhile."""
    if os.geteuid() != 0:
        yield tmp_path
        return
    importlib.import_module("python_calamine")  # nobody may be kept from the folder of the installed packages
    with tempfile.TemporaryDirectory() as folder:  # `tmp_path` is root's alone
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            yield Path(folder)
        finally:
            os.seteuid(0)


@pytest.mark.parametrize("format_", ["auto", *FORMATS])
@pytest.mark.parametrize("locks_folder", [False, True])
def test_no_permission(unprivileged: Path, format_: str, locks_folder: bool) -> None:
    path = unprivileged / "folder" / "a.xlsx"

    def write_locked(path: Path) -> None:
        path.parent.mkdir()
        path.write_text(CSV)
        (path.parent if locks_folder else path).chmod(0)

    says = "Permission denied" if locks_folder or format_ not in ("parallel", "folders") else "a.xlsx"
    try:
        check(path, refused(write_locked, says), TEXTS | {"format": format_})
    finally:
        path.parent.chmod(0o700)


def test_there_are_as_many_as_were_asked_for() -> None:
    assert sum(len(group.cases) for group in GROUPS.values()) + len(BOMBS) >= 60
