"""What sharing does to a task: the sign, the interval, and what is missing."""

import csv

import numpy as np
import pytest

from tandem.artifacts import write_json, write_jsonl
from tandem.errors import TandemError
from tandem.evaluation.formats import PREDICTIONS
from tandem.evaluation.markup import markup
from tandem.evaluation.page_sharing import sharing_section
from tandem.evaluation.sharing import measure_sharing


def write_run(folder, n_wrong, *, first_row=0, steps=40):
    """A run that answered 200 texts, so many of them wrongly."""
    gold = np.random.default_rng(0).integers(2, size=200)
    rows = [
        {
            "corpus": "films",
            "row": first_row + number,
            "gold": "ab"[label],
            "predicted": "ab"[label ^ (number % 200 < n_wrong)],
        }
        for number, label in enumerate(gold.tolist())
    ]
    write_jsonl(folder / "evaluate/predictions/mood.jsonl", rows, PREDICTIONS)
    (folder / "evaluate/per_label").mkdir()
    with (folder / "evaluate/per_label/mood.csv").open("w") as handle:
        csv.writer(handle).writerows([["label", "f1"], ["a", 1], ["b", 1], ["c", 0]])
    write_json(folder / "train/metrics.json", {"step": steps})
    return folder / "evaluate", folder / "train"


@pytest.fixture
def measure(tmp_path):
    def run(wrong_alone, wrong_shared, **changes):
        alone = write_run(tmp_path / "alone", wrong_alone)
        shared = write_run(tmp_path / "shared", wrong_shared, **changes)
        return measure_sharing("mood", shared=shared, alone=alone, counted="shared")

    return run


def test_harm_has_a_negative_sign_and_is_called_negative_transfer(measure):
    found = measure(20, 60, steps=99)
    plain = found.metrics()
    assert plain["accuracy"]["difference"] == pytest.approx(-0.2)
    assert plain["accuracy"]["low"] < -0.2 < plain["accuracy"]["high"] < 0
    assert plain["macro_f1"]["effect"] == "sharing hurts"
    assert (plain["n"], plain["steps"], plain["f1_name"]) == (200, {"alone": 40, "shared": 99}, "macro_f1")
    assert "sharing hurts (negative transfer)" in found.summary()
    shown = markup(sharing_section(found))
    assert "negative transfer" in shown
    assert "40 steps, 99 in the shared run" in shown


def test_gain_and_noise(measure):
    assert measure(60, 20).metrics()["macro_f1"]["effect"] == "sharing helps"


def test_the_same_answers_differ_by_nothing(measure):
    found = measure(30, 30)
    assert found.metrics()["macro_f1"]["difference"] == 0
    assert "+0.0000 (+0.0000 to +0.0000), within noise" in found.summary()
    assert 'style="left:50.00%"' in markup(sharing_section(found))


def test_other_test_texts_are_not_comparable(measure):
    found = measure(30, 30, first_row=100)
    assert "not comparable" in found.summary()
    assert found.metrics()["macro_f1"]["low"] is None
    assert "not comparable" in markup(sharing_section(found))


def test_a_label_that_neither_run_met_counts_as_known(measure):
    assert measure(0, 0).scores["macro_f1"].before == pytest.approx(2 / 3)


def test_predictions_that_are_missing_are_named(tmp_path):
    shared = write_run(tmp_path / "shared", 3)
    with pytest.raises(TandemError, match=r"predictions/mood\.jsonl cannot be read .*: run `dvc repro evaluate`"):
        measure_sharing("mood", shared=shared, alone=(tmp_path / "evaluate", tmp_path), counted="own")
    write_json(shared[1] / "metrics.json", {})
    with pytest.raises(TandemError, match=r"metrics\.json is damaged"):
        measure_sharing("mood", shared=shared, alone=shared, counted="own")
