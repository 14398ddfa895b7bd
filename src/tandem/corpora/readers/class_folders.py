"""Reading a folder with a folder of text files for each class, as in aclImdb: `train/pos/1_7.txt`."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from tandem.corpora.readers.entries import Entry, Notes, Source
from tandem.corpora.readers.text_files import TextFile, open_text
from tandem.corpora.readers.unpacked_files import find_packing
from tandem.errors import TandemError
from tandem.params import Corpus

SUFFIX = ".txt"
PACKED_SUFFIXES = (f"{SUFFIX}.gz", f"{SUFFIX}.zip")
NAMES_LISTED = 10

_NUMBER = re.compile("([0-9]+)")


def open_folders(path: Path, corpus: Corpus) -> Source:
    """Open the texts of a folder; each is labelled, for the corpus's first label task, by the name of its folder.

    Classes come in the order of their names, files in natural order (`2.txt` before `10.txt`). Hidden files are
    passed over; files without the suffix `.txt` (packed: `.txt.gz`, `.txt.zip`) and folders inside a class's folder
    are passed over and noted. Raises `TandemError` if there is no such folder, it holds no texts, or one of them
    cannot be read.
    """
    if len(corpus.labels) != 1 or corpus.words is not None or corpus.tags or corpus.spans:
        raise TandemError(
            f"{path}: a folder of texts by class serves one classification task; expected `text`, one name under "
            "corpora.*.labels, and neither words, tags nor spans"
        )
    notes = Notes()
    try:
        classes = _classes(path, notes.counts)
        first = next((file for files in classes.values() for file in files if not _is_empty(file)), None)
    except OSError as error:
        raise _unreadable(Path(error.filename or path), error) from error
    if first is None:
        raise TandemError(f"{path}: every {SUFFIX} file is empty; expected a text in each")
    encoding = _opened(first, corpus).encoding
    return Source(
        place=str(path),
        unit="record",
        facts={"format": "folders", "encoding": encoding, "classes": {name: len(classes[name]) for name in classes}},
        entries=_entries(classes, encoding, corpus, notes),
        notes=notes,
    )


def _entries(classes: Mapping[str, Sequence[Path]], encoding: str, corpus: Corpus, notes: Notes) -> Iterator[Entry]:
    task = next(iter(corpus.labels))
    labelled = ((name, file) for name, files in classes.items() for file in files)
    for row, (name, file) in enumerate(labelled, start=1):
        text = ""
        if not _is_empty(file):
            opened = _opened(file, corpus)
            with opened.stream() as stream:
                text = stream.read()
            if opened.encoding != encoding:
                notes.add(f"files_in_{opened.encoding}", row)
        yield Entry(row=row, text=text, labels={task: name})


def _opened(file: Path, corpus: Corpus) -> TextFile:
    return open_text(file, corpus.encoding)


def is_text_name(name: str) -> bool:
    """Say whether a file of that name is one of a class's texts."""
    return name.lower().endswith((SUFFIX, *PACKED_SUFFIXES))


def _is_empty(file: Path) -> bool:
    if file.name.lower().endswith(PACKED_SUFFIXES):
        with find_packing(file).open() as content:
            return not content.read(1)
    try:
        return not file.stat().st_size
    except OSError as error:
        raise _unreadable(file, error) from error


def _classes(path: Path, counts: Counter[str]) -> dict[str, list[Path]]:
    """The text files of each class; what is passed over is counted."""
    children = _children(path)
    folders = [child for child in children if child.is_dir()]
    counts["files_beside_folders"] += len(children) - len(folders)
    classes = {}
    for folder in folders:
        _check_name(folder)
        inside = _children(folder)
        files = [file for file in inside if is_text_name(file.name) and _is_text(file)]
        n_folders = sum(file.is_dir() for file in inside)
        if not files and n_folders:
            raise TandemError(
                f"{folder} holds folders and no {SUFFIX} file; expected {path}/<class>/<name>{SUFFIX}. Set "
                f"corpora.*.path to the folder whose folders are the classes: is it {folder}?"
            )
        counts["folders_in_folders"] += n_folders
        counts["files_of_other_kinds"] += len(inside) - n_folders - len(files)
        counts["empty_folders"] += not inside
        if files:
            classes[folder.name] = files
    if not classes:
        raise _without_texts(path, folders, children)
    return classes


def _is_text(file: Path) -> bool:
    """Say so of links to nothing as well: reading them is an error, whereas a pipe is none of the texts."""
    return file.is_file() or (file.is_symlink() and not file.exists())


def _children(folder: Path) -> list[Path]:
    """What a folder holds in natural order, without what is hidden."""
    try:
        return sorted((child for child in folder.iterdir() if child.name[0] != "."), key=_natural_order)
    except FileNotFoundError as error:
        raise TandemError(f"{folder} does not exist; expected a folder with a folder for each class") from error
    except NotADirectoryError as error:
        raise TandemError(
            f"{folder} is a file; expected a folder with a folder for each class. Name the folder in corpora.*.path, "
            "or set corpora.*.format to the file's own"
        ) from error


def _natural_order(path: Path) -> tuple[list[str | int], str]:
    parts = _NUMBER.split(path.name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], path.name


def _check_name(folder: Path) -> None:
    try:
        os.fsencode(folder.name).decode()
    except UnicodeDecodeError as error:
        raise TandemError(
            f"{str(folder)!r}: the folder's name is not UTF-8, so that it cannot be a label; rename it"
        ) from error


def _without_texts(path: Path, folders: Sequence[Path], children: Sequence[Path]) -> TandemError:
    if not children:
        return TandemError(f"{path} is empty; expected a folder for each class, with {SUFFIX} files in it")
    if not folders:
        listed = ", ".join(child.name for child in children[:NAMES_LISTED])
        return TandemError(f"{path} holds files alone ({listed}); expected a folder for each class")
    names = chain.from_iterable(map(_children, folders))
    suffixes = sorted({file.suffix or "none" for file in names})[:NAMES_LISTED]
    return TandemError(
        f"{path}: no {SUFFIX} file in the folders {', '.join(folder.name for folder in folders[:NAMES_LISTED])}; "
        f"suffixes found: {', '.join(suffixes) or 'no file at all'}. Rename the files to end in {SUFFIX}"
    )


def _unreadable(path: Path, error: OSError) -> TandemError:
    return TandemError(f"{path} cannot be read ({error.strerror}); give yourself the right to read it, or move it")
