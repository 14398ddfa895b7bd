"""The pipeline as DVC's users know it, on tiny data."""

import json
from pathlib import Path

import pytest
import yaml

from tests import tiny
from tests.pipeline.conftest import Project

pytestmark = pytest.mark.xdist_group("pipeline")  # one worker runs the pipeline once for all of them

AFTER_TRAIN = {"train", "evaluate", "parity-check"}


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A clone of the finished project that shares its cache and has every artifact."""
    clone = finished.clone(tmp_path / "clone")
    clone.run("dvc", "cache", "dir", "--local", str(finished.root / ".dvc/cache"))
    clone.run("dvc", "checkout")
    return clone


def metrics(project: Project, name: str) -> dict:
    return json.loads((project.root / f"data/metrics/{name}.json").read_text())


def test_metrics_have_the_names_that_users_rely_on(project):
    scores = metrics(project, "evaluate")
    for block in (scores, scores["before"]):
        assert block["sentiment"].keys() >= {"accuracy", "macro_f1", "n"}
        assert block["entities"].keys() >= {"precision", "recall", "f1", "token_accuracy", "n"}
        mean = (block["sentiment"]["macro_f1"] + block["entities"]["f1"]) / 2
        assert block["combined_score"] == pytest.approx(mean, abs=1e-5)
    parity = metrics(project, "parity_check")
    for name in ("pretrained", "trained"):
        assert all(parity[name][part]["max_abs_diff"] <= 1e-5 for part in ("tokens", "cls", "mean"))
        assert parity[name]["min_cosine"] == pytest.approx(1, abs=1e-5)
    assert parity["similarity"]


def test_training_learns_both_tasks(project):
    scores = metrics(project, "evaluate")
    assert scores["sentiment"]["accuracy"] > 0.9 > scores["before"]["sentiment"]["accuracy"]
    assert scores["entities"]["f1"] > 0.9 > scores["before"]["entities"]["f1"]


def test_every_text_is_in_one_split_and_none_leaks(project):
    for corpus, kept in (("reviews", 80), ("entities", 60)):
        split = metrics(project, f"split/{corpus}")
        assert sum(split["sizes"].values()) == metrics(project, f"clean/{corpus}")["kept"] == kept
        assert set(split["leakage"].values()) == {0}
    found = metrics(project, "check_leakage")
    assert (found["exact"], found["train_texts"]) == (
        0,
        {corpus: metrics(project, f"split/{corpus}")["sizes"]["train"] for corpus in ("reviews", "entities")},
    )


def test_the_repository_holds_no_trace_of_the_machine(project):
    tracked = project.run("git", "ls-files", "data").split()
    assert "data/plan.json" in tracked
    assert not {"data/hardware.json", "data/model/config.json"} & set(tracked)
    for name in tracked:
        assert str(project.root.parent).encode() not in (project.root / name).read_bytes()


def test_nothing_to_do_runs_the_probe_alone(project):
    assert project.repro() == {"hardware-probe"}
    assert project.run("git", "status", "--short") == ""


@pytest.mark.slow
def test_forced_repro_writes_the_same_bytes(project):
    before = (project.root / "dvc.lock").read_bytes()
    assert project.repro("--force") >= AFTER_TRAIN | {"clean@reviews", "split@entities", "tokenize-align@reviews"}
    assert (project.root / "dvc.lock").read_bytes() == before
    assert project.run("git", "status", "--short") == ""


def test_a_changed_param_reruns_what_depends_on_it_and_shows_in_the_diffs(project):
    project.edit_params(train__learning_rate=0.001)
    assert project.repro() == {"hardware-probe", *AFTER_TRAIN}
    assert "train.learning_rate" in project.run("dvc", "params", "diff")
    assert "combined_score" in project.run("dvc", "metrics", "diff")


def test_a_comment_in_the_params_reruns_nothing(project):
    path = project.root / "params.yaml"
    path.write_text("# a remark\n" + path.read_text())
    assert project.repro() == {"hardware-probe"}


@pytest.mark.slow
def test_a_new_corpus_adds_its_stages_and_touches_no_other(project):
    text = (project.root / "params.yaml").read_text()
    corpus = (
        "corpora:\n  more:\n    {path: data/reviews.xlsx, format: auto, text: review, words: null, sentence: null,\n"
    )
    corpus += "     group: null, labels: {sentiment: sentiment}, tags: {}}\n"
    (project.root / "params.yaml").write_text(text.replace("corpora:\n", corpus))
    own = {f"{stage}@more" for stage in ("clean", "split", "tokenize-align")}
    assert project.repro() == {"hardware-probe", "check-leakage", "learn-vocabulary", *own, *AFTER_TRAIN}


@pytest.mark.slow
def test_what_the_model_rests_on_is_tracked_beyond_the_params(project):
    """Other weights under the same name, and a corpus that leaves, make the model stale."""
    tiny.write_encoder(project.root / "encoder", seed=1)
    assert project.repro() >= {"tokenize-align@reviews", *AFTER_TRAIN}
    params = yaml.safe_load((project.root / "params.yaml").read_text())
    del params["corpora"]["reviews"], params["tasks"]["sentiment"]
    params["train"]["loss_weights"] = {"entities": 1.0}
    (project.root / "params.yaml").write_text(yaml.safe_dump(params))
    assert project.repro() >= AFTER_TRAIN
    assert "sentiment" not in metrics(project, "evaluate")


def test_artifacts_are_pushed_and_pulled_and_nothing_is_trained_again(finished, tmp_path):
    finished.run("dvc", "remote", "add", "--local", "--default", "store", str(tmp_path / "store"))
    finished.run("dvc", "push")
    elsewhere = finished.clone(tmp_path / "another place")
    elsewhere.run("dvc", "remote", "add", "--local", "--default", "store", str(tmp_path / "store"))
    elsewhere.run("dvc", "pull")
    assert elsewhere.repro() == {"hardware-probe"}
    assert elsewhere.run("git", "status", "--short") == ""
    for name in ("data/model/model.safetensors", "data/train/history.json"):
        assert (elsewhere.root / name).read_bytes() == (finished.root / name).read_bytes()
