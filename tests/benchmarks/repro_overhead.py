"""What a `dvc repro` with nothing to do takes beside DVC's own time for an empty pipeline of as many stages.

Outputs are placeholders, so that nothing is trained. The probe, which runs every time, copies its facts: the overhead
is what comes on top of the stages' own work. The note tells the time with the probe's work.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import statistics
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
        ours, idle, chain = (Path(folder, name) for name in ("ours", "idle", "chain"))
        n_stages = _prepare_ours(ours)
        _prepare_idle(idle)
        _prepare_chain(chain, n_stages)
        with_work = statistics.median(seconds(lambda: _repro(ours)) for _ in range(request.rounds))
        note = (
            f"`dvc repro` with nothing to do, {n_stages} stages with empty commands; reference: stages of one "
            f"dependency and one output each; with the work of the probe, ours takes {with_work:.2f} s"
        )
        return in_turn(
            lambda: _repro(idle),
            lambda: _repro(chain),
            rounds=6 * request.rounds,  # of a second each, which scatter
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


def _prepare_idle(root: Path) -> None:
    root.mkdir()
    lay_out(root)
    (root / "data").mkdir()
    with contextlib.chdir(root), Repo() as repo:
        settle(repo)
    shutil.copytree(root / "data", root / "facts", ignore=lambda *_: ("raw", "metrics"))
    for path, command in ((root / "dvc.yaml", "':'"), (root / "stages/dvc.yaml", "cp facts/*.json data")):
        path.write_text(re.sub(r"cmd: python .*", f"cmd: {command}", path.read_text()))
    with contextlib.chdir(root), Repo() as repo:
        repo.commit(force=True)


def _prepare_chain(root: Path, n_stages: int) -> None:
    root.mkdir()
    lay_out(root)
    stages = {}
    for number in range(n_stages):
        before = f"part{number - 1}" if number else "params.yaml"
        stages[f"stage{number}"] = {"cmd": f"cp {before} part{number}", "deps": [before], "outs": [f"part{number}"]}
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    _repro(root)


def _repro(root: Path) -> None:
    _run(root, "dvc", "repro", "--quiet")


def _run(root: Path, *words: str) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT / "src")}
    subprocess.run(words, cwd=root, env=environment, check=True, capture_output=True)
