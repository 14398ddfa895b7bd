"""Finding the splits that a folder holds, from the names in it."""

from __future__ import annotations

import re
from pathlib import Path

from tandem.corpora.schema.records import SPLITS
from tandem.errors import TandemError

_NAMES = {"train": {"train", "training"}, "valid": {"valid", "validation", "dev", "val"}, "test": {"test", "testing"}}
_WORDS = re.compile("[^a-z]+")
_FILES_SIDE_BY_SIDE = ".seq.in"


def find_splits(path: Path) -> dict[str, str]:
    """Return the part of a folder that each split is, or nothing: only if there is one for train and for another.

    Parts are files, folders, or the common beginning of parallel files. Raises `TandemError` if it cannot be read.
    """
    try:
        if not path.is_dir():
            return {}
        names = sorted(child.name for child in path.iterdir() if child.name[0] != ".")
    except OSError as error:
        raise TandemError(f"cannot read {path}: {error.strerror}; check its permissions") from error
    parallel = [name.removesuffix(_FILES_SIDE_BY_SIDE) for name in names if name.endswith(_FILES_SIDE_BY_SIDE)]
    found = {split: [name for name in parallel or names if _is_of(name, split)] for split in SPLITS}
    parts = {split: candidates[0] for split, candidates in found.items() if len(candidates) == 1}
    return parts if "train" in parts and len(parts) > 1 else {}


def _is_of(name: str, split: str) -> bool:
    return not _NAMES[split].isdisjoint(_WORDS.split(name.lower()))
