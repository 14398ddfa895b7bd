"""Our scores against the libraries that define them, on random answers and on the odd ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2
from sklearn.metrics import accuracy_score
from sklearn.metrics import f1_score as class_f1_score

from tandem.evaluation.predicting import Predictions
from tandem.evaluation.scores import confusion, score_classes, score_entities, tag_sequences

TAGS = ("O", "B-x", "I-x", "B-y", "I-y")


def predictions(gold, answers, texts, names):
    logits = np.eye(len(names), dtype=np.float32)[np.array(answers, dtype=np.int64)].reshape(len(gold), len(names))
    return Predictions(
        names=tuple(names),
        texts=np.array(texts, dtype=np.int64),
        gold=np.array(gold, dtype=np.int64),
        logits=logits,
        read=np.ones(len(gold), dtype=bool),
    )


@st.composite
def tagged_texts(draw):
    lengths = draw(st.lists(st.integers(1, 8), min_size=1, max_size=6))
    tags = st.integers(0, len(TAGS) - 1)
    n_words = sum(lengths)
    columns = [draw(st.lists(tags, min_size=n_words, max_size=n_words)) for _ in range(2)]
    return predictions(*columns, np.repeat(np.arange(len(lengths)), lengths), TAGS)


@given(tagged_texts())
def test_entities_are_seqevals_strict_iob2(found):
    gold, answers = tag_sequences(found)
    scored = score_entities(found).headline
    strict = {"mode": "strict", "scheme": IOB2, "zero_division": 0}
    has_any = any(tag[0] == "B" for text in (*gold, *answers) for tag in text)
    for name, reference in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        expected = reference(gold, answers, **strict) if has_any else 0.0
        assert scored[name] == pytest.approx(expected, abs=1e-12)
    assert scored["token_accuracy"] == pytest.approx(accuracy_score(np.concatenate(gold), np.concatenate(answers)))
    assert scored["n"] == len(gold)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30))
def test_classes_are_scikit_learns(pairs):
    gold, answers = zip(*pairs, strict=True)
    scored = score_classes(predictions(gold, answers, range(len(gold)), "abc")).headline
    assert scored["accuracy"] == pytest.approx(accuracy_score(gold, answers))
    expected = class_f1_score(gold, answers, labels=[0, 1, 2], average="macro", zero_division=0)
    assert scored["macro_f1"] == pytest.approx(expected)


def test_no_text_at_all_gives_zeros_and_no_warning():
    nothing = predictions([], [], [], TAGS)
    assert score_entities(nothing).headline["f1"] == 0.0
    assert score_entities(nothing).headline["n"] == 0
    assert score_classes(predictions([], [], [], "ab")).headline == {"accuracy": 0.0, "macro_f1": 0.0, "n": 0}
    assert confusion(nothing) == []


def test_nothing_predicted_and_nothing_to_find():
    assert score_entities(predictions([1, 2], [0, 0], [0, 0], TAGS)).headline["f1"] == 0.0
    assert score_entities(predictions([0, 0], [0, 0], [0, 0], TAGS)).headline["token_accuracy"] == 1.0


def test_a_gold_type_that_the_head_does_not_know_is_missed_not_forgotten():
    found = predictions([1, 3], [1, 0], [0, 0], ("O", "B-x", "I-x", "B-new"))
    assert score_entities(found).headline["recall"] == pytest.approx(0.5)


def test_per_label_rows_and_confusions():
    found = predictions([0, 0, 1], [0, 1, 1], range(3), ("bad", "good"))
    rows = {row["label"]: row for row in score_classes(found).per_label}
    assert rows["bad"] == {"label": "bad", "precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2}
    assert confusion(found) == [
        {"actual": "bad", "predicted": "bad", "count": 1},
        {"actual": "bad", "predicted": "good", "count": 1},
        {"actual": "good", "predicted": "good", "count": 1},
    ]
