"""DVC's experiments: one from the command line, a queue with two workers, sharing between clones, and going back."""

import csv
import io
import shutil
import time

import pytest

from tests.pipeline.conftest import Project

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("operations")]

MODEL = "data/model/model.safetensors"


@pytest.fixture
def project(finished: Project, tmp_path) -> Project:
    """A clone with a cache of its own, of a bare repository, with a DVC remote."""
    finished.run("git", "clone", "--quiet", "--bare", ".", str(tmp_path / "origin.git"))
    project = Project(tmp_path / "origin.git").clone(tmp_path / "project")
    shutil.copytree(finished.root / ".dvc/cache", project.root / ".dvc/cache")
    project.run("dvc", "checkout")
    project.run("dvc", "remote", "add", "--default", "store", str(tmp_path / "store"))
    project.commit("Say where artifacts lie")
    project.run("git", "push", "--quiet", "origin", "HEAD")
    return project


def shown(project: Project) -> dict[str, dict[str, str]]:
    """The rows of `dvc exp show` by the name of the experiment."""
    table = project.run("dvc", "exp", "show", "--csv")
    rows = csv.DictReader(io.StringIO(table[table.index("Experiment,") :]))
    return {row["Experiment"]: row for row in rows}


def test_experiments_run_queue_are_shared_and_undone(project: Project, tmp_path):
    first = (project.root / MODEL).read_bytes()
    said = project.run("dvc", "exp", "run", "-S", "train.learning_rate=0.003", "--name", "slower")
    assert "Running stage 'train'" in said
    assert "Running stage 'tokenize-align@reviews'" not in said
    slower = (project.root / MODEL).read_bytes()
    assert slower != first

    said = project.run("dvc", "exp", "run", "-S", "train.learning_rate=0.01", "--name", "back")  # as it was
    assert "Stage 'train' is cached" in said
    assert (project.root / MODEL).read_bytes() == first

    for steps in (2, 3):
        project.run("dvc", "exp", "run", "--queue", "-S", f"train.max_steps={steps}", "--name", f"short{steps}")
    project.run("dvc", "queue", "start", "--jobs", "2")
    assert "Running stage 'train'" not in project.run("dvc", "repro")  # beside the workers, in this folder
    wait_for_queue(project)
    rows = shown(project)
    assert rows.keys() >= {"slower", "back", "short2", "short3"}
    assert rows["short2"]["train.max_steps"] == "2"
    assert rows["slower"]["train.learning_rate"] == "0.003"
    assert float(rows["short2"]["combined_score"]) < float(rows["back"]["combined_score"])

    project.run("dvc", "exp", "push", "origin", "slower")
    other = Project(tmp_path / "origin.git").clone(tmp_path / "other")
    other.run("dvc", "exp", "pull", "origin", "slower")
    other.run("dvc", "exp", "apply", "slower")
    assert (other.root / MODEL).read_bytes() == slower
    assert other.repro() == {"hardware-probe"}
    assert other.run("tandem", "verify").endswith("all as recorded\n")


def wait_for_queue(project: Project) -> None:
    until = time.monotonic() + 500
    while "Running" in (status := project.run("dvc", "queue", "status")) or "Queued" in status:
        assert time.monotonic() < until, status
        time.sleep(1)
    assert status.count("Success") == 2, status
