"""The formats of what `evaluate` writes for others to read: `tandem compare` and `tandem predict`, the twins."""

from __future__ import annotations

from tandem.artifacts import Format

PREDICTIONS = Format(version=1, remedy="run `dvc repro --force evaluate` there")
READING = Format(version=1, remedy="run `dvc repro --force evaluate`")
