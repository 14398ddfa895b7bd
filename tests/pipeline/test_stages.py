"""A user's mistake at the front door: one message, exit code 1, no traceback, nothing half-written."""

import shutil
from pathlib import Path

import pytest

from tests import tiny
from tests.pipeline.conftest import ROOT, Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Code and params alone; no repository, no data."""
    for name in ("params.yaml", "stages"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    return Project(tmp_path, {"PYTHONPATH": str(ROOT / "src")})


def message(project: Project, *words: str) -> str:
    """What a stage that must fail says."""
    said = project.run("python", "-m", *words, succeeds=False)
    assert "Traceback" not in said
    data = project.root / "data"
    left = [path.name for path in data.rglob("*") if path.is_file() and path.suffix != ".xlsx"] if data.exists() else []
    assert left == []
    return said


def test_an_unknown_key(project):
    path = project.root / "params.yaml"
    path.write_text(path.read_text().replace("  html:", "  htlm:"))
    assert "clean: params.yaml: clean.html is missing" in message(project, "stages.clean", "reviews")
    assert "clean.htlm is not a known key; allowed here: html, " in message(project, "stages.clean", "reviews")


def test_a_copy_of_the_project_runs_its_own_code(project):
    """As an experiment's folder does, while what is installed is the code of another folder."""
    shutil.copytree(ROOT / "src", project.root / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    loading = project.root / "src/tandem/params/loading.py"
    loading.write_text(loading.read_text().replace(" is missing: run from", " of the copy is missing: run from"))
    (project.root / "params.yaml").unlink()
    assert "params.yaml of the copy is missing" in message(project, "stages.clean", "reviews")


@pytest.mark.parametrize("words", [(), ("reviews", "more")])
def test_a_stage_called_with_other_words_says_what_it_takes(project, words):
    assert "usage: python -m stages.clean CORPUS" in message(project, "stages.clean", *words)


def test_an_unknown_corpus(project):
    assert "params.yaml has no corpora.nope; there are reviews, entities" in message(project, "stages.clean", "nope")


def test_windows_longer_than_the_encoder(project):
    project.edit_params(tokenize_align__max_length=1024)
    assert "max_length must be at most 512, the positions of the encoder" in message(project, "stages.hardware_probe")


def test_a_missing_workbook(project):
    assert "data/raw/classification_dataset.xlsx" in message(project, "stages.clean", "reviews")


def test_a_missing_column_lists_the_columns_there_are(project):
    tiny.write_workbook(project.root / "data/raw/classification_dataset.xlsx", [("text", "mood"), ("fine", "good")])
    said = message(project, "stages.clean", "reviews")
    assert "review" in said
    assert "text" in said
    assert "mood" in said


def test_one_class_only(project):
    rows = [("review", "sentiment"), ("fine", "positive"), ("lovely", "positive")]
    tiny.write_workbook(project.root / "data/raw/classification_dataset.xlsx", rows)
    assert "positive" in message(project, "stages.clean", "reviews")


@pytest.mark.parametrize(
    ("stage", "missing"),
    [
        (("stages.split", "reviews"), "data/clean/reviews.jsonl is missing"),
        (("stages.tokenize_align", "reviews"), "data/split/reviews"),
        (("stages.train",), "data/tokens/reviews/meta.json is missing"),
        (("stages.evaluate",), "data/model is no trained model"),
        (("stages.parity_check",), "data/split/reviews/test.jsonl is missing"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_stage_whose_input_is_missing_says_how_to_make_it(project, stage, missing):
    said = message(project, *stage)
    assert missing in said
    assert "dvc repro" in said


def test_an_encoder_that_is_not_there(project):
    project.edit_params(model__pretrained="./nowhere")
    assert "model.pretrained: there is no folder './nowhere'" in message(project, "stages.hardware_probe")


def test_a_device_that_is_not_there(project):
    project.edit_params(hardware_probe__device="mps")
    assert "hardware_probe.device asks for mps" in message(project, "stages.hardware_probe")
