"""The bytes of a text file, unpacked from gzip or zip where need be, and checked as they are read.

The bytes decide whether a file is compressed, not its name.
"""

from __future__ import annotations

import codecs
import gzip
import io
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from tandem.corpora.readers.zip_members import DAMAGES, damaged, only_member, unreadable
from tandem.errors import TandemError

MOST_BYTES = 1 << 30
MOST_TIMES = 200
"""An archive is refused that unpacks to more than `MOST_BYTES` and to more than `MOST_TIMES` its own size."""

Compression = Literal["gzip", "zip"]

_SIGNATURES: dict[bytes, Compression] = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"PK\x05\x06": "zip"}


@dataclass(frozen=True, kw_only=True)
class PackedFile:
    """Where bytes lie: in a file, maybe compressed, or in the one member of a zip archive."""

    path: Path
    compression: Compression | None
    member: str | None

    @property
    def place(self) -> str:
        """The file, and its member if it is an archive, for messages."""
        return str(self.path) if self.member is None else f"{self.path}!{self.member}"

    def open(self, *, skipped: int = 0, checks: TextChecks | None = None) -> UnpackedBytes:
        """Open at byte `skipped`; all that is read from there must pass the checks."""
        try:
            most = most_bytes(self.path) if self.compression else None
            file = _opened(self)
        except OSError as error:
            raise unreadable(self.path, error) from error
        except DAMAGES as error:
            raise damaged(self.place, error) from error
        content = UnpackedBytes(file, self.place, most)
        content.read(skipped)
        content.checks = checks
        return content


def find_packing(path: Path) -> PackedFile:
    """Tell from its bytes whether the file at `path` is compressed.

    Raises `TandemError` as `find_compression` does, and for a zip archive that is damaged, locked by a password, or
    does not hold exactly one file under a harmless name.
    """
    compression = find_compression(path)
    return PackedFile(path=path, compression=compression, member=only_member(path) if compression == "zip" else None)


def find_compression(path: Path) -> Compression | None:
    """Tell how the file at `path` is compressed; raises `TandemError` if it is missing, no file or not readable."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            with path.open("rb") as handle:
                head = handle.read(4)
    except FileNotFoundError:
        raise TandemError(f"{path} is missing: put the file there, or set `corpora.*.path` in params.yaml") from None
    except OSError as error:
        raise unreadable(path, error) from error
    except ValueError as error:
        raise TandemError(f"{str(path)!r} is no path ({error}); correct `corpora.*.path` in params.yaml") from error
    if stat.S_ISDIR(mode):
        raise TandemError(f"{path} is a folder; expected a file: name one of its files in `corpora.*.path`")
    if not stat.S_ISREG(mode):
        raise TandemError(f"{path} is a device or a pipe; expected a regular file: save its content first")
    return next((name for signature, name in _SIGNATURES.items() if head.startswith(signature)), None)


def _opened(packed: PackedFile) -> IO[bytes] | gzip.GzipFile:
    if packed.compression == "gzip":
        return gzip.open(packed.path)
    if packed.member is None:
        return packed.path.open("rb")
    with zipfile.ZipFile(packed.path) as archive:
        return archive.open(packed.member)  # keeps the archive's file open until it is closed itself


def most_bytes(path: Path) -> int:
    """Return how many bytes the archive at `path` may unpack to."""
    return max(MOST_BYTES, MOST_TIMES * path.stat().st_size)


def too_large(place: str, most: int) -> TandemError:
    """Return the error for an archive that unpacks to more."""
    return TandemError(
        f"{place} unpacks to more than {most:,} bytes, {MOST_TIMES} times its own size or more; if that is no mistake, "
        "unpack it and name the file (or the folder) in `corpora.*.path`"
    )


class UnpackedBytes(io.RawIOBase):
    """A stream of bytes that raises `TandemError` where they are damaged, too many, or not what `checks` expects."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile, place: str, most_bytes: int | None) -> None:
        self.checks: TextChecks | None = None
        self._file = file
        self._place = place
        self._most_bytes = most_bytes
        self._n_bytes = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer, return how many bytes it took; none at the end."""
        chunk = self.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def read(self, size: int = -1, /) -> bytes:
        """Return so many bytes, fewer or none at the end."""
        try:
            chunk = self._file.read(size)
        except DAMAGES as error:
            raise damaged(self._place, error) from error
        except OSError as error:
            raise TandemError(f"cannot read {self._place}: {error.strerror or error}") from error
        self._n_bytes += len(chunk)
        if self._most_bytes is not None and self._n_bytes > self._most_bytes:
            raise too_large(self._place, self._most_bytes)
        if self.checks is not None:
            self.checks.decode(chunk)
        return chunk

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


class TextChecks:
    """Decodes strictly and without NUL characters, and counts lines for the message that says where it cannot."""

    def __init__(self, place: str, encoding: str) -> None:
        self._place = place
        self._encoding = encoding
        self._decode = codecs.getincrementaldecoder(encoding)().decode
        self._line = 1
        self._ends_with_return = False

    def decode(self, chunk: bytes) -> str:
        """Decode the next bytes, strictly; an empty chunk is the end."""
        try:
            text = self._decode(chunk, not chunk)
        except UnicodeError as error:
            raise self._undecodable(error) from error
        if "\0" in text:
            self._count_lines(text[: text.index("\0")])
            raise TandemError(
                f"{self._place}, line {self._line}: a NUL character, which no text holds: the file is damaged or no "
                f"text, or its encoding is not {self._encoding}; set corpora.*.encoding (utf-16-le, for one)"
            )
        self._count_lines(text)
        return text

    def _undecodable(self, error: UnicodeError) -> TandemError:
        found = "what follows"
        if isinstance(error, UnicodeDecodeError):
            self._count_lines(error.object[: error.start].decode(self._encoding, errors="replace"))
            found = f"byte 0x{error.object[error.start]:02X}"
        return TandemError(
            f"{self._place}, line {self._line}: {found} is not {self._encoding}; convert the file, or set "
            "corpora.*.encoding to what it is written in (cp1252, for one)"
        )

    def _count_lines(self, text: str) -> None:
        self._line += text.count("\n")
        if "\r" in text or self._ends_with_return:
            self._line += text.count("\r") - text.count("\r\n") - (self._ends_with_return and text[:1] == "\n")
        if text:
            self._ends_with_return = text[-1] == "\r"
