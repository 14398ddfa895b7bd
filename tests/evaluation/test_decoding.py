"""Decoding against exhaustive search, and the rules that it must keep."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.corpora.schema.tag_schemes import repair_iob2, tag_names
from tandem.evaluation.decoding import decode, greedy, viterbi
from tandem.evaluation.scoring.predicting import Predictions
from tandem.evaluation.scoring.scores import score_entities, tag_sequences

TAGS = tag_names(["x", "y"])


def words(logits, lengths, *, read=None, names=TAGS):
    logits = np.array(logits, dtype=np.float32).reshape(sum(lengths), len(names))
    return Predictions(
        names=names,
        texts=np.repeat(np.arange(len(lengths)), lengths),
        gold=np.zeros(len(logits), dtype=np.int64),
        logits=logits,
        read=np.ones(len(logits), dtype=bool) if read is None else np.array(read, dtype=bool),
    )


@st.composite
def tagged_texts(draw, most_words=9, most_types=3):
    """Texts whose logits are small integers, so that ties are common, and some words of which were not read."""
    lengths = draw(st.lists(st.integers(1, most_words), min_size=1, max_size=5))
    names = tag_names("abc"[: draw(st.integers(1, most_types))])
    size = sum(lengths) * len(names)
    values = draw(st.lists(st.integers(-3, 3), min_size=size, max_size=size))
    read = draw(st.lists(st.booleans() | st.just(True), min_size=sum(lengths), max_size=sum(lengths)))
    found = words(values, lengths, read=read, names=names)
    return found._replace(logits=found.logits * found.read[:, None])


def is_legal(tags):
    return repair_iob2(tags)[1] == 0


@given(tagged_texts())
def test_no_illegal_sequence_comes_out(found):
    answers = decode(found, "viterbi")
    assert all(is_legal(tags) for tags in tag_sequences(answers)[1])
    assert not answers.answers()[~found.read].any()


@given(tagged_texts(most_words=4, most_types=2))
def test_the_best_of_all_legal_sequences_is_found(found):
    normaliser = np.log(np.exp(found.logits.astype(np.float64)).sum(axis=1, keepdims=True))
    scores = found.logits - normaliser
    scores[~found.read, 1:] = -np.inf
    answers = viterbi(found)
    for text in np.unique(found.texts):
        own = scores[found.texts == text]
        places = np.arange(len(own))
        every = product(range(len(found.names)), repeat=len(own))
        legal = [tags for tags in every if is_legal([found.names[tag] for tag in tags])]
        best = max(own[places, tags].sum() for tags in legal)
        assert own[places, answers[found.texts == text]].sum() == pytest.approx(best, abs=1e-9)


@given(tagged_texts())
def test_what_is_legal_word_by_word_stays_as_it_is(found):
    by_word, by_text = (decode(found, decoding) for decoding in ("greedy", "viterbi"))
    for plain, searched in zip(tag_sequences(by_word)[1], tag_sequences(by_text)[1], strict=True):
        if is_legal(plain):
            assert searched == plain


def test_a_continuation_without_a_beginning_gets_one_where_that_is_likelier():
    #          O  B-x I-x B-y I-y
    logits = [[3, 2, 0, 0, 0], [0, 0, 9, 0, 0]]
    assert greedy(words(logits, [2])).tolist() == [0, 2]
    assert viterbi(words(logits, [2])).tolist() == [1, 2]
    assert viterbi(words([[9, 0, 0, 0, 0], [0, 0, 3, 2, 0]], [2])).tolist() == [0, 3]


def test_a_text_knows_nothing_of_the_one_before():
    logits = [[0, 9, 0, 0, 0], [0, 1, 9, 0, 0]]
    assert viterbi(words(logits, [2])).tolist() == [1, 2]
    assert viterbi(words(logits, [1, 1])).tolist() == [1, 1]


def test_a_word_that_was_not_read_ends_an_entity():
    logits = [[0, 9, 0, 0, 0], [0, 0, 0, 0, 0], [0, 1, 9, 0, 0]]
    assert viterbi(words(logits, [3], read=[True, False, True])).tolist() == [1, 0, 1]


def test_no_text_at_all():
    nothing = words(np.zeros((0, 5)), [])
    assert len(viterbi(nothing)) == len(greedy(nothing)) == 0


def test_scores_and_confidences_are_those_of_the_decoded_answers():
    found = words([[3, 2, 0, 0, 0], [0, 0, 9, 0, 0]], [2])._replace(gold=np.array([1, 2]))
    decoded = decode(found, "viterbi")
    assert score_entities(decode(found, "greedy")).headline["f1"] == 0.0
    assert score_entities(decoded).headline["f1"] == 1.0
    assert {decoded.names[tag] for tag in decoded.answers()} == {"B-x", "I-x"}
    np.testing.assert_allclose(decoded.confidences(), found.probabilities()[[0, 1], [1, 2]])


def test_decoding_anew_begins_from_the_logits():
    found = words([[3, 2, 0, 0, 0], [0, 0, 9, 0, 0]], [2])
    assert greedy(decode(found, "viterbi")).tolist() == [0, 2]
