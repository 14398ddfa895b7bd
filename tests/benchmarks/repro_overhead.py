"""What our pipeline adds to DVC's own time when there is nothing to do: against an empty one of as many stages.

The probe runs every time, in both: it is a stage's own work. Outputs are placeholders, so that nothing is trained.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from dvc.repo import Repo

from tests.benchmarks import Measurement, Request, in_turn, seconds
from tests.invalidation import ROOT, lay_out, settle

LIMIT = 1 / 1.5
PROBE = "python -m stages.hardware_probe"


def measure(request: Request) -> Measurement:
    """The seconds of a `dvc repro` that finds everything up to date."""
    with tempfile.TemporaryDirectory() as folder:
        ours, empty = Path(folder, "ours"), Path(folder, "empty")
        n_stages = _prepare_ours(ours)
        _prepare_empty(empty, n_stages)
        probing = seconds(lambda: _run(ours, *PROBE.split()))
        note = (
            f"`dvc repro` with nothing to do, {n_stages} stages; in both, the probe runs, which takes {probing:.1f} s "
            "by itself. Reference: stages of one dependency and one output each"
        )
        return in_turn(
            lambda: _repro(ours),
            lambda: _repro(empty),
            rounds=request.rounds,
            warm_up=not request.quick,
            note=note,
            limit=LIMIT,
        )


def _prepare_ours(root: Path) -> int:
    root.mkdir()
    lay_out(root)
    (root / "data").mkdir()
    _run(root, *PROBE.split())  # the facts that it writes are real, or the stages after it would be stale
    with contextlib.chdir(root), Repo() as repo:
        settle(repo)
        return len(repo.index.stages)


def _prepare_empty(root: Path, n_stages: int) -> None:
    root.mkdir()
    lay_out(root)
    (root / "data").mkdir()
    stages = {"probe": {"cmd": PROBE, "always_changed": True}}
    for number in range(1, n_stages):
        before = f"part{number - 1}" if number > 1 else "params.yaml"
        stages[f"stage{number}"] = {"cmd": f"cp {before} part{number}", "deps": [before], "outs": [f"part{number}"]}
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    _repro(root)


def _repro(root: Path) -> None:
    _run(root, "dvc", "repro", "--quiet")


def _run(root: Path, *words: str) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT / "src")}
    subprocess.run(words, cwd=root, env=environment, check=True, capture_output=True)
