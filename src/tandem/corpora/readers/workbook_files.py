"""Telling a workbook from everything else that a path may lead to, before any engine reads it."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from tandem.corpora.readers.unpacked_files import MOST_BYTES, MOST_TIMES
from tandem.corpora.readers.zip_members import DAMAGES
from tandem.errors import TandemError

UNREADABLE = (zipfile.BadZipFile, zlib.error, SyntaxError, KeyError, ValueError, EOFError, OSError, RuntimeError)
"""What the parsers of archives and XML raise for a broken file; XML's own errors are kinds of SyntaxError."""
MOST_ROWS = 1 << 20
"""So many rows the format allows."""

_COMPOUND_FILE = bytes.fromhex("d0cf11e0a1b11ae1")
SIGNATURES = (b"PK\x03\x04", _COMPOUND_FILE[:4])
"""A workbook begins with one of them, an archive or an old document maybe, too."""
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")


def is_workbook(path: Path) -> bool:
    """Say whether an office program wrote it; files that cannot be read are left to the readers to complain about."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as handle:
            signature = handle.read(4)
        if not signature.startswith(b"PK"):
            return signature == _COMPOUND_FILE[:4]
        with zipfile.ZipFile(path) as archive:
            return any(name == "[Content_Types].xml" or name.startswith("xl/") for name in archive.namelist())
    except (OSError, *DAMAGES):
        return False


def check_workbook(path: Path, *, archive: Path | None = None) -> None:
    """Raise `TandemError` unless `path` is a zip archive that holds an xlsx workbook.

    The bytes decide, not the name: a password, the old .xls, a renamed csv and a broken download each get
    their own message. `archive` is what the workbook was packed in, whose size then bounds what it may unpack to.
    """
    try:
        if path.is_dir():
            raise TandemError(f"{path} is a folder; expected an xlsx workbook: name the file in `corpora.*.path`")
        if path.exists() and not path.is_file():
            raise TandemError(f"{path} is a device or a pipe; expected an xlsx workbook: save its content first")
        with path.open("rb") as handle:
            signature = handle.read(8)
    except FileNotFoundError:
        raise TandemError(
            f"{path} is missing: put the workbook there, or set `corpora.*.path` in params.yaml"
        ) from None
    except OSError as error:
        raise TandemError(f"cannot read {path}: {error.strerror}; check its permissions") from error
    if signature == _COMPOUND_FILE:
        raise TandemError(_compound_file(path))
    if not signature.startswith(b"PK\x03\x04"):
        raise TandemError(
            f"{path} is not a workbook ({_description(signature)}); expected format: xlsx. "
            "Open it in a spreadsheet program and save it as .xlsx"
        )
    _check_archive(path, archive or path)


def damaged(path: Path, reason: object) -> TandemError:
    """Return the error for a workbook that breaks off or does not hold together."""
    return TandemError(f"{path} is truncated or damaged ({reason}); copy or download it again")


def hidden(path: Path, sheet: str) -> TandemError:
    """Return the error for a first sheet that nobody sees."""
    return TandemError(f"{path}, sheet {sheet!r} is hidden, and only the first sheet is read; show or delete it")


def _compound_file(path: Path) -> str:
    if _ENCRYPTED_STREAM in path.read_bytes():
        return f"{path} is protected by a password; expected a plain xlsx: open it and save it without one"
    return f"{path} is an old .xls workbook; expected format: xlsx. Open it and save it as .xlsx"


def _description(signature: bytes) -> str:
    if not signature:
        return "an empty file"
    return f"it begins with {signature!r}, an xlsx begins with b'PK'"


def _check_archive(path: Path, whole: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {member.filename: member.file_size for member in archive.infolist()}
    except UNREADABLE as error:
        raise damaged(path, error) from error
    if "xl/workbook.xml" not in sizes:
        raise TandemError(f"{path} is a zip archive without an xlsx workbook in it (xl/workbook.xml); save it as .xlsx")
    if sum(sizes.values()) > max(MOST_BYTES, MOST_TIMES * whole.stat().st_size):
        raise TandemError(
            f"{path} unpacks to more than {MOST_BYTES:,} bytes, {MOST_TIMES} times its own size or more; if that is no "
            "mistake, save it as csv and name that file in `corpora.*.path`"
        )
