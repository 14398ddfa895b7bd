"""What is here: the objects of the cache and the files of the outputs, listed once and then hashed.

A stage may write meanwhile: a file that vanishes after it was listed counts as not here, one that comes later is not
seen. What is here and cannot be read is neither right nor wrong, and says so.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tandem.verification.records import Recorded, md5_of

Advance = Callable[[int], None]
"""Told of each so many bytes that were hashed."""

_OBJECT = re.compile(r"[0-9a-f]{2}/[0-9a-f]{30}(\.dir)?")
_FOLDER_OF_OBJECTS = re.compile(r"\.|[0-9a-f]{2}")
_GONE = (FileNotFoundError, NotADirectoryError)


@dataclass(frozen=True, kw_only=True)
class Hashed:
    """A file's digest and size; or no digest, and what the system says when it is read."""

    digest: str = ""
    size: int = 0
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The paths to hash: objects of the cache, and by the name of each output its files.

    A folder in `unlistable`, with what the system says of it, stands among them for all that may be in it.
    """

    objects: tuple[Path, ...]
    by_output: Mapping[str, tuple[Path, ...]]
    unlistable: Mapping[Path, str]

    @property
    def paths(self) -> Iterator[Path]:
        """All of them, objects first."""
        yield from self.objects
        for paths in self.by_output.values():
            yield from paths

    def n_bytes(self) -> int:
        """How much there is to hash, by what the files' sizes are now."""
        return sum(_size(path) for path in self.paths if path not in self.unlistable)


def list_files(recorded: Recorded) -> Listing:
    """List the cache and the outputs, in the order of their names."""
    unlistable: dict[Path, str] = {}
    in_cache = _files(recorded.cache, unlistable)
    return Listing(
        objects=tuple(path for path in in_cache if _is_object(path.relative_to(recorded.cache), path in unlistable)),
        by_output={output.name: tuple(_files(output.path, unlistable)) for output in recorded.outputs},
        unlistable=unlistable,
    )


def hash_files(listing: Listing, advance: Advance) -> dict[Path, Hashed]:
    """Hash all that is still here; in threads, as hashing holds no lock."""

    def one(path: Path) -> Hashed | None:
        if path in listing.unlistable:
            return Hashed(error=listing.unlistable[path])
        found = _hashed(path)
        advance(found.size if found else 0)
        return found

    paths = list(listing.paths)
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        return {path: found for path, found in zip(paths, pool.map(one, paths), strict=True) if found}


def is_file(path: Path) -> bool:
    """Whether a file is there, even one that may not be looked at."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except _GONE:
        return False
    except OSError:
        return True


def _hashed(path: Path) -> Hashed | None:
    try:
        return Hashed(digest=md5_of(path), size=path.stat().st_size)
    except _GONE:
        return None
    except OSError as error:
        return Hashed(error=error.strerror or str(error))


def _is_object(within: Path, is_unlistable: bool) -> bool:
    return bool((_FOLDER_OF_OBJECTS if is_unlistable else _OBJECT).fullmatch(within.as_posix()))


def _files(path: Path, unlistable: dict[Path, str]) -> list[Path]:
    """The files at or below a path, and the folders that cannot be listed, which are noted."""
    found: list[Path] = []

    def cannot_list(error: OSError) -> None:
        folder = Path(error.filename)
        if isinstance(error, NotADirectoryError):  # the path is a file itself
            found.append(folder)
        elif not isinstance(error, FileNotFoundError):
            found.append(folder)
            unlistable[folder] = error.strerror or str(error)

    for folder, _, names in os.walk(path, onerror=cannot_list):
        found += [Path(folder, name) for name in names]
    return sorted(item for item in found if item in unlistable or is_file(item))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
