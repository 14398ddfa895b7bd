"""Archives that are unpacked into a temporary folder, for readers that need files.

What they say of the folder is said of the archive instead, so that the folder's name is seen nowhere.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import weakref
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

from tandem.corpora.readers.entries import Source
from tandem.corpora.readers.text_files import CHUNK_BYTES, check_no_archive
from tandem.corpora.readers.unpacked_files import Compression, PackedFile, UnpackedBytes, most_bytes, too_large
from tandem.corpora.readers.zip_members import DAMAGES, Members, damaged, open_zip
from tandem.errors import TandemError

Piece = TypeVar("Piece")

_ONLY_CONTENT = "content"


class UnpackedFolder:
    """A temporary folder with the content of an archive: it goes with the last reference to this, or by `remove`.

    `path` is what the readers are to open.
    """

    def __init__(self, archive: Path, compression: Compression) -> None:
        self._archive, self._compression = archive, compression
        try:
            self._most_bytes, self._n_bytes = most_bytes(archive), 0
            self.path = self._root = Path(tempfile.mkdtemp(prefix="tandem-"))
        except OSError as error:
            raise self._unwritable(error) from error
        self.remove = weakref.finalize(self, shutil.rmtree, self._root, ignore_errors=True)

    def write(self, name: PurePosixPath, content: UnpackedBytes | io.BufferedReader) -> Path:
        """Write a file; raises `TandemError` if that fails, or it is too much with all that was written before."""
        target = self._root / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                while chunk := content.read(CHUNK_BYTES):
                    self._n_bytes += len(chunk)
                    if self._n_bytes > self._most_bytes:
                        raise too_large(str(self._archive), self._most_bytes)
                    file.write(chunk)
        except OSError as error:
            raise self._unwritable(error) from error
        return target

    def told(self, text: str) -> str:
        """Name the archive, and the file in it, where a text names the folder."""
        if self._compression == "gzip":
            text = text.replace(str(self._root / _ONLY_CONTENT), str(self._archive))
        return text.replace(f"{self._root}/", f"{self._archive}!").replace(str(self._root), str(self._archive))

    @contextmanager
    def naming(self) -> Iterator[None]:
        """Let errors name the archive."""
        try:
            yield
        except TandemError as error:
            raise TandemError(self.told(str(error))) from None

    def named(self, source: Source) -> Source:
        """Let a source that was opened here name the archive, and keep the folder until its entries are read."""
        facts = {key: self._told_fact(value) for key, value in source.facts.items()}
        return replace(
            source,
            place=self.told(source.place),
            facts={**facts, "compression": self._compression},
            entries=self._kept(source.entries),
            pieces=None if source.pieces is None else self._kept(source.pieces),
        )

    def _told_fact(self, fact: object) -> object:
        if isinstance(fact, Mapping):
            return {key: self._told_fact(value) for key, value in fact.items()}
        return self.told(fact) if isinstance(fact, str) else fact

    def _kept(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        try:
            with self.naming():
                yield from pieces
        finally:
            self.remove()

    def _unwritable(self, error: OSError) -> TandemError:
        return TandemError(
            f"{self._archive} cannot be unpacked into the folder for temporary files ({error.strerror}); make room "
            "there, name another folder in the variable TMPDIR, or unpack it yourself and name what is in it in "
            "`corpora.*.path`"
        )


def unpack_file(packed: PackedFile) -> UnpackedFolder:
    """Unpack the one file in an archive; raises `TandemError` as `PackedFile.open` and writing it do."""
    assert packed.compression is not None
    folder = UnpackedFolder(packed.path, packed.compression)
    with packed.open() as content:
        folder.path = folder.write(PurePosixPath((packed.member or _ONLY_CONTENT).replace("\\", "/")), content)
    return folder


def unpack_members(path: Path, members: Members, reads: Callable[[PurePosixPath], bool]) -> UnpackedFolder:
    """Unpack the files of the zip archive at `path`.

    Raises `TandemError` if it is damaged or too large, and if a file that `reads` tells of is an archive itself.
    """
    folder = UnpackedFolder(path, "zip")
    with open_zip(path) as archive:
        for name, info in members.items():
            place = f"{path}!{name}"
            with _opened(archive, info, place) as content:
                if reads(name):
                    check_no_archive(content.peek(), place)
                folder.write(name, content)
    return folder


def _opened(archive: zipfile.ZipFile, info: zipfile.ZipInfo, place: str) -> io.BufferedReader:
    try:
        file = archive.open(info)
    except OSError as error:
        raise TandemError(f"cannot read {place}: {error.strerror or error}") from error
    except DAMAGES as error:
        raise damaged(place, error) from error
    return io.BufferedReader(UnpackedBytes(file, place, None), CHUNK_BYTES)
