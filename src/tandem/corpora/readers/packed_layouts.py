"""Finding out whether an archive holds what only files of their own can be read from, and unpacking that.

Such are class folders, parallel files and workbooks; a single text is read from its archive as it stands there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path, PurePosixPath

from tandem.corpora.readers.class_folders import is_text_name
from tandem.corpora.readers.parallel_files import common_names, packed_names
from tandem.corpora.readers.unpacked_files import PackedFile, find_compression
from tandem.corpora.readers.unpacked_folders import UnpackedFolder, unpack_file, unpack_members
from tandem.corpora.readers.workbook_files import SIGNATURES, check_workbook, is_workbook
from tandem.corpora.readers.zip_members import Members, list_members
from tandem.params import Corpus

MOST_WRAPPERS = 16
"""In so many folders, one in the other, a corpus may be wrapped."""

Parts = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """Which files are read, by the parts of their names, and whether all names together are of this layout."""

    reads: Callable[[Parts], bool]
    fits: Callable[[Sequence[Parts]], bool]


@contextmanager
def unpacked(path: Path, corpus: Corpus) -> Iterator[Path]:
    """Lend the path at which to look into a corpus: its own, or that of its unpacked archive; raises as `unpack`."""
    folder = unpack(path, corpus)
    if folder is None:
        yield path
        return
    try:
        with folder.naming():
            yield folder.path
    finally:
        folder.remove()


def unpack(path: Path, corpus: Corpus) -> UnpackedFolder | None:
    """Unpack the archive at `path` if the files in it are of a layout that the corpus may have, or are a workbook.

    Returns None for everything else, which is left to the readers. Raises `TandemError` for an archive that is
    damaged, too large, or not to be trusted.
    """
    if not _is_file(path) or is_workbook(path):
        return None
    compression = find_compression(path)
    if compression is None:
        return None
    members = list_members(path) if compression == "zip" else {}
    for layout in _layouts(corpus, members):
        root = _root(members, layout)
        if root is not None:
            return _unpacked_layout(path, members, layout, root)
    if corpus.format in ("auto", "xlsx") and (compression == "gzip" or len(members) == 1):
        member = next((info.filename for info in members.values()), None)
        return _unpacked_workbook(PackedFile(path=path, compression=compression, member=member))
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _layouts(corpus: Corpus, members: Members) -> Iterator[_Layout]:
    """Those that may be: parallel files go first, as where they are not packed."""
    is_auto = corpus.format == "auto"
    if is_auto and len(members) < 2:
        return
    if is_auto or corpus.format == "parallel":
        names = {packed for name in common_names(corpus) for packed in packed_names(name)}
        reads = partial(_is_one_of, names)
        yield _Layout(reads=reads, fits=lambda files: any(map(reads, files)))
    if is_auto or corpus.format == "folders":
        yield _Layout(reads=_is_in_class, fits=partial(_are_classes, least=2 if is_auto else 1))


def _is_one_of(names: set[str], file: Parts) -> bool:
    return "/".join(file) in names


def _is_in_class(file: Parts) -> bool:
    return len(file) == 2 and is_text_name(file[1])


def _are_classes(files: Sequence[Parts], least: int) -> bool:
    """Say whether folders hold texts, and do not just stand around the folders that do (`train/urls_pos.txt`)."""
    texts = [file for file in files if is_text_name(file[-1])]
    classes = [file[0] for file in texts if _is_in_class(file)]
    return len(set(classes)) >= least and len(classes) > sum(len(file) > 2 for file in texts)


def _root(members: Members, layout: _Layout) -> PurePosixPath | None:
    """The outermost folder where the layout begins, of those that hold everything."""
    files = [name.parts for name in members]
    levels = zip(*(file[:-1] for file in files), strict=False)
    wrappers = [level[0] for level in takewhile(lambda level: len(set(level)) == 1, levels)]
    for depth in range(min(len(wrappers), MOST_WRAPPERS) + 1):
        if layout.fits([file[depth:] for file in files]):
            return PurePosixPath(*wrappers[:depth])
    return None


def _unpacked_layout(path: Path, members: Members, layout: _Layout, root: PurePosixPath) -> UnpackedFolder:
    depth = len(root.parts)
    folder = unpack_members(path, members, lambda name: layout.reads(name.parts[depth:]))
    folder.path /= root
    return folder


def _unpacked_workbook(packed: PackedFile) -> UnpackedFolder | None:
    with packed.open() as content:
        if not content.read(len(SIGNATURES[0])).startswith(SIGNATURES):
            return None
    folder = unpack_file(packed)
    if not is_workbook(folder.path):
        return None
    with folder.naming():
        check_workbook(folder.path, archive=packed.path)
    return folder
