"""Where an export may be written."""

from __future__ import annotations

from pathlib import Path

from tandem.errors import TandemError


def check_target(folder: Path) -> None:
    """Raise `TandemError` if the folder holds something, which an export would replace."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise TandemError(f"{folder} is there already and holds something: delete it, or choose another folder")
