"""Two runs that meet, and a `dvc` killed under its training: one goes on, the other is told why it may not."""

import re
import time

import pytest

from tests.pipeline.conftest import Project
from tests.pipeline.test_kills import begin, step_reached, trainer_of, untrained

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("operations")]


def test_dvc_is_killed_and_its_training_lives_on(finished: Project, tmp_path):
    project = untrained(finished, tmp_path / "project")
    first = begin(project)
    trainer = trainer_of(first)
    while step_reached(project) < 3:
        time.sleep(0.01)
    trainer.suspend()  # it takes its time

    second = project.run("dvc", "repro", "train", succeeds=False)
    assert "is busy, it is being blocked by" in second
    assert re.search(rf"PID {first.pid}\).*dvc repro train", second)

    first.kill()
    first.wait()  # else its process number would live on
    third = project.run("dvc", "repro", "train", succeeds=False)
    assert "train: a training is already running in this folder: wait for it, or stop it, and run again" in third
    trainer.terminate()  # it writes a checkpoint
    trainer.resume()
    first.communicate(timeout=60)

    said = project.run("dvc", "repro", "train")
    assert "goes on after step" in said
    assert project.run("dvc", "status", "train") == "Data and pipelines are up to date.\n"
    assert project.run("tandem", "verify").endswith("all as recorded\n")
