"""Where a run stands, on disk: written whole or not at all, the last few kept; tensors and JSON, nothing that executes.

    <run>/checkpoint-00000300/   <group>.safetensors for each group of tensors, facts.json
    <run>/best-00000002/         weights.safetensors: the best epoch's

No random state is among it: every draw (order, turns, dropout) is a function of the seed and the step.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from tandem.artifacts import FORMAT_KEY, Format, atomic_folder
from tandem.errors import TandemError

FORMAT = Format(version=1, remedy="nothing is to be done, the run begins anew")
_CHECKPOINT, _BEST, _DISCARDED = "checkpoint-", "best-", ".discarded"


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """All that going on needs: groups of tensors by name, and JSON values, whose floats stay exact."""

    step: int
    tensors: Mapping[str, Mapping[str, Tensor]]
    facts: Mapping[str, Any]


class Checkpoints:
    """The checkpoints of one run, in a folder of its own."""

    def __init__(self, folder: Path, *, kept: int) -> None:
        self.folder = folder
        self.kept = kept

    def save(self, snapshot: Snapshot) -> None:
        """Write a checkpoint, then delete those before the last `kept`.

        Raises `TandemError` if the disk is full.
        """
        with atomic_folder(self.folder / f"{_CHECKPOINT}{snapshot.step:08}") as partial:
            for group, tensors in snapshot.tensors.items():
                _write_tensors(partial / f"{group}.safetensors", tensors)
            own = {FORMAT_KEY: FORMAT.version, "step": snapshot.step, "groups": sorted(snapshot.tensors)}
            facts = {**own, **snapshot.facts}
            (partial / "facts.json").write_bytes(orjson.dumps(facts))
        for old in self._numbered(_CHECKPOINT)[: -self.kept]:
            shutil.rmtree(old, ignore_errors=True)

    def latest(self) -> Snapshot | None:
        """The last checkpoint that is whole, if there is any; one that is damaged is passed over, and said so."""
        for folder in reversed(self._numbered(_CHECKPOINT)):
            try:
                facts = dict(orjson.loads((folder / "facts.json").read_bytes()))
                FORMAT.check(folder, facts.pop(FORMAT_KEY))
                tensors = {group: load_file(folder / f"{group}.safetensors") for group in facts.pop("groups")}
                return Snapshot(step=facts.pop("step"), tensors=tensors, facts=facts)
            except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
                sys.stderr.write(f"{folder} is passed over: {error}\n")
        return None

    def save_best(self, epoch: int, weights: Mapping[str, Tensor]) -> None:
        """Keep the weights of an epoch beside those of the best one before, which the last checkpoint may need."""
        with atomic_folder(self.folder / f"{_BEST}{epoch:08}") as partial:
            _write_tensors(partial / "weights.safetensors", weights)
        for old in self._numbered(_BEST)[: -self.kept - 1]:
            shutil.rmtree(old, ignore_errors=True)

    def best(self, epoch: int) -> dict[str, Tensor]:
        """The weights that `save_best` kept; raises `TandemError` if they are gone."""
        path = self.folder / f"{_BEST}{epoch:08}" / "weights.safetensors"
        try:
            return load_file(path)
        except (OSError, SafetensorError) as error:
            raise TandemError(f"cannot read {path} ({error}): delete {self.folder} to begin the run anew") from error

    def _numbered(self, prefix: str) -> list[Path]:
        return sorted(self.folder.glob(f"{prefix}[0-9]*"))


def discard(folder: Path) -> None:
    """Delete the folder of a run that is finished, and what is left of others whose deletion was cut short.

    It gets another name first: killed half-way, the run would else begin again from half a checkpoint.
    """
    with suppress(OSError):
        folder.rename(folder.with_suffix(_DISCARDED))
    for discarded in folder.parent.glob(f"*{_DISCARDED}"):
        shutil.rmtree(discarded, ignore_errors=True)


def _write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    try:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, path)
    except SafetensorError as error:  # how it wraps what the disk says
        raise OSError(str(error)) from error
