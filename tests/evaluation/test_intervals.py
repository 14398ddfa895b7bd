"""Intervals: as wide as theory says, the same again, and drawn by document and over shared texts."""

import numpy as np
import pytest

from tandem.evaluation.intervals import intervals, tail_of, task_intervals
from tandem.evaluation.scoring.class_counts import class_counts
from tandem.evaluation.scoring.class_scores import score_classes
from tandem.evaluation.scoring.entity_scores import score_entities
from tests.evaluation.made_up import predictions, random_tags, tagging


def noisy(rng, n_texts, *, share=0.8, first_text=0):
    """Two classes, of whose texts a share is answered rightly."""
    gold = rng.integers(2, size=n_texts)
    logits = rng.random((n_texts, 1)) * np.where((rng.random(n_texts) < share)[:, None], 1, -1) * [-1, 1]
    logits *= np.where(gold == 1, 1, -1)[:, None]
    return predictions(gold, None, first_text + np.arange(n_texts), "ab", logits=logits)


def entities(rng, n_texts):
    gold = [random_tags(rng, 12) for _ in range(n_texts)]
    answers = [tags if rng.random() < 0.7 else random_tags(rng, 12) for tags in gold]
    return tagging(gold, answers)


def test_accuracy_has_the_interval_of_a_share():
    found = intervals(score_classes(noisy(np.random.default_rng(0), 2000)).counts, seed=1)["accuracy"]
    reach = 1.96 * np.sqrt(found["value"] * (1 - found["value"]) / 2000)
    assert found["low"] == pytest.approx(found["value"] - reach, abs=0.002)
    assert found["high"] == pytest.approx(found["value"] + reach, abs=0.002)
    assert (found["n"], found["unit"]) == (2000, "texts")


def test_every_headline_score_has_an_interval_around_it():
    rng = np.random.default_rng(1)
    for scored in (score_classes(noisy(rng, 300)), score_entities(entities(rng, 300))):
        found = intervals(scored.counts, n_resamples=500)
        for name in set(scored.headline) - {"n", "n_entities"}:
            assert found[name]["value"] == scored.headline[name]
            assert found[name]["low"] <= found[name]["value"] + 1e-9
            if name != "calibration_error":  # noise in the bins only adds to it, so resamples have more
                assert found[name]["high"] >= found[name]["value"] - 1e-9


def test_the_area_has_the_interval_of_resampled_predictions():
    rng = np.random.default_rng(2)
    found = noisy(rng, 400)
    drawn = []
    for _ in range(400):
        held = rng.integers(400, size=400)
        drawn.append(
            score_classes(found._replace(gold=found.gold[held], logits=found.logits[held])).headline["roc_auc"]
        )
    ours = intervals(score_classes(found).counts)["roc_auc"]
    assert [ours["low"], ours["high"]] == pytest.approx(np.quantile(drawn, [0.025, 0.975]).tolist(), abs=0.015)


def test_a_seed_gives_the_same_intervals_and_another_one_others():
    scored = score_entities(entities(np.random.default_rng(3), 100))
    once, again, other = (intervals(scored.counts, n_resamples=100, seed=seed) for seed in (7, 7, 8))
    assert once == again
    assert once["f1"]["low"] != other["f1"]["low"]


def test_groups_are_drawn_whole():
    rng = np.random.default_rng(4)
    gold, answers = rng.integers(2, size=50), rng.integers(2, size=50)
    alone = intervals(class_counts(gold, answers, 2), seed=5)["mcc"]
    copies = class_counts(np.repeat(gold, 4), np.repeat(answers, 4), 2)
    groups = 1000 + np.repeat(np.arange(50), 4)
    by_document = intervals(copies, groups=groups, seed=5)["mcc"]
    assert by_document == pytest.approx(alone | {"unit": "groups"})
    by_text = intervals(copies, seed=5)["mcc"]
    assert by_text["high"] - by_text["low"] < 0.7 * (alone["high"] - alone["low"])


def test_few_units_have_wider_tails_than_the_plain_percentiles():
    assert tail_of(10**6) == pytest.approx(0.025, abs=1e-6)
    assert tail_of(30) == pytest.approx(0.0188, abs=1e-4)
    assert tail_of(2) < 1e-6


def test_the_truth_is_covered_as_often_as_said_by_two_dozen_texts():
    rng, covered = np.random.default_rng(11), 0
    for _ in range(150):
        gold = rng.integers(2, size=24)
        answers = np.where(rng.random(24) < 0.7, gold, 1 - gold)
        found = intervals(class_counts(gold, answers, 2), n_resamples=300, seed=int(rng.integers(1000)))["accuracy"]
        covered += found["low"] <= 0.7 <= found["high"]
    assert 0.92 <= covered / 150 <= 0.99


def test_the_unit_is_named_by_what_the_groups_come_to():
    scored = {"a": score_classes(noisy(np.random.default_rng(8), 40))}
    alone = task_intervals(scored, groups=np.arange(40) + 100, n_resamples=50)
    assert alone == task_intervals(scored, n_resamples=50)
    assert alone["a"]["accuracy"]["unit"] == alone["combined_score"]["unit"] == "texts"
    grouped = task_intervals(scored, groups=np.arange(40) // 2, n_resamples=50)
    assert (grouped["a"]["accuracy"]["unit"], grouped["a"]["accuracy"]["n"]) == ("groups", 20)
    assert (grouped["combined_score"]["unit"], grouped["combined_score"]["n"]) == ("groups", 20)


def test_tasks_that_share_their_texts_are_resampled_together():
    rng = np.random.default_rng(6)
    first = score_classes(noisy(rng, 400))
    together = task_intervals({"a": first, "b": first}, seed=2)
    assert together["combined_score"]["low"] == pytest.approx(together["a"]["macro_f1"]["low"])
    assert together["combined_score"]["n"] == 400
    apart = first._replace(texts=first.texts + 400)
    independent = task_intervals({"a": first, "b": apart}, seed=2)["combined_score"]
    width = together["combined_score"]["high"] - together["combined_score"]["low"]
    assert independent["high"] - independent["low"] == pytest.approx(width / np.sqrt(2), rel=0.1)
    assert independent["n"] == 800


def test_tasks_may_share_some_texts_and_a_third_task_joins_them():
    rng = np.random.default_rng(7)
    scored = {name: score_classes(noisy(rng, 60, first_text=start)) for name, start in (("a", 0), ("b", 80), ("c", 40))}
    found = task_intervals(scored, n_resamples=200, seed=1)
    assert found["combined_score"]["n"] == 140
    assert found["combined_score"]["value"] == pytest.approx(np.mean([task.f1 for task in scored.values()]))
    groups = np.arange(140) // 2
    assert task_intervals(scored, groups=groups, n_resamples=200, seed=1)["a"]["accuracy"]["n"] == 30


def test_fewer_than_two_texts_have_no_interval():
    none, one = score_classes(predictions([], [], [], "ab")), score_classes(predictions([0], [0], [0], "ab"))
    assert task_intervals({"a": none}) == {"a": {}}
    assert task_intervals({}) == {}
    assert intervals(one.counts) == {}
    found = task_intervals({"a": none, "b": score_classes(noisy(np.random.default_rng(0), 30, first_text=5))})
    assert found["a"] == {}
    assert found["combined_score"]["value"] == found["b"]["macro_f1"]["value"]


def test_resamples_of_one_label_alone_do_not_spoil_the_area():
    few = predictions([0, 0, 1], None, range(3), "ab", logits=[[2, 0], [0, 1], [0, 2]])
    found = intervals(score_classes(few).counts)["roc_auc"]
    assert 0 <= found["low"] <= found["high"] <= 1
