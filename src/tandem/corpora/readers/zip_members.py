"""The files of a zip archive, whose names are known to be harmless before any of them is opened."""

from __future__ import annotations

import gzip
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from lzma import LZMAError
from pathlib import Path, PurePosixPath

from tandem.errors import TandemError

MEMBERS_LISTED = 10
DAMAGES = (
    *(zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, LZMAError, struct.error),
    *(EOFError, NotImplementedError, OverflowError, ValueError),
)
"""What the modules of the standard library raise for a broken archive."""

Members = Mapping[PurePosixPath, zipfile.ZipInfo]


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open the archive at `path`; raises `TandemError` if it cannot be read or is damaged."""
    try:
        return zipfile.ZipFile(path)
    except OSError as error:
        raise unreadable(path, error) from error
    except DAMAGES as error:
        raise damaged(str(path), error) from error


def list_members(path: Path) -> Members:
    """Return the files of the archive at `path` by name, without hidden ones and those that macOS adds.

    Raises `TandemError` if it cannot be read, is damaged or locked by a password, and for a link, a name that leads
    out of the archive and one that stands there twice.
    """
    with open_zip(path) as archive:
        files = [info for info in archive.infolist() if not _is_passed_over(info.filename)]
    members: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for info in [info for info in files if not _is_hidden(info)] or files:
        name = _checked_name(path, info)
        if name in members:
            raise TandemError(f"{path} holds two files under the name {info.filename!r}; rename one and pack it again")
        members[name] = info
    return members


def only_member(path: Path) -> str:
    """Return the name of the one file in the archive at `path`; raises `TandemError` if there are more or none."""
    names = [info.filename for info in list_members(path).values()]
    if len(names) != 1:
        listed = ", ".join(map(repr, names[:MEMBERS_LISTED])) + (", ..." if len(names) > MEMBERS_LISTED else "")
        raise TandemError(
            f"{path} is a zip archive of {len(names)} files{': ' if names else ''}{listed}; expected exactly one. "
            "Unpack it and name the file (or the folder) in `corpora.*.path`"
        )
    return names[0]


def unreadable(path: Path, error: OSError) -> TandemError:
    """Return the error for what the system does not let us read."""
    return TandemError(f"cannot read {path}: {error.strerror or error}; check its permissions")


def damaged(place: str, reason: object) -> TandemError:
    """Return the error for an archive that breaks off or does not hold together."""
    return TandemError(f"{place} is truncated or damaged ({reason}); copy or download it again")


def _is_passed_over(name: str) -> bool:
    return name.endswith("/") or "__MACOSX" in name  # a damaged name may be empty, which `is_dir` cannot take


def _name(info: zipfile.ZipInfo) -> PurePosixPath:
    return PurePosixPath(info.filename.replace("\\", "/"))


def _is_hidden(info: zipfile.ZipInfo) -> bool:
    return any(part[0] == "." and part != ".." for part in _name(info).parts)


def _checked_name(path: Path, info: zipfile.ZipInfo) -> PurePosixPath:
    name = _name(info)
    if not name.parts or name.is_absolute() or ".." in name.parts or ":" in name.parts[0]:
        raise TandemError(
            f"{path} holds a file under the path {info.filename!r}, which leads out of the archive; refused"
        )
    if info.flag_bits & 1:
        raise TandemError(f"{path} is protected by a password; unpack it and name the file in `corpora.*.path`")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise TandemError(f"{path} holds {info.filename!r}, a link; refused: pack the file itself, not a link to it")
    return name
