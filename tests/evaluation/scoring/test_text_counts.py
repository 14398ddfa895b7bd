"""Scores from counts against the libraries that define them, text by text and for resamples."""

import warnings
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nervaluate.loaders import ListLoader
from nervaluate.strategies import EntityTypeEvaluation, ExactEvaluation, PartialEvaluation, StrictEvaluation
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support as loose_scores
from seqeval.metrics.v1 import precision_recall_fscore_support as strict_scores
from seqeval.scheme import IOB2
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    matthews_corrcoef,
    precision_recall_fscore_support,
)

from tandem.artifacts import read_jsonl
from tandem.evaluation.formats import PREDICTIONS as FORMAT
from tandem.evaluation.scoring.class_counts import class_counts
from tandem.evaluation.scoring.entity_counts import entity_counts
from tests.evaluation.made_up import random_tags
from tests.imports import ROOT

PREDICTIONS = ROOT / "data/evaluate/predictions"
MEASURES = ("precision", "recall", "f1")
SCHEMES = {
    "conlleval": StrictEvaluation(),
    "partial": PartialEvaluation(),
    "exact": ExactEvaluation(),
    "type": EntityTypeEvaluation(),
}
HOW_MANY = [500, pytest.param(10_000, marks=pytest.mark.slow)]


def seqevals(gold, answers):
    """Strictly and in the default mode; seqeval cannot score tags without any entity."""
    found = {}
    for name, score, letters in (("", partial(strict_scores, scheme=IOB2), "B"), ("conlleval_", loose_scores, "BI")):
        has_any = any(tag[0] in letters for tags in (*gold, *answers) for tag in tags)
        values = score(gold, answers, average="micro", zero_division=0) if has_any else (0.0,) * 3
        found |= {f"{name}{measure}": values[n] for n, measure in enumerate(MEASURES)}
    return found


def nervaluates(gold, answers):
    loaded = [ListLoader().load(side) for side in (gold, answers)]
    found = {}
    for name, scheme in SCHEMES.items():
        whole = None
        for text in zip(*loaded, strict=True):
            result, _ = scheme.evaluate(*text, ["x", "y", "z"])
            if whole is None:
                whole = result
            else:
                for part in ("correct", "incorrect", "partial", "missed", "spurious"):
                    setattr(whole, part, getattr(whole, part) + getattr(result, part))
        whole.compute_metrics(partial_or_type=name in ("partial", "type"))
        found |= {f"{name}_{measure}": getattr(whole, measure) for measure in MEASURES}
    return found


def assert_equal(ours, theirs):
    far = {name: (ours[name], value) for name, value in theirs.items() if not abs(ours[name] - value) <= 1e-12}
    assert far == {}


@pytest.mark.parametrize("n_texts", HOW_MANY)
def test_every_text_is_scored_as_seqeval_and_nervaluate_do(n_texts):
    rng = np.random.default_rng(n_texts)
    for _ in range(0, n_texts, 250):
        lengths = [int(rng.choice([1, 2, 5, 12, 30])) for _ in range(249)] + [250]
        gold, answers = ([random_tags(rng, length) for length in lengths] for _ in range(2))
        each = entity_counts(gold, answers).take(np.eye(250))
        for text in range(250):
            sides = [gold[text]], [answers[text]]
            expected = nervaluates(*sides) | seqevals(*sides)
            expected["token_accuracy"] = np.mean(np.array(gold[text]) == np.array(answers[text]))
            assert_equal({name: values[text] for name, values in each.items()}, expected)


def test_a_corpus_is_scored_as_seqeval_and_nervaluate_do():
    rng = np.random.default_rng(1)
    for _ in range(20):
        lengths = rng.integers(1, 20, size=30).tolist()
        gold, answers = ([random_tags(rng, length) for length in lengths] for _ in range(2))
        assert_equal(entity_counts(gold, answers).totals(), nervaluates(gold, answers) | seqevals(gold, answers))


def test_a_word_in_a_hundred_of_a_gold_entity_is_no_overlap():
    gold = [["B-x", *["I-x"] * 149, "O"]]
    answers = [["B-x", *["O"] * 148, "B-x", "I-x"]]
    ours = entity_counts(gold, answers).totals()
    assert_equal(ours, nervaluates(gold, answers))
    assert ours["partial_f1"] == ours["type_f1"] == 0.0


@pytest.mark.skipif(not (PREDICTIONS / "entities.jsonl").exists(), reason="no run of the default data here")
def test_real_entities_are_scored_as_seqeval_and_nervaluate_do():
    rows = list(read_jsonl(PREDICTIONS / "entities.jsonl", FORMAT))
    sides = [row["gold"] for row in rows], [row["predicted"] for row in rows]
    assert_equal(entity_counts(*sides).totals(), nervaluates(*sides) | seqevals(*sides))


@pytest.mark.skipif(not (PREDICTIONS / "sentiment.jsonl").exists(), reason="no run of the default data here")
def test_real_classes_are_scored_as_scikit_learn_does():
    rows = list(read_jsonl(PREDICTIONS / "sentiment.jsonl", FORMAT))
    names = sorted({row[side] for row in rows for side in ("gold", "predicted")})
    gold, answers = (np.array([names.index(row[side]) for row in rows]) for side in ("gold", "predicted"))
    assert_equal(class_counts(gold, answers, len(names)).totals(), scikit_learns(gold, answers, len(names)))


def scikit_learns(gold, answers, n_labels):
    labels = range(n_labels)
    found = {"accuracy": accuracy_score(gold, answers), "mcc": matthews_corrcoef(gold, answers)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a label that is answered but never right
        found["balanced_accuracy"] = balanced_accuracy_score(gold, answers)
    for average in ("macro", "weighted"):
        values = precision_recall_fscore_support(gold, answers, labels=labels, average=average, zero_division=0)
        found |= {f"{average}_{measure}": values[n] for n, measure in enumerate(MEASURES)}
    found["micro_f1"] = f1_score(gold, answers, labels=labels, average="micro", zero_division=0)
    return found


def scikit_learns_at_once(cases):
    """The same for many cases, each with labels of its own in one call, so that no two of them meet."""
    edges = np.cumsum([0, *(n_labels for _, _, n_labels in cases)])
    pairs = zip(cases, edges, strict=False)
    gold, answers = np.concatenate([np.stack([gold, answers]) + first for (gold, answers, _), first in pairs], axis=1)
    columns = precision_recall_fscore_support(gold, answers, labels=range(edges[-1]), average=None, zero_division=0)
    for own, *values, support in zip(cases, *(np.split(column, edges[1:-1]) for column in columns), strict=True):
        found = {f"macro_{name}": value.mean() for name, value in zip(MEASURES, values, strict=True)}
        weighted = zip(MEASURES, values, strict=True)
        found |= {f"weighted_{name}": np.average(value, weights=support) for name, value in weighted}
        found["accuracy"] = found["micro_f1"] = found["weighted_recall"]
        found["balanced_accuracy"] = values[1][support > 0].mean()
        yield found | {"mcc": matthews_corrcoef(*own[:2])}


def random_classes(rng):
    n_labels = int(rng.choice([2, 3, 7, 30]))
    n_texts = int(rng.choice([1, 2, 9, 60]))
    gold, answers = (rng.integers(rng.integers(1, n_labels + 1), size=n_texts) for _ in range(2))
    return gold, np.where(rng.random(n_texts) < 0.5, gold, answers), n_labels


@pytest.mark.filterwarnings("ignore:A single label was found")
def test_cases_scored_at_once_are_scored_as_alone():
    rng = np.random.default_rng(9)
    cases = [random_classes(rng) for _ in range(40)]
    for case, found in zip(cases, scikit_learns_at_once(cases), strict=True):
        assert_equal(found, scikit_learns(*case))


@pytest.mark.parametrize("n_cases", [100, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore:A single label was found")
def test_classes_are_scored_as_scikit_learn_does(n_cases):
    rng = np.random.default_rng(n_cases)
    for _ in range(0, n_cases, 100):
        cases = [random_classes(rng) for _ in range(100)]
        for case, expected in zip(cases, scikit_learns_at_once(cases), strict=True):
            assert_equal(class_counts(*case).totals(), expected)


@st.composite
def resamples(draw):
    """Texts, and how often a resample holds each."""
    n_texts = draw(st.integers(1, 6))
    return draw(st.integers(0, 2**32 - 1)), draw(st.lists(st.integers(0, 3), min_size=n_texts, max_size=n_texts))


@given(resamples())
@settings(deadline=None)
def test_a_resample_is_scored_as_the_texts_that_it_holds(drawn):
    seed, weights = drawn
    rng = np.random.default_rng(seed)
    held = np.repeat(np.arange(len(weights)), weights)
    gold, answers = ([random_tags(rng, 8) for _ in weights] for _ in range(2))
    resampled = entity_counts(gold, answers).take(np.array([weights]))
    repeated = entity_counts([gold[text] for text in held], [answers[text] for text in held]).totals()
    assert_equal({name: values[0] for name, values in resampled.items()}, repeated)
    for n_labels in (3, 40):
        marks, guesses = (rng.integers(n_labels, size=len(weights)) for _ in range(2))
        resampled = class_counts(marks, guesses, n_labels).take(np.array([weights]))
        repeated = class_counts(marks[held], guesses[held], n_labels).totals()
        assert_equal({name: values[0] for name, values in resampled.items()}, repeated)


def test_grouped_texts_count_as_one():
    rng = np.random.default_rng(0)
    gold, answers = ([random_tags(rng, 6) for _ in range(6)] for _ in range(2))
    groups = np.array([0, 0, 2, 1, 2, 2])
    counts = entity_counts(gold, answers)
    weights = rng.integers(0, 3, size=(4, 3)).astype(float)
    by_group, by_text = counts.grouped(groups, 3).take(weights), counts.take(weights[:, groups])
    for name, values in by_group.items():
        np.testing.assert_allclose(values, by_text[name], atol=1e-12)
    classes = class_counts(groups, groups[::-1].copy(), 40)
    assert classes.grouped(groups, 3).totals() == pytest.approx(classes.totals())


def test_no_text_and_nothing_predicted_are_zeros_without_a_warning():
    nothing = np.empty(0, dtype=np.int64)
    assert set(entity_counts([], []).totals().values()) == {0.0}
    assert set(class_counts(nothing, nothing, 2).totals().values()) == {0.0}
    missed = entity_counts([["B-x", "I-x"]], [["O", "O"]]).totals()
    assert missed["f1"] == missed["precision"] == missed["partial_f1"] == 0.0
    assert set(entity_counts([["O"]], [["O"]]).take(np.zeros((1, 1)))["token_accuracy"]) == {0.0}


def test_names_are_those_of_the_scores():
    counts = class_counts(np.array([0, 1]), np.array([0, 0]), 2)
    assert counts.names == tuple(counts.totals())
    assert "macro_f1" in counts.names


def test_texts_that_do_not_pair_up_are_refused():
    with pytest.raises(ValueError, match="numbers of words differ"):
        entity_counts([["O", "O"]], [["O"]])
    counts = entity_counts([["O"]], [["O"]])
    with pytest.raises(ValueError, match=r"expected weights of shape \(resamples, 1\), found \(1, 2\)"):
        counts.take(np.ones((1, 2)))
    with pytest.raises(ValueError, match="counts of 1 texts beside those of 0"):
        counts.beside(entity_counts([], []))


def test_tags_that_never_meet_leave_all_entities_missed_or_spurious():
    assert entity_counts([["O", "B-x"]], [["B-x", "O"]]).totals()["partial_f1"] == 0.0
    assert entity_counts([["B-x", "O"]], [["B-y", "O"]]).totals()["exact_f1"] == 1.0
