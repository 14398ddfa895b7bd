"""A training that is killed at any moment, and begun again by `dvc repro`, is the one that was left alone."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.pipeline.conftest import Project, take_one_core

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kills")]

N_KILLS = 20
OUTPUTS = ("data/model", "data/train")


def untrained(finished: Project, folder: Path) -> Project:
    """A clone with a cache of its own that has all but a model of these settings."""
    clone = finished.clone(folder)
    shutil.copytree(finished.root / ".dvc/cache", clone.root / ".dvc/cache")
    clone.run("dvc", "checkout")
    clone.edit_params(
        train__epochs=20,
        train__checkpoint_every=3,
        train__loss_weights="uncertainty",
        train__schedule="random",
        model__encoder_dropout=0.1,
    )
    return clone


def trained_files(project: Project) -> dict[str, bytes]:
    paths = [path for folder in OUTPUTS for path in (project.root / folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(project.root)): path.read_bytes() for path in sorted(paths)}


def begin(project: Project) -> subprocess.Popen:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(project.root / "src"),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        ["dvc", "repro", "train"],
        cwd=project.root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=take_one_core,  # noqa: PLW1509 - as for all these runs: threads decide the order of sums
    )


def trainer_of(repro: subprocess.Popen) -> psutil.Process | None:
    """The training that a `dvc repro` has started, once it has."""
    while repro.poll() is None:
        for child in psutil.Process(repro.pid).children(recursive=True):
            try:
                if "stages.train" in child.cmdline() and "python" in child.name():
                    return child
            except psutil.Error:
                continue
        time.sleep(0.05)
    return None


def step_reached(project: Project) -> int:
    found = [int(path.name[-8:]) for path in (project.root / "work").glob("*/checkpoint-*")]
    return max(found, default=0)


def kill_at(project: Project, step: int, delay: float) -> None:
    """Begin a training and kill it a moment after it has come to a step."""
    repro = begin(project)
    trainer = trainer_of(repro)
    assert trainer is not None, repro.communicate()[0]
    while trainer.is_running() and trainer.status() != psutil.STATUS_ZOMBIE and step_reached(project) < step:
        time.sleep(0.002)
    time.sleep(delay)
    trainer.send_signal(signal.SIGKILL)
    output = repro.communicate()[0]
    assert repro.returncode != 0, output


def test_a_run_killed_twenty_times_ends_with_the_same_bytes(finished, tmp_path):
    alone, killed = (untrained(finished, tmp_path / name) for name in ("alone", "killed"))
    assert "train" in alone.repro("train")
    n_steps = len((alone.root / "data/train/plots/metrics/learning_rate.tsv").read_text().splitlines()) - 1
    draw = random.Random(3)
    for step in sorted(draw.sample(range(n_steps - 10), N_KILLS)):
        kill_at(killed, step, draw.uniform(0, 0.1))
    moments = step_reached(killed)
    assert 0 < moments < n_steps
    output = killed.run("dvc", "repro", "train")
    assert "goes on after step" in output
    assert trained_files(killed) == trained_files(alone)


def test_ctrl_c_and_sigterm_write_a_checkpoint_and_the_next_run_goes_on(finished, tmp_path):
    project = untrained(finished, tmp_path / "project")
    reached = 0
    for number in (signal.SIGTERM, signal.SIGINT):
        repro = begin(project)
        trainer = trainer_of(repro)
        while step_reached(project) < reached + 6:
            time.sleep(0.005)
        trainer.send_signal(number)
        output = repro.communicate()[0]
        assert repro.returncode != 0
        reached = step_reached(project)
        assert f"train: stopped after step {reached} of" in output
        assert "Traceback" not in output
    assert f"goes on after step {reached}/" in project.run("dvc", "repro", "train")


def test_going_back_to_old_params_trains_nothing(finished, tmp_path):
    project = untrained(finished, tmp_path / "project")
    before = (project.root / "params.yaml").read_text()
    assert "train" in project.repro("train")
    files = trained_files(project)
    project.edit_params(train__learning_rate=0.003)
    assert "goes on after step" not in project.run("dvc", "repro", "train")
    assert trained_files(project) != files
    (project.root / "params.yaml").write_text(before)
    output = project.run("dvc", "repro", "train")
    assert "Stage 'train' is cached" in output
    assert trained_files(project) == files
