"""An evaluation from a model and examples to its files, under every setting."""

import csv
import json
from dataclasses import replace

import pytest

from tandem.artifacts import read_json, read_jsonl, write_json
from tandem.corpora.schema.tag_schemes import repair_iob2
from tandem.evaluation.formats import PREDICTIONS
from tandem.evaluation.run import evaluate_model
from tandem.params import Evaluate
from tests.small_corpora import EXECUTION

PLAIN = Evaluate(decoding="greedy", calibration="none", target_recall=None, recall_of="words")


@pytest.fixture
def evaluate(model, train_examples, valid_examples):
    """Evaluate an untrained model; the valid texts stand for the test split too."""

    def run(test=valid_examples, valid=valid_examples, **settings):
        return evaluate_model(
            model,
            model,
            test,
            EXECUTION,
            settings=replace(PLAIN, **settings),
            seed=7,
            valid=valid,
            train=train_examples,
        )

    return run


def test_a_test_split_without_texts_is_reported_as_such(evaluate, valid_examples, tmp_path):
    nothing = replace(valid_examples, members={task: rows[:0] for task, rows in valid_examples.members.items()})
    evaluation = evaluate(nothing)
    evaluation.write(tmp_path / "evaluate")
    assert evaluation.metrics()["mood"]["n"] == evaluation.metrics()["combined_score"] == 0
    assert (tmp_path / "evaluate/predictions/mood.jsonl").read_text() == ""


def test_a_task_without_test_texts_does_not_count_in_the_mean(evaluate, valid_examples):
    members = {**valid_examples.members, "names": valid_examples.members["names"][:0]}
    metrics = evaluate(replace(valid_examples, members=members)).metrics()
    assert metrics["combined_score"] == pytest.approx(metrics["mood"]["macro_f1"])


def test_by_default_nothing_is_chosen_on_the_valid_split(evaluate, tmp_path):
    evaluation = evaluate(valid=None)
    evaluation.write(tmp_path)
    assert evaluation.metrics().keys() == {"mood", "names", "combined_score", "before", "baseline"}
    for block in ("before", "baseline"):
        assert evaluation.metrics()[block].keys() == {"mood", "names", "combined_score"}
    assert read_json(tmp_path / "calibration.json") == {
        "format_version": 1,
        "decoding": "greedy",
        "temperatures": {"mood": 1.0, "names": 1.0},
        "biases": {},
    }
    assert not (tmp_path / "operating_point").exists()
    assert "(untrained) ->" in evaluation.summary()
    assert "(baseline " in evaluation.summary()


def test_with_viterbi_every_predicted_sequence_is_legal(evaluate, tmp_path):
    evaluate(decoding="greedy").write(tmp_path / "greedy")
    evaluate(decoding="viterbi").write(tmp_path / "viterbi")

    def illegal(folder):
        rows = read_jsonl(tmp_path / folder / "predictions/names.jsonl", PREDICTIONS)
        return sum(repair_iob2(row["predicted"])[1] for row in rows)

    assert illegal("viterbi") == 0 < illegal("greedy")


def test_calibration_changes_how_sure_and_nothing_else(evaluate, tmp_path):
    plain, scaled = evaluate(), evaluate(calibration="temperature")
    scaled.write(tmp_path)
    for task in ("mood", "names"):
        for before, after in zip(plain.rows[task], scaled.rows[task], strict=True):
            assert before["predicted"] == after["predicted"]
        found = scaled.metrics()["calibration"][task]
        assert found["log_loss"] <= found["log_loss_uncalibrated"]
        assert found["temperature"] != 1.0
    assert scaled.metrics()["names"]["f1"] == plain.metrics()["names"]["f1"]
    assert plain.rows["mood"][0]["confidence"] != scaled.rows["mood"][0]["confidence"]
    temperatures = json.loads((tmp_path / "calibration.json").read_text())["temperatures"]
    assert temperatures["mood"] == pytest.approx(scaled.metrics()["calibration"]["mood"]["temperature"], rel=1e-5)


def test_an_operating_point_stands_beside_the_scores(evaluate, tmp_path):
    plain, chosen = evaluate(), evaluate(target_recall={"names": 0.9}, calibration="temperature")
    chosen.write(tmp_path / "evaluate")
    write_json(tmp_path / "evaluate.json", chosen.metrics())
    found = read_json(tmp_path / "evaluate.json")
    assert found["names"]["f1"] == pytest.approx(plain.metrics()["names"]["f1"], rel=1e-5)
    point = found["operating_point"]["names"]
    assert point["valid"]["word_recall"] >= 0.9
    assert point["valid"] == point["test"]
    with (tmp_path / "evaluate/operating_point/names.csv").open() as handle:
        (row,) = [row for row in csv.DictReader(handle) if row["is_chosen"] == "1"]
    assert float(row["bias"]) == point["bias"] == read_json(tmp_path / "evaluate/calibration.json")["biases"]["names"]


def test_a_target_out_of_reach_is_said_in_the_stages_line(evaluate, valid_examples):
    nothing = replace(valid_examples, members={task: rows[:0] for task, rows in valid_examples.members.items()})
    assert (
        "names: the valid split has no word of an entity"
        in evaluate(valid=nothing, target_recall={"names": 0.9}).summary()
    )
