"""Writing files that are whole or absent, and the same bytes for the same values.

JSON has sorted keys and floats of six significant digits; JSON Lines go through orjson; arrays are npy.
Every file is written beside its target and renamed, so that a reader never meets half of one. What another stage or
command reads says which format it has: JSON in a key, JSON Lines in the same key of the first row, so that files laid
end to end are one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

import orjson
from filelock import FileLock, Timeout

from tandem.errors import TandemError

FORMAT_KEY = "format_version"


@dataclass(frozen=True, kw_only=True)
class Format:
    """The format of a kind of artifact; its `version` rises when what was written before would be misread.

    `remedy` says what writes it anew.
    """

    version: int
    remedy: str

    def check(self, where: Path | str, found: object) -> None:
        """Raise `TandemError` if what stands at `where` has another format; one without a version has the first."""
        if found is None:
            found = 1
        if found != self.version:
            is_newer = isinstance(found, int) and found > self.version
            raise TandemError(
                f"{where} was written by another version of Tandem: it has format version {found}, this Tandem reads "
                f"{self.version}: {'update Tandem, or ' * is_newer}{self.remedy}"
            )


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a binary handle whose content becomes `path` if the block ends well, and vanishes otherwise.

    Raises `TandemError` if the disk is full, the folder is read-only, or the like.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        partial.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        _discard(partial)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder that replaces `path` if the block ends well, and vanishes otherwise.

    Raises `TandemError` if the disk is full, the folder is read-only, or the like.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        shutil.rmtree(path, ignore_errors=True)
        partial.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def exclusive(lock: Path, what: str) -> Iterator[None]:
    """Hold `lock` for the block; raises `TandemError` if another process holds it. It ends with its holder."""
    holder = FileLock(lock, blocking=False)
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        holder.acquire()
    except OSError as error:
        if not isinstance(error, Timeout):
            raise _cannot_write(lock, error) from error
        raise TandemError(f"{what} is already running in this folder: wait for it, or stop it, and run again") from None
    try:
        yield
    finally:
        holder.release()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write `value` as indented JSON; raises `ValueError` for NaN and infinity, which JSON does not know."""
    text = json.dumps(_rounded(value), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    with atomic_file(path) as handle:
        handle.write(text.encode() + b"\n")


def read_json(path: Path) -> Any:
    """Read a JSON file that Tandem wrote; raises `TandemError` if it is missing or damaged."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise TandemError(f"{path} is missing: run `dvc repro`, or `dvc pull` to fetch it") from error
    except (ValueError, RecursionError) as error:
        raise TandemError(f"{path} is damaged ({error}): delete it and run `dvc repro`") from error


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]], form: Format) -> int:
    """Write one JSON object a line, keys sorted, as the rows arrive; return how many there were."""
    count = 0
    with atomic_file(path) as handle:
        for row in _marked(rows, form):
            handle.write(orjson.dumps(row, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE))
            count += 1
    return count


def read_jsonl(path: Path, form: Format) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON Lines file that Tandem wrote, one at a time.

    Raises `TandemError` if it is missing, damaged or of another format.
    """
    try:
        with path.open("rb") as handle:
            for number, line in enumerate(handle, start=1):
                row = _parsed(path, number, line)
                if number == 1 or FORMAT_KEY in row:
                    form.check(path, row.pop(FORMAT_KEY, None))
                yield row
    except FileNotFoundError as error:
        raise TandemError(f"{path} is missing: run `dvc repro`, or `dvc pull` to fetch it") from error


def _marked(rows: Iterable[Mapping[str, Any]], form: Format) -> Iterator[Mapping[str, Any]]:
    """The rows, the first with its format."""
    rest = iter(rows)
    first = ({FORMAT_KEY: form.version, **row} for row in islice(rest, 1))
    return chain(first, rest)


def _parsed(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        row = orjson.loads(line)
        if not isinstance(row, dict):
            raise ValueError("no JSON object")
    except ValueError as error:
        raise TandemError(f"{path}: line {number} is damaged ({error}): delete the file and run `dvc repro`") from error
    return row


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value


def _cannot_write(path: Path, error: OSError) -> TandemError:
    return TandemError(
        f"cannot write {path}: {error.strerror or error}. "
        "Nothing was half-written; free space or fix the permissions and run again"
    )


def _discard(partial: Path) -> None:
    with suppress(OSError):  # the reason why it could not be written has been said
        partial.unlink(missing_ok=True)
