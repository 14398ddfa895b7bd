"""What the plots show, against counting by hand, scikit-learn and seqeval."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve

from tandem.corpora.schema.tag_schemes import repair_iob2
from tandem.evaluation.curves import (
    class_curves,
    count_kinds,
    entities_of,
    entity_confusion,
    entity_curves,
    label_confusion,
    reliability,
)
from tests.evaluation.made_up import predictions, random_tags

NO_ANSWERS = {"corpus": "c", "row": 1}


def tagged_rows(seed, n_texts=30):
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n_texts):
        n_words = int(rng.integers(1, 12))
        sides = {"gold": legal(random_tags(rng, n_words)), "predicted": random_tags(rng, n_words)}
        rows.append({**NO_ANSWERS, **sides, "confidence": rng.random(n_words).tolist()})
    return rows


def legal(tags):
    return list(repair_iob2(tags)[0])


@pytest.mark.parametrize("seed", range(20))
def test_entities_end_where_seqeval_scores_them(seed):
    rows = tagged_rows(seed)
    sides = [row["gold"] for row in rows], [row["predicted"] for row in rows]
    kinds = count_kinds(entities_of(rows))
    strict = {"mode": "strict", "scheme": IOB2, "zero_division": 0}
    n_gold = sum(kinds.values()) - kinds["spurious"]
    n_predicted = sum(kinds.values()) - kinds["missed"]
    assert kinds["correct"] / n_gold == pytest.approx(recall_score(*sides, **strict))
    assert kinds["correct"] / n_predicted == pytest.approx(precision_score(*sides, **strict))
    last = [row for row in entity_curves(entities_of(rows)) if row["label"] == "all"][-1]
    f1 = 2 * last["precision"] * last["recall"] / (last["precision"] + last["recall"])
    assert f1 == pytest.approx(f1_score(*sides, **strict))


def test_a_curve_keeps_what_is_above_the_threshold():
    rows = [
        {**NO_ANSWERS, "gold": ["B-x", "B-x"], "predicted": ["B-x", "O"], "confidence": [0.9, 0.8]},
        {**NO_ANSWERS, "gold": ["O", "B-x"], "predicted": ["B-x", "B-x"], "confidence": [0.7, 0.6]},
    ]
    found = [row for row in entity_curves(entities_of(rows)) if row["label"] == "all"]
    assert [(row["threshold"], row["recall"], row["precision"]) for row in found] == [
        (0.9, pytest.approx(1 / 3), 1.0),
        (0.7, pytest.approx(1 / 3), 0.5),
        (0.6, pytest.approx(2 / 3), pytest.approx(2 / 3)),
    ]


def test_class_curves_are_scikit_learns():
    rng = np.random.default_rng(0)
    found = predictions(rng.integers(0, 3, 90), [0] * 90, range(90), "abc", logits=rng.normal(size=(90, 3)))
    rows = [row for row in class_curves(found) if row["label"] == "b"]
    precision, recall, thresholds = precision_recall_curve(found.gold == 1, found.probabilities()[:, 1])
    assert [row["recall"] for row in rows] == pytest.approx(recall[:-1][::-1])
    assert [row["precision"] for row in rows] == pytest.approx(precision[:-1][::-1])
    assert [row["threshold"] for row in rows] == pytest.approx(thresholds[::-1])


def test_curves_of_many_texts_stay_small_and_keep_their_ends():
    rng = np.random.default_rng(0)
    found = predictions(
        rng.integers(0, 9, 5000), [0] * 5000, range(5000), "abcdefghi", logits=rng.normal(size=(5000, 9))
    )
    rows = class_curves(found)
    assert len({row["label"] for row in rows}) == 6
    assert len(rows) <= 6 * 200
    assert max(row["recall"] for row in rows) == 1.0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1))
def test_reliability_is_scikit_learns_curve(answers):
    sure, right = zip(*answers, strict=True)
    found = reliability(sure, right)
    assert sum(row["count"] for row in found) == len(answers)
    scaled = np.round(np.array(sure) * 10, 6)
    if len(set(right)) == 2 and not (scaled == np.round(scaled)).any():  # on which side of an edge, they differ
        true, predicted = calibration_curve(right, sure, n_bins=10)
        assert [row["accuracy"] for row in found] == pytest.approx(true)
        assert [row["confidence"] for row in found] == pytest.approx(predicted)


def test_confusions_count_pairs():
    labels = [{"gold": "a", "predicted": "b"}, {"gold": "a", "predicted": "b"}, {"gold": "b", "predicted": "b"}]
    assert label_confusion(labels) == [
        {"actual": "a", "predicted": "b", "count": 2},
        {"actual": "b", "predicted": "b", "count": 1},
    ]
    row = {
        **NO_ANSWERS,
        "gold": ["B-x", "B-x", "O", "B-y"],
        "predicted": ["B-y", "O", "B-x", "B-y"],
        "confidence": [0.5] * 4,
    }
    assert entity_confusion(entities_of([row])) == [
        {"actual": "(spurious)", "predicted": "x", "count": 1},
        {"actual": "x", "predicted": "(missed)", "count": 1},
        {"actual": "x", "predicted": "y", "count": 1},
        {"actual": "y", "predicted": "y", "count": 1},
    ]


def test_nothing_gives_nothing():
    assert reliability([], []) == []
    assert entity_curves([]) == []
    assert entity_confusion([]) == []
    assert class_curves(predictions([], [], [], "ab", logits=np.zeros((0, 2)))) == []
