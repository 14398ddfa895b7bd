"""The formats of corpora by name, and finding a file's format from its name and content."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tandem.corpora.readers.class_folders import open_folders
from tandem.corpora.readers.column_files import open_conll
from tandem.corpora.readers.conllu import open_conllu
from tandem.corpora.readers.delimited import open_csv, open_tsv
from tandem.corpora.readers.delimiters import find_dialect, has_columns
from tandem.corpora.readers.entries import Source
from tandem.corpora.readers.json_records import open_json
from tandem.corpora.readers.packed_layouts import unpack
from tandem.corpora.readers.parallel_files import common_names, has_file, open_parallel
from tandem.corpora.readers.text_files import TextFile, open_text
from tandem.corpora.readers.white_space import split_white
from tandem.corpora.readers.wikiner import open_wikiner
from tandem.corpora.readers.workbook_files import is_workbook
from tandem.corpora.readers.xlsx import open_xlsx
from tandem.errors import TandemError
from tandem.params import Corpus

FORMATS: Mapping[str, Callable[[Path, Corpus], Source]] = {
    "xlsx": open_xlsx,
    "csv": open_csv,
    "tsv": open_tsv,
    "json": open_json,
    "jsonl": open_json,
    "conll": open_conll,
    "conllu": open_conllu,
    "wikiner": open_wikiner,
    "parallel": open_parallel,
    "folders": open_folders,
}

HEAD_CHARACTERS = 1 << 16

_WORKBOOKS = (".xlsx", ".xlsm", ".xls")
_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".jsonlines": "jsonl",
    ".conllu": "conllu",
    **dict.fromkeys((".conll", ".conll03", ".iob", ".iob1", ".iob2", ".bio", ".bioes", ".bilou"), "conll"),
}
_JSON = re.compile(r"\s*(?:\{\s*[\"}]|\[\s*[{\]])")
_CONLLU_ROW = re.compile(r"[0-9]+(?:[-.][0-9]+)?(?:\t[^\t]*){9}")
_WIKINER_WORD = re.compile(r".+\|[^|\s]+\|[^|\s]+")
_NO_WORD = re.compile(r"# |-DOCSTART-")


def open_source(path: Path, corpus: Corpus) -> Source:
    """Open a corpus file (or folder, or prefix of file names) in the format that the params name, or else in its own.

    Raises `TandemError` if the format cannot be told, and as the format's reader does.
    """
    folder = unpack(path, corpus)
    if folder is None:
        return _open(path, corpus)
    with folder.naming():
        return folder.named(_open(folder.path, corpus))


def detect_format(path: Path, corpus: Corpus) -> str:
    """Return the format of what lies at `path`: unmistakable content decides, then the name, then what fits.

    What `unpack` would unpack is to be unpacked before.
    Raises `TandemError` if nothing lies there, it cannot be read, or no format fits.
    """
    if _are_parallel(path, corpus):
        return "parallel"
    if path.is_dir():
        return "folders"
    if path.suffix.lower() in _WORKBOOKS or is_workbook(path):
        return "xlsx"
    file = open_text(path, corpus.encoding)
    with file.stream() as stream:
        head = stream.read(HEAD_CHARACTERS)
    lines = [line.removesuffix("\n") for line in io.StringIO(head, newline=None)]
    lines = lines[:-1] if len(head) == HEAD_CHARACTERS and len(lines) > 1 else lines
    found = _unmistakable(head, lines) or _SUFFIXES.get(file.name.suffix.lower())
    if found == "tsv" and corpus.words is not None and corpus.sentence is None and _are_columns(lines):
        return "conll"
    return found or _fitting(file, lines, corpus)


def _open(path: Path, corpus: Corpus) -> Source:
    name = detect_format(path, corpus) if corpus.format == "auto" else corpus.format
    return FORMATS[name](path, corpus)


def _are_parallel(path: Path, corpus: Corpus) -> bool:
    try:
        return any(has_file(path, name) for name in common_names(corpus))
    except OSError as error:
        raise TandemError(f"cannot read {path}: {error.strerror}; check its permissions") from error


def _unmistakable(head: str, lines: Sequence[str]) -> str | None:
    if _JSON.match(head):
        return "json"
    first_row = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    return "conllu" if _CONLLU_ROW.fullmatch(first_row) else None


def _fitting(file: TextFile, lines: Sequence[str], corpus: Corpus) -> str:
    dialect = find_dialect(file, corpus, corpus.delimiter)
    if has_columns(lines, dialect, corpus):
        return "tsv" if dialect.delimiter == "\t" else "csv"
    filled = [split_white(line) for line in lines if line.strip()]
    if filled and all(_WIKINER_WORD.fullmatch(word) for words in filled for word in words):
        return "wikiner"
    if _are_columns(lines):
        return "conll"
    raise TandemError(
        f"{file.place}: its format cannot be told from its name and content, nor does a first line hold the columns "
        f"that `corpora` names; set corpora.*.format to one of {', '.join(FORMATS)}"
    )


def _are_columns(lines: Sequence[str]) -> bool:
    """Say whether words stand under each other in columns, with blank lines between sentences."""
    words = [line for line in lines if line.strip() and not _NO_WORD.match(line)]
    widths = {len(line.split("\t")) for line in words}
    if widths == {1}:
        widths = {len(split_white(line)) for line in words}
    has_ends = any(not line.strip() for line in lines[1:])
    return has_ends and len(widths) == 1 and min(widths) > 1
