"""Several processes train as one would, whoever starts them."""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.pipeline.conftest import Project

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("pipeline")]

TRAIN = ("--module", "stages.train")


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    clone = finished.clone(tmp_path / "clone")
    clone.run("dvc", "cache", "dir", "--local", str(finished.root / ".dvc/cache"))
    clone.run("dvc", "checkout")
    clone.edit_params(model__encoder_dropout=0.1, train__precision="float32")
    clone.run("python", "-m", "stages.train")
    return clone


def history(project: Project) -> tuple[dict, dict[str, list[float]]]:
    """Epochs, and the loss of every step by task."""
    folder = project.root / "data/train"
    curves = {
        path.stem: [float(line.split("\t")[1]) for line in path.read_text().splitlines()[1:]]
        for path in (folder / "plots/metrics/step_loss").iterdir()
    }
    return json.loads((folder / "history.json").read_text()), curves


def assert_same_run(found, expected):
    assert found[0]["best_epoch"] == expected[0]["best_epoch"]
    assert found[1].keys() == expected[1].keys()
    for task, losses in expected[1].items():
        assert found[1][task] == pytest.approx(losses, abs=1e-5), task


def test_two_processes_of_torchrun(project):
    expected = history(project)
    output = project.run("torchrun", "--standalone", "--nproc-per-node", "2", *TRAIN)
    assert output.count("train: ") == 1  # one speaks for both
    assert_same_run(history(project), expected)
    assert not list((project.root / "work").glob("*/checkpoint-*"))
    project.run("dvc", "commit", "--force", "train")  # as the README has it for several nodes
    assert project.repro() == {"hardware-probe", "evaluate", "parity-check"}


def test_two_agents_that_meet_as_two_nodes_would(project):
    expected = history(project)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting = f"127.0.0.1:{free.getsockname()[1]}"
    words = ("--nnodes", "2", "--nproc-per-node", "1", "--rdzv-backend", "c10d", "--rdzv-endpoint", meeting)
    outputs = []
    agents = [
        threading.Thread(target=lambda: outputs.append(project.run("torchrun", *words, *TRAIN))) for _ in range(2)
    ]
    for agent in agents:
        agent.start()
    for agent in agents:
        agent.join(timeout=300)
    assert len(outputs) == 2, outputs
    assert_same_run(history(project), expected)


def test_a_machine_with_two_devices_starts_two_processes(project):
    expected = history(project)
    call = (
        "from pathlib import Path; from tandem.training.passing.processes import launch; "
        "launch('stages.train', 2, work=Path('work'))"
    )
    project.run("python", "-c", call)
    assert_same_run(history(project), expected)
    project.edit_params(train__learning_rate=1e30)
    failed = project.run("python", "-c", call, succeeds=False)
    assert "training has diverged" in failed
    assert "one of 2 processes failed; what it said stands above" in failed


def test_a_second_training_of_the_same_run_is_refused(project):
    lock = project.root / "work/train.lock"
    hold = f"import time, filelock; lock = filelock.FileLock({str(lock)!r}); lock.acquire(); print(flush=True)"
    holder = subprocess.Popen([sys.executable, "-c", f"{hold}; time.sleep(60)"], stdout=subprocess.PIPE, env=os.environ)
    try:
        holder.stdout.readline()
        assert "a training is already running in this folder" in project.run(
            "python", "-m", "stages.train", succeeds=False
        )
    finally:
        holder.kill()
        holder.communicate()
