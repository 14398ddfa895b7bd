import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import precision_score, recall_score
from seqeval.scheme import IOB2

from tandem.corpora.schema.tag_schemes import tag_names
from tandem.evaluation.decoding import decode
from tandem.evaluation.operating_point import biased, candidate_biases, choose_point, rates
from tandem.evaluation.scoring.predicting import Predictions
from tandem.evaluation.scoring.scores import tag_sequences

TAGS = tag_names(["x", "y"])


def noisy(n_texts=200, seed=0, noise=2.0, n_entities=1):
    """Texts of six words with entities of two words; the right tag's logit is raised, all have noise."""
    random = np.random.default_rng(seed)
    gold = np.zeros((n_texts, 6), dtype=np.int64)
    for row in range(n_texts if n_entities else 0):
        start, kind = random.integers(0, 5), random.integers(0, 2)
        gold[row, start : start + 2] = 1 + 2 * kind, 2 + 2 * kind
    gold = gold.ravel()
    logits = random.normal(size=(len(gold), 5)) * noise
    logits[np.arange(len(gold)), gold] += 3
    return Predictions(
        names=TAGS,
        texts=np.repeat(np.arange(n_texts), 6),
        gold=gold,
        logits=logits.astype(np.float32),
        read=np.ones(len(gold), dtype=bool),
    )


@pytest.mark.parametrize("decoding", ["greedy", "viterbi"])
def test_the_target_is_reached_on_valid_and_nearly_on_test(decoding):
    point = choose_point(noisy(seed=1), noisy(seed=2), decoding, target=0.97, recall_of="words")
    assert point.is_reached
    assert not point.note
    assert point.chosen.valid.word_recall >= 0.97
    assert point.chosen.test.word_recall == pytest.approx(0.97, abs=0.03)
    plain = next(other for other in point.curve if other.bias == 0)
    assert plain.valid.word_recall < 0.97
    assert point.chosen.bias < 0
    assert point.chosen.valid.word_precision < plain.valid.word_precision


def test_the_bias_is_no_further_from_zero_than_it_must_be():
    point = choose_point(noisy(seed=1), noisy(seed=2), "greedy", target=0.97, recall_of="words")
    nearer = [other for other in point.curve if point.chosen.bias < other.bias <= 0]
    assert nearer
    assert all(other.valid.word_recall < 0.97 for other in nearer)


def test_recall_that_the_model_has_is_not_traded_away():
    point = choose_point(noisy(noise=0.5), noisy(noise=0.5, seed=1), "greedy", target=0.5, recall_of="words")
    assert point.chosen.bias == 0
    assert any(other.bias > 0 for other in point.curve)


def test_a_target_that_is_out_of_reach_gives_the_nearest_and_says_so():
    point = choose_point(noisy(seed=1), noisy(seed=2), "greedy", target=0.99, recall_of="entities")
    assert not point.is_reached
    assert "no bias on O gives the valid split a recall of 0.99 of its entities" in point.note
    assert point.metrics()["note"] == point.note
    assert point.chosen.valid.recall == max(other.valid.recall for other in point.curve if other.bias <= 0)


@pytest.mark.parametrize("valid", [noisy(n_entities=0), noisy(n_texts=0)])
def test_without_an_entity_on_valid_there_is_no_choice(valid):
    point = choose_point(valid, noisy(), "viterbi", target=0.9, recall_of="words")
    assert [other.bias for other in point.curve] == [0.0]
    assert "the valid split has no word of an entity" in point.note
    assert point.metrics()["n"] == 0


def test_at_the_lowest_bias_no_word_that_was_read_is_passed_over():
    valid = noisy()
    (lowest,) = rates(valid, "greedy", candidate_biases(valid)[:1])
    assert lowest.word_recall == 1.0
    half = valid._replace(read=np.arange(len(valid.gold)) % 2 == 0)
    (lowest,) = rates(half, "greedy", candidate_biases(half)[:1])
    assert lowest.word_recall == pytest.approx((half.read & (half.gold > 0)).sum() / (half.gold > 0).sum())


@given(st.integers(0, 1000), st.floats(-4, 4), st.sampled_from(["greedy", "viterbi"]))
def test_entities_are_seqevals_strict_iob2(seed, bias, decoding):
    found = noisy(n_texts=8, seed=seed)
    (ours,) = rates(found, decoding, [bias])
    sequences = tag_sequences(decode(biased(found, bias), decoding))
    strict = {"mode": "strict", "scheme": IOB2, "zero_division": 0}
    assert ours.precision == pytest.approx(precision_score(*sequences, **strict), abs=1e-12)
    assert ours.recall == pytest.approx(recall_score(*sequences, **strict), abs=1e-12)


def test_a_type_that_the_head_does_not_know_is_a_leak_like_any_other():
    found = noisy(n_texts=4)
    odd = found._replace(names=(*TAGS, "B-z"), gold=np.where(found.gold == 1, 5, found.gold))
    (ours,) = rates(odd, "greedy", [-100.0])
    assert ours.word_recall == 1.0


def test_the_curve_is_a_table_with_one_chosen_row():
    point = choose_point(noisy(seed=1), noisy(seed=2), "greedy", target=0.9, recall_of="words")
    rows = point.rows()
    assert [row["bias"] for row in rows] == sorted(row["bias"] for row in rows)
    (chosen,) = [row for row in rows if row["is_chosen"]]
    assert chosen["bias"] == point.metrics()["bias"]
    assert chosen["test_word_recall"] == point.metrics()["test"]["word_recall"]
