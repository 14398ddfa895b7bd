from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.params import load_params
from tandem.training.schedules import draw_texts, plan_schedule

TRAIN = load_params(Path(__file__).parents[2] / "params.yaml").train
SIZES = {"sentiment": 100, "entities": 30}


def test_combined_gives_every_task_a_turn_in_every_step():
    schedule = plan_schedule(SIZES, replace(TRAIN, schedule="combined", epochs=2, batch_size=32))
    assert schedule.turns.tolist() == [[True, True]] * 8
    assert schedule.epoch_ends == (4, 8)
    assert schedule.turn_numbers(5) == {"sentiment": 5, "entities": 5}


def test_separate_finishes_one_task_before_the_next():
    schedule = plan_schedule(SIZES, replace(TRAIN, schedule="separate", epochs=2, batch_size=32))
    assert schedule.turns.tolist() == [[True, False]] * 8 + [[False, True]] * 2
    assert schedule.epoch_ends == (4, 8, 9, 10)
    assert schedule.turn_numbers(8) == {"entities": 0}


@pytest.mark.parametrize(("max_steps", "ends"), [(3, (3,)), (4, (4,)), (6, (4, 6)), (99, (4, 8))])
def test_max_steps_cuts_the_run_and_closes_its_epoch(max_steps, ends):
    schedule = plan_schedule(SIZES, replace(TRAIN, schedule="combined", epochs=2, batch_size=32, max_steps=max_steps))
    assert schedule.epoch_ends == ends
    assert schedule.n_steps == ends[-1]


@given(n_texts=st.integers(1, 60), batch_size=st.integers(1, 40), seed=st.integers(0, 5))
def test_every_pass_takes_each_text_once(n_texts, batch_size, seed):
    stream = np.concatenate([draw_texts(n_texts, batch_size, turn, seed=seed) for turn in range(2 * n_texts)])
    for start in range(0, len(stream) - n_texts + 1, n_texts):
        assert sorted(stream[start : start + n_texts]) == list(range(n_texts))


def test_the_order_depends_on_seed_and_pass_alone():
    first = draw_texts(1000, 500, 0, seed=1)
    assert np.array_equal(first, draw_texts(1000, 500, 0, seed=1))
    assert not np.array_equal(first, draw_texts(1000, 500, 0, seed=2))
    assert not np.array_equal(first, draw_texts(1000, 500, 2, seed=1))
