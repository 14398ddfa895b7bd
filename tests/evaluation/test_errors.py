"""Kinds of error: a table of small cases, and what holds for any two sides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.evaluation.errors import match_entities

CASES = {
    "nothing": ([], [], []),
    "right": ([(0, 2, "x")], [(0, 2, "x")], ["correct"]),
    "another type": ([(0, 2, "x")], [(0, 2, "y")], ["type"]),
    "too short": ([(0, 2, "x")], [(0, 1, "x")], ["boundary"]),
    "too long": ([(1, 2, "x")], [(0, 4, "x")], ["boundary"]),
    "another type and too short": ([(0, 2, "x")], [(1, 2, "y")], ["type"]),
    "nothing found": ([(0, 2, "x")], [], ["missed"]),
    "nothing there": ([], [(0, 2, "x")], ["spurious"]),
    "side by side": ([(0, 2, "x")], [(2, 3, "x")], ["missed", "spurious"]),
    "one as two": ([(0, 3, "x")], [(0, 2, "x"), (2, 3, "x")], ["boundary", "spurious"]),
    "two as one": ([(0, 1, "x"), (1, 4, "x")], [(0, 4, "x")], ["boundary", "missed"]),
    "the same words go first": ([(0, 2, "x"), (2, 4, "x")], [(0, 2, "y"), (2, 4, "x")], ["type", "correct"]),
    "the right type goes before more words": ([(0, 4, "x")], [(0, 3, "y"), (3, 4, "x")], ["spurious", "boundary"]),
}


@pytest.mark.parametrize(("gold", "predicted", "kinds"), CASES.values(), ids=CASES)
def test_kinds_of_error(gold, predicted, kinds):
    assert sorted(outcome.kind for outcome in match_entities(gold, predicted)) == sorted(kinds)


@st.composite
def entities(draw):
    """Entities of a text, in order and apart."""
    found, at = [], 0
    for gap, length, kind in draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from("xyz")))):
        found.append((at + gap, at + gap + length, kind))
        at += gap + length
    return found


@given(entities(), entities())
def test_every_entity_is_accounted_for_once(gold, predicted):
    outcomes = match_entities(gold, predicted)
    assert sorted(found.gold for found in outcomes if found.gold) == gold
    assert sorted(found.predicted for found in outcomes if found.predicted) == predicted
    assert sum(found.kind == "correct" for found in outcomes) == len(set(gold) & set(predicted))
    for found in outcomes:
        if found.gold and found.predicted:
            assert max(found.gold[0], found.predicted[0]) < min(found.gold[1], found.predicted[1])
            assert (found.kind == "type") == (found.gold[2] != found.predicted[2])
        else:
            assert found.kind == ("missed" if found.gold else "spurious")


@given(entities(), entities())
def test_a_missed_entity_touches_nothing_that_is_free(gold, predicted):
    outcomes = match_entities(gold, predicted)
    for missed in (found.gold for found in outcomes if found.kind == "missed"):
        for spurious in (found.predicted for found in outcomes if found.kind == "spurious"):
            assert missed[1] <= spurious[0] or spurious[1] <= missed[0]
