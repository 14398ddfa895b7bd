"""What tells whether a file is still as it was: its size and the time of its last change.

A file that is written while it is read would go on in part, or in a mixture of old and new, and nobody would know.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from tandem.errors import TandemError
from tandem.params import Corpus

Stamps = Mapping[Path, tuple[int, int]]
"""Size in bytes and time in nanoseconds, by path."""


def stamps_of(corpus: Corpus) -> Stamps:
    """Look at every file of a corpus; what cannot be looked at is left to the readers to complain about."""
    path = Path(corpus.path)
    parts = [path] if corpus.splits is None else [path / part for part in corpus.splits.values()]
    found = {}
    for part in parts:
        with suppress(OSError):
            found.update({file: stamp for file in _files(part) if (stamp := _stamp(file)) is not None})
    return found


def check_unchanged(corpus: Corpus, before: Stamps) -> None:
    """Raise `TandemError` if a file of a corpus is not as it was."""
    after = stamps_of(corpus)
    changed = sorted(file for file in before.keys() | after.keys() if before.get(file) != after.get(file))
    if changed:
        raise TandemError(f"{changed[0]} changed while it was read: wait until it is written, then run `dvc repro`")


def _files(part: Path) -> Iterator[Path]:
    """A file; all files of a folder; or those whose names begin so, as parallel files do."""
    if part.is_dir():
        for folder, _, names in os.walk(part):
            yield from (Path(folder, name) for name in names)
    elif part.is_file():
        yield part
    else:
        yield from part.parent.glob(f"{glob.escape(part.name)}.*")


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
