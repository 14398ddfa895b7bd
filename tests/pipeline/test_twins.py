"""Single-task twins as stages that are off by default, cached, and gone again when they are turned off."""

import json
from pathlib import Path

import pytest

from tests.pipeline.conftest import Project

pytestmark = pytest.mark.xdist_group("pipeline")


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A clone of the finished project with every artifact."""
    clone = finished.clone(tmp_path / "clone")
    clone.run("dvc", "cache", "dir", "--local", str(finished.root / ".dvc/cache"))
    clone.run("dvc", "checkout")
    return clone


@pytest.mark.slow
def test_twins_are_trained_on_demand_alone_and_only_once(project):
    assert "twin" not in project.run("dvc", "stage", "list")
    project.edit_params(twins__tasks=["entities"])
    assert project.repro() == {"hardware-probe", "train-twin@entities", "evaluate-twin@entities"}
    found = json.loads((project.root / "data/metrics/twins/entities.json").read_text())
    scores = json.loads((project.root / "data/metrics/evaluate.json").read_text())
    assert found["f1"]["shared"] == scores["entities"]["f1"]
    assert found["f1"]["low"] <= found["f1"]["shared"] - found["f1"]["alone"] <= found["f1"]["high"]
    assert found["steps"]["alone"] == found["steps"]["shared"]
    assert "Does sharing help?" in (project.root / "data/twins/entities/evaluate/report.html").read_text()
    assert "Does sharing help?" in project.run("tandem", "summary")
    assert project.repro() == {"hardware-probe"}

    project.edit_params(evaluate__decoding="greedy")
    assert project.repro() == {"hardware-probe", "evaluate", "evaluate-twin@entities"}
    project.edit_params(evaluate__decoding="viterbi", twins__tasks=[])
    project.repro()
    project.edit_params(twins__tasks=["entities"])
    assert not any(stage.startswith("train") for stage in project.repro())
