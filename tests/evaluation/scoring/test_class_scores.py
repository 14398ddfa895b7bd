"""Class scores against scikit-learn, the calibration error against its definition, and the odd cases."""

import warnings

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from tandem.evaluation.scoring.calibration import N_BINS, calibration_error
from tandem.evaluation.scoring.class_scores import probabilities_of, probability_counts, score_classes
from tests.evaluation.made_up import predictions


def random_case(rng, n_texts, n_labels, *, n_known=None):
    """Logits that lean towards the right label, some of them equal."""
    names = [f"label{n}" for n in range(n_labels)]
    gold = rng.integers(n_labels, size=n_texts)
    logits = rng.normal(size=(n_texts, n_known or n_labels)).round(1)
    known = gold < logits.shape[1]
    logits[known, gold[known]] += 1
    return predictions(gold, None, range(n_texts), names, logits=logits)


@pytest.mark.parametrize("n_cases", [50, pytest.param(10_000, marks=pytest.mark.slow)])
def test_log_loss_and_roc_auc_are_scikit_learns(n_cases):
    rng = np.random.default_rng(n_cases)
    for _ in range(0, n_cases, 50):
        cases = [random_case(rng, 20, int(rng.choice([2, 2, 3]))) for _ in range(50)]
        areas = iter(areas_at_once(cases))
        for found in cases:
            n_labels, probabilities = len(found.names), probabilities_of(found)
            scored = probability_counts(found.gold, found.answers(), probabilities).totals()
            expected = log_loss(found.gold, probabilities, labels=range(n_labels))
            assert abs(scored["log_loss"] - expected) <= 1e-12
            known = [area for area in (next(areas) for _ in told_apart(n_labels)) if area is not None]
            assert ("roc_auc" in scored) == bool(known)
            assert abs(scored.get("roc_auc", 0.0) - np.mean(known or [0.0])) <= 1e-12


def told_apart(n_labels):
    """The labels that are told from the rest: one of two says what the other does."""
    return [1] if n_labels == 2 else range(n_labels)


def areas_at_once(cases):
    """scikit-learn's area for each label of each case, None where a label has all texts or none."""
    gold, scores = (
        np.column_stack(columns)
        for columns in zip(
            *(
                (found.gold == label, probabilities_of(found)[:, label])
                for found in cases
                for label in told_apart(len(found.names))
            ),
            strict=True,
        )
    )
    is_defined = gold.any(axis=0) & ~gold.all(axis=0)
    areas = np.full(len(is_defined), None)
    areas[is_defined] = roc_auc_score(gold[:, is_defined], scores[:, is_defined], average=None)
    return areas.tolist()


def test_the_area_of_several_labels_is_scikit_learns_mean():
    rng = np.random.default_rng(4)
    for n_labels in (3, 5, 5):
        found = random_case(rng, 60, n_labels)
        expected = roc_auc_score(found.gold, probabilities_of(found), multi_class="ovr", average="macro")
        assert score_classes(found).headline["roc_auc"] == pytest.approx(expected, abs=1e-12)


def test_calibration_error_is_the_mean_gap_of_the_bins():
    found = random_case(np.random.default_rng(0), 500, 3)
    sure, right = probabilities_of(found).max(axis=1), found.answers() == found.gold
    expected = 0.0
    for number in range(N_BINS):
        held = (sure > number / N_BINS) & (sure <= (number + 1) / N_BINS)
        if held.any():
            expected += held.mean() * abs(right[held].mean() - sure[held].mean())
    assert score_classes(found).headline["calibration_error"] == pytest.approx(expected, abs=1e-12)
    assert calibration_error(found) == pytest.approx(expected, abs=1e-6)  # from confidences in float32


def test_a_sure_and_right_head_has_no_calibration_error():
    found = predictions([0, 1, 1], None, range(3), "ab", logits=[[900, 0], [0, 900], [0, 900]])
    scored = score_classes(found).headline
    assert scored["calibration_error"] == 0.0
    assert scored["log_loss"] == pytest.approx(0.0, abs=1e-12)
    assert scored["mcc"] == scored["roc_auc"] == 1.0


def test_one_label_alone_leaves_out_the_area_and_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scored = score_classes(predictions([1, 1], [1, 0], range(2), "ab")).headline
    assert "roc_auc" not in scored
    assert scored["mcc"] == 0.0
    assert scored["balanced_accuracy"] == scored["accuracy"] == 0.5


def test_a_label_that_never_occurs_lowers_the_macro_mean_alone():
    scored = score_classes(predictions([0, 1, 0], [0, 1, 0], range(3), "abc")).headline
    assert scored["macro_f1"] == pytest.approx(2 / 3)
    assert scored["balanced_accuracy"] == scored["weighted_f1"] == scored["micro_f1"] == 1.0


def test_a_gold_label_that_the_head_does_not_know_is_wrong_and_has_no_loss():
    known = predictions([0, 1], None, range(2), "ab", logits=[[2, 0], [0, 2]])
    found = predictions([0, 1, 2], None, range(3), "abc", logits=[[2, 0], [0, 2], [0, 2]])
    scored = score_classes(found)
    assert scored.headline["accuracy"] == pytest.approx(2 / 3)
    assert scored.headline["log_loss"] == pytest.approx(score_classes(known).headline["log_loss"])
    assert [row["support"] for row in scored.per_label] == [1, 1, 1]


def test_no_text_at_all_gives_zeros():
    scored = score_classes(predictions([], [], [], "ab"))
    assert set(scored.headline.values()) == {0.0}
    assert scored.per_label == []
    assert scored.f1 == 0.0


def test_scores_from_counts_are_those_of_resampled_predictions():
    rng = np.random.default_rng(3)
    found = random_case(rng, 40, 3, n_known=2)
    weights = rng.integers(1, 3, size=40)
    held = np.repeat(np.arange(40), weights)
    resampled = score_classes(found).counts.take(weights[None])
    repeated = score_classes(found._replace(gold=found.gold[held], logits=found.logits[held], read=found.read[held]))
    for name in ("log_loss", "calibration_error", "macro_f1"):
        assert resampled[name][0] == pytest.approx(repeated.headline[name], abs=1e-12)
    assert resampled["roc_auc"][0] == pytest.approx(repeated.headline["roc_auc"], abs=0.02)
