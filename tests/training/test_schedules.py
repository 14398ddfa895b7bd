from collections import Counter
from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.errors import TandemError
from tandem.params import load_params
from tandem.training.schedules import MOST_STEPS, plan_schedule, turn_shares

TRAIN = load_params(Path(__file__).parents[2] / "params.yaml").train
SCHEDULES = ("combined", "separate", "alternating", "random", "proportional", "temperature")
DRAWN = ("random", "proportional", "temperature")


def settings(schedule, *, epochs=2, **changes):
    usual = {"temperature": 0.5, "max_steps": None, "epoch_steps": None}
    return replace(TRAIN, schedule=schedule, epochs=epochs, **usual | changes)


def plan(schedule, *counts, seed=7, **changes):
    """A schedule of tasks a, b, c ... with so many batches a pass."""
    return plan_schedule(dict(zip("abcde", counts, strict=False)), settings(schedule, **changes), seed=seed)


def spelled(schedule):
    """The turns as text: the tasks of a step, step by step."""
    return " ".join("".join(np.array(schedule.tasks)[turns]) for turns in schedule.turns)


@pytest.mark.parametrize(
    ("schedule", "counts", "turns", "ends"),
    [
        ("combined", (2, 1), "ab ab ab ab", (2, 4)),
        ("combined", (1, 2), "ab ab ab ab", (2, 4)),
        ("combined", (2, 0), "a a a a", (2, 4)),
        ("separate", (2, 1), "a a a a b b", (2, 4, 5, 6)),
        ("separate", (1, 0, 2), "a a c c c c", (1, 2, 4, 6)),
        ("alternating", (2, 1), "a b a b a b a b", (4, 8)),
        ("alternating", (1, 0, 2), "a c a c a c a c", (4, 8)),
        ("alternating", (1, 1, 1), "a b c a b c", (3, 6)),
        ("random", (2,), "a a a a", (2, 4)),
        ("proportional", (0, 3), "b b b b b b", (3, 6)),
        ("temperature", (3, 0), "a a a a a a", (3, 6)),
    ],
)
def test_small_schedules(schedule, counts, turns, ends):
    planned = plan(schedule, *counts)
    assert spelled(planned) == turns
    assert planned.epoch_ends == ends


@pytest.mark.parametrize(
    ("schedule", "counts", "steps"),
    [
        ("combined", (10, 90), 90),
        ("alternating", (10, 90), 180),
        ("alternating", (7, 7, 6), 21),
        ("random", (10, 90), 180),
        ("random", (7, 0, 6), 14),
        ("proportional", (10, 90), 100),
        ("proportional", (3, 7, 11, 13), 34),
        ("temperature", (4, 9), 15),  # shares 2/5 and 3/5
        ("temperature", (16, 1), 20),  # shares 4/5 and 1/5
    ],
)
def test_an_epoch_is_when_every_task_is_expected_to_have_seen_its_texts(schedule, counts, steps):
    assert plan(schedule, *counts).epoch_ends == (steps, 2 * steps)


@pytest.mark.parametrize(
    ("schedule", "turns", "ends"),
    [
        ("combined", "ab ab ab ab ab ab", (3, 6)),
        ("alternating", "a b a b a b", (3, 6)),
        ("separate", "a a a a a a b b b b b b", (3, 6, 9, 12)),
    ],
)
def test_an_epoch_may_have_any_number_of_steps(schedule, turns, ends):
    planned = plan(schedule, 5, 1, epoch_steps=3)
    assert spelled(planned) == turns
    assert planned.epoch_ends == ends
    assert plan(schedule, 5, 1, epoch_steps=3, max_steps=4).epoch_ends == (3, 4)
    assert plan(schedule, 0, 1, epoch_steps=3).epoch_ends == (3, 6)


@pytest.mark.parametrize(
    ("schedule", "temperature", "shares"),
    [
        ("combined", 0.5, (1, 1)),
        ("separate", 0.5, (1, 1)),
        ("alternating", 0.5, (Fraction(1, 2), Fraction(1, 2))),
        ("random", 0.5, (Fraction(1, 2), Fraction(1, 2))),
        ("proportional", 0.5, (Fraction(9, 25), Fraction(16, 25))),
        ("temperature", 0.0, (Fraction(1, 2), Fraction(1, 2))),
        ("temperature", 0.5, (Fraction(3, 7), Fraction(4, 7))),
        ("temperature", 1.0, (Fraction(9, 25), Fraction(16, 25))),
        ("temperature", 2.0, (Fraction(81, 337), Fraction(256, 337))),
    ],
)
def test_shares(schedule, temperature, shares):
    assert tuple(turn_shares({"a": 9, "b": 16}, settings(schedule, temperature=temperature)).values()) == shares


@pytest.mark.parametrize(("temperature", "same"), [(0.0, "random"), (1.0, "proportional")])
def test_temperature_has_its_neighbours_as_ends(temperature, same):
    counts = {"a": 30, "b": 0, "c": 11}
    ours, theirs = settings("temperature", temperature=temperature), settings(same)
    assert turn_shares(counts, ours) == turn_shares(counts, theirs)
    assert np.array_equal(plan_schedule(counts, ours, seed=1).turns, plan_schedule(counts, theirs, seed=1).turns)


def test_tasks_that_alternate_have_equally_many_turns():
    assert plan("alternating", 40, 3, 11, epochs=3).turns.sum(axis=0).tolist() == [120, 120, 120]


@pytest.mark.parametrize("schedule", DRAWN)
@pytest.mark.parametrize("seed", [0, 7, 2**80])
def test_tasks_are_drawn_as_often_as_their_shares_say(schedule, seed):
    counts = {"a": 100, "b": 400, "c": 900}
    planned = plan_schedule(counts, settings(schedule, epochs=100_000, max_steps=20_000), seed=seed)
    expected = 20_000 * np.array([float(share) for share in turn_shares(counts, settings(schedule)).values()])
    found = planned.turns.sum(axis=0)
    assert ((found - expected) ** 2 / expected).sum() < 18.4  # chi-square, 2 degrees of freedom, p = 0.0001


@pytest.mark.parametrize("schedule", DRAWN)
def test_neighbouring_turns_are_independent(schedule):
    takers = plan(schedule, 60, 40, epochs=200).turns.argmax(axis=1)
    assert abs(np.corrcoef(takers[:-1], takers[1:])[0, 1]) < 4 / len(takers) ** 0.5


@pytest.mark.parametrize("schedule", ["combined", "alternating", *DRAWN])
def test_a_shorter_run_is_the_beginning_of_a_longer_one(schedule):
    short, long = (plan(schedule, 30, 7, epochs=epochs) for epochs in (2, 3))
    assert np.array_equal(long.turns[: short.n_steps], short.turns)
    assert long.epoch_ends[:2] == short.epoch_ends


@pytest.mark.parametrize("schedule", DRAWN)
def test_turns_depend_on_the_seed_alone(schedule):
    first = plan(schedule, 50, 70, seed=1)
    np.random.default_rng(0).random(10)
    assert np.array_equal(first.turns, plan(schedule, 50, 70, seed=1).turns)
    assert not np.array_equal(first.turns, plan(schedule, 50, 70, seed=2).turns)


def test_drawn_turns_are_the_same_on_every_machine():
    assert spelled(plan("random", 5, 5, epochs=1, seed=7)) == "b b a b b a a a a a"


@pytest.mark.parametrize(("max_steps", "ends"), [(3, (3,)), (4, (4,)), (6, (4, 6)), (99, (4, 8))])
def test_max_steps_cuts_the_run_and_closes_its_epoch(max_steps, ends):
    schedule = plan("combined", 4, 1, max_steps=max_steps)
    assert schedule.epoch_ends == ends
    assert schedule.n_steps == ends[-1]


def test_a_task_without_texts_has_no_turn_and_none_at_all_is_an_error():
    assert not plan("random", 5, 0).turns[:, 1].any()
    with pytest.raises(TandemError, match="no text to train on for any of the tasks a, b"):
        plan("combined", 0, 0)


def test_a_run_too_long_for_a_table_is_an_error_and_max_steps_the_way_out():
    with pytest.raises(TandemError, match=f"at most {MOST_STEPS} are possible"):
        plan("temperature", 1000, 10, temperature=30.0)
    assert plan("temperature", 1000, 10, temperature=30.0, max_steps=50).n_steps == 50
    assert plan("separate", 100_000, 10, epochs=100_000, max_steps=50).n_steps == 50
    with pytest.raises(TandemError, match=r"train\.temperature must be lower, got 1000\.0"):
        plan("temperature", 1000, 10, temperature=1000.0, max_steps=50)


counts_of_tasks = st.lists(st.integers(0, 40), min_size=1, max_size=5).filter(any)


@given(counts=counts_of_tasks, schedule=st.sampled_from(SCHEDULES), epochs=st.integers(1, 3), seed=st.integers(0))
def test_turn_numbers_count_turns(counts, schedule, epochs, seed):
    planned = plan(schedule, *counts, epochs=epochs, seed=seed)
    had = Counter()
    for step in range(planned.n_steps):
        numbers = planned.turn_numbers(step)
        assert numbers == {task: had[task] for task in numbers}
        assert len(numbers) == (sum(map(bool, counts)) if schedule == "combined" else 1)
        had.update(numbers.keys())
    assert tuple(had[task] for task in planned.tasks) == tuple(planned.turns.sum(axis=0))


@given(counts=counts_of_tasks, schedule=st.sampled_from(SCHEDULES), max_steps=st.none() | st.integers(1, 200))
def test_epochs_end_in_order_and_the_last_one_with_the_run(counts, schedule, max_steps):
    planned = plan(schedule, *counts, max_steps=max_steps)
    assert list(planned.epoch_ends) == sorted(set(planned.epoch_ends))
    assert planned.epoch_ends[0] > 0
    assert planned.epoch_ends[-1] == planned.n_steps
    if max_steps is None:
        assert len(planned.epoch_ends) == 2 * (sum(map(bool, counts)) if schedule == "separate" else 1)


@given(counts=counts_of_tasks, schedule=st.sampled_from(["combined", "separate", "alternating"]))
def test_every_task_takes_a_pass_in_an_epoch(counts, schedule):
    planned = plan(schedule, *counts, epochs=1)
    assert (planned.turns.sum(axis=0) >= counts).all()


@given(counts=counts_of_tasks, schedule=st.sampled_from(SCHEDULES), temperature=st.floats(0, 3))
def test_every_task_is_expected_to_take_a_pass_in_an_epoch_and_no_shorter_one_would_do(counts, schedule, temperature):
    n_batches = dict(zip("abcde", counts, strict=False))
    chosen = settings(schedule, epochs=1, temperature=temperature, max_steps=1)
    shares = turn_shares(n_batches, chosen)
    assert all((share == 0) == (count == 0) for share, count in zip(shares.values(), counts, strict=True))
    if schedule == "separate":
        return
    length = ceil(max(count / share for count, share in zip(counts, shares.values(), strict=True) if share))
    if length <= 10_000:
        assert plan(schedule, *counts, epochs=1, temperature=temperature).n_steps == length
