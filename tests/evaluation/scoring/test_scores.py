"""Rows by label, and tags as sequences; the scores themselves are tested where they are counted."""

import numpy as np
import pytest

from tandem.evaluation.scoring.scores import SCORERS, quick_f1, score_classes, score_entities, tag_sequences
from tests.evaluation.made_up import predictions, tagging


def test_no_text_at_all_gives_zeros_and_no_warning():
    nothing = tagging([], [])
    assert tag_sequences(nothing) == ([], [])
    assert {kind: score(nothing).headline["n"] for kind, score in SCORERS.items()} == dict.fromkeys(SCORERS, 0)


def test_tags_come_back_as_sequences():
    gold, answers = [["B-x", "I-x", "O"], ["O"]], [["O", "B-y", "O"], ["B-z"]]
    assert tag_sequences(tagging(gold, answers)) == (gold, answers)


def test_nothing_predicted_and_nothing_to_find():
    assert score_entities(tagging([["B-x", "I-x"]], [["O", "O"]])).headline["f1"] == 0.0
    assert score_entities(tagging([["O", "O"]], [["O", "O"]])).headline["token_accuracy"] == 1.0


def test_a_gold_type_that_the_head_does_not_know_is_missed_not_forgotten():
    logits = np.eye(3)[[1, 0]]
    found = predictions([1, 3], None, [0, 0], ("O", "B-x", "I-x", "B-new"), logits=logits)
    assert score_entities(found).headline["recall"] == pytest.approx(0.5)


def test_rows_by_label():
    found = predictions([0, 0, 1], [0, 1, 1], range(3), ("bad", "good"))
    rows = {row["label"]: row for row in score_classes(found).per_label}
    assert rows["bad"] == {"label": "bad", "precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2}


def test_the_light_score_is_a_plain_number():
    classes = predictions([0, 1], [0, 0], range(2), "ab")
    entities = tagging([["B-x", "O"]], [["B-x", "B-x"]])
    for kind, found in (("classification", classes), ("tagging", entities)):
        assert type(quick_f1(found, kind)) is float
        assert quick_f1(found, kind) == pytest.approx(SCORERS[kind](found).f1)
