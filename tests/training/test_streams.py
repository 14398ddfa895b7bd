import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.params import load_params
from tandem.training.streams import Stream, plan_streams, taught

TRAIN = load_params(Path(__file__).parents[2] / "params.yaml").train
WRITTEN_DOWN = [[6, 11, 14, 15, 16], [1, 2, 3, 4, 5], [7, 9, 11, 14, 18]]


def stream(lengths, *, batch_size=32, length_pool=16, seed=7, number=0, texts=None):
    lengths = np.asarray(lengths)
    texts = np.arange(len(lengths)) if texts is None else np.asarray(texts)
    return Stream(
        texts=texts, lengths=lengths, batch_size=batch_size, length_pool=length_pool, seed=seed, number=number
    )


def realistic(n_texts, *, median=25, sigma=0.6):
    drawn = np.random.default_rng(1).lognormal(np.log(median), sigma, n_texts)
    return np.clip(drawn.round().astype(int), 3, 128)


def one_pass(made, number=0):
    return [made.draw(number * made.n_batches + place) for place in range(made.n_batches)]


any_stream = st.builds(
    stream,
    st.lists(st.integers(1, 9), min_size=1, max_size=90),
    batch_size=st.integers(1, 20),
    length_pool=st.integers(1, 40),
    seed=st.integers(0),
    number=st.integers(0, 3),
)


@given(made=any_stream, first=st.integers(0, 5))
def test_each_text_appears_once_a_pass_in_batches_of_even_size(made, first):
    for number in (first, first + 1):
        batches = one_pass(made, number)
        sizes = [len(batch) for batch in batches]
        assert sorted(np.concatenate(batches)) == made.texts.tolist()
        assert max(sizes) - min(sizes) <= 1
        assert max(sizes) <= made.batch_size
        assert len(sizes) == -(-len(made.texts) // made.batch_size)


@given(made=any_stream, turns=st.lists(st.integers(0, 200), min_size=1, max_size=10))
def test_a_draw_depends_on_its_turn_and_not_on_what_was_drawn_before(made, turns):
    fresh = [replace(made).draw(turn).tolist() for turn in turns]
    assert [made.draw(turn).tolist() for turn in turns] == fresh


def test_the_order_depends_on_seed_pass_and_task():
    lengths = realistic(1000)
    first = np.concatenate(one_pass(stream(lengths)))
    assert np.array_equal(first, np.concatenate(one_pass(stream(lengths))))
    for other in (one_pass(stream(lengths, seed=8)), one_pass(stream(lengths), 1), one_pass(stream(lengths, number=1))):
        assert np.mean(first == np.concatenate(other)) < 0.02


def test_draws_are_the_same_in_every_process():
    """And on every machine: the numbers are written down."""
    here = [stream(range(1, 21), batch_size=5, length_pool=2).draw(turn).tolist() for turn in (0, 1, 7)]
    code = (
        "import numpy as np; from tandem.training.streams import Stream;"
        "made = Stream(texts=np.arange(20), lengths=np.arange(1, 21), batch_size=5, length_pool=2, seed=7, number=0);"
        "print([made.draw(turn).tolist() for turn in (7, 1, 0)][::-1])"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert there.strip() == str(here)
    assert here == WRITTEN_DOWN


def test_texts_go_by_any_numbers():
    texts = np.array([5, 90, 91, 1000])
    assert sorted(np.concatenate(one_pass(stream([1, 2, 3, 4], texts=texts, batch_size=3)))) == texts.tolist()


def test_a_draw_cannot_spoil_the_next():
    drawn = stream(realistic(50)).draw(0)
    with pytest.raises(ValueError, match="read-only"):
        drawn[0] = 3


def test_passes_are_not_laid_out_for_every_draw(monkeypatch):
    laid_out = []
    lay_out = Stream._lay_out
    monkeypatch.setattr(Stream, "_lay_out", lambda made, number: laid_out.append(number) or lay_out(made, number))
    made = stream(realistic(500))
    for turn in range(3 * made.n_batches):
        made.draw(turn)
    assert laid_out == [0, 1, 2]
    assert len(made._last_drawn) == 1


# Lengths


def padding(batches, lengths):
    """The padding within batches as a share of the real pieces."""
    return sum(len(batch) * lengths[batch].max() for batch in batches) / lengths.sum() - 1


@pytest.mark.parametrize(("n_texts", "median", "sigma"), [(20_000, 25, 0.6), (20_000, 25, 0.45), (5_000, 25, 0.6)])
def test_batches_of_like_length_pad_little_and_do_not_follow_each_other(n_texts, median, sigma):
    lengths = realistic(n_texts, median=median, sigma=sigma)
    for number in range(3):
        batches = one_pass(stream(lengths), number)
        assert padding(batches, lengths) <= 0.05
        longest = np.array([lengths[batch].max() for batch in batches])
        assert abs(np.corrcoef(longest[:-1], longest[1:])[0, 1]) < 0.15


@pytest.mark.parametrize(("n_texts", "most"), [(20_000, 0.06), (1000, 0.4)])
def test_a_batch_has_other_texts_in_the_next_pass(n_texts, most):
    """Few of the pairs in a batch meet again, though both passes sort by length."""
    lengths = realistic(n_texts)
    made = stream(lengths)
    batch_of = np.empty(len(lengths), dtype=int)
    for place, batch in enumerate(one_pass(made)):
        batch_of[batch] = place
    meetings = [np.bincount(batch_of[batch]) for batch in one_pass(made, 1)]
    pairs = sum((counts * (counts - 1)).sum() for counts in meetings) / (len(lengths) * 31)
    assert pairs < most


def test_a_pool_of_one_batch_is_a_plain_shuffle():
    lengths = realistic(20_000)
    batches = one_pass(stream(lengths, length_pool=1))
    means = np.array([lengths[batch].mean() for batch in batches])
    assert means.std() == pytest.approx(lengths.std() / 32**0.5, rel=0.1)
    assert padding(batches, lengths) > 1


def test_texts_are_sorted_within_pools_of_so_many_batches():
    """One pool of eight batches of five: each holds five neighbours in length."""
    lengths = np.random.default_rng(0).permutation(40)
    batches = [np.sort(lengths[batch]) for batch in one_pass(stream(lengths, batch_size=5, length_pool=8))]
    assert all(batch.tolist() == list(range(batch[0], batch[0] + 5)) for batch in batches)
    ranges = sorted((batch[0], batch[-1]) for batch in batches)
    assert all(earlier[1] < later[0] for earlier, later in pairwise(ranges))


# Whose texts


def numbers(*texts):
    return np.array(texts, dtype=np.int64)


ALL = np.arange(60)
MEMBERS = {
    "equal": {"a": ALL, "b": ALL},
    "nested": {"a": ALL, "b": ALL[10:20]},
    "nested the other way": {"a": ALL[10:20], "b": ALL},
    "partly overlapping": {"a": ALL[:40], "b": ALL[25:]},
    "apart": {"a": ALL[:40], "b": ALL[40:]},
    "three": {"a": ALL[::2], "b": ALL[::3], "c": ALL},
    "one empty": {"a": ALL, "b": numbers()},
}
OWNED = {
    "equal": {"a": 60, "b": 0},
    "nested": {"a": 60, "b": 0},
    "nested the other way": {"a": 10, "b": 50},
    "partly overlapping": {"a": 40, "b": 20},
    "apart": {"a": 40, "b": 20},
    "three": {"a": 30, "b": 10, "c": 20},
    "one empty": {"a": 60, "b": 0},
}


def settings(schedule):
    return replace(TRAIN, schedule=schedule, batch_size=8)


@pytest.mark.parametrize("case", MEMBERS)
def test_combined_draws_a_text_once_and_teaches_every_task_with_an_answer(case):
    members, chosen = MEMBERS[case], settings("combined")
    streams = plan_streams(members, np.full(60, 5), chosen, seed=7)
    assert {task: len(made.texts) for task, made in streams.items()} == OWNED[case]
    seen = {task: set() for task in members}
    for step in range(max(made.n_batches for made in streams.values())):
        drawn = {task: made.draw(step) for task, made in streams.items() if made.n_batches}
        together = np.concatenate(list(drawn.values()))
        assert len(together) == len(set(together))
        learnt = taught(drawn, members, chosen)
        for task, own in members.items():
            expected = sorted(set(together) & set(own))
            assert learnt.get(task, numbers()).tolist() == expected
            assert bool(expected) == (task in learnt)
            seen[task] |= set(expected)
    assert seen == {task: set(own) for task, own in members.items()}


@pytest.mark.parametrize("schedule", ["separate", "alternating", "random", "proportional", "temperature"])
@pytest.mark.parametrize("case", MEMBERS)
def test_otherwise_each_task_streams_its_own_texts_and_learns_from_its_own_draw(case, schedule):
    members, chosen = MEMBERS[case], settings(schedule)
    streams = plan_streams(members, np.full(60, 5), chosen, seed=7)
    assert {task: made.texts.tolist() for task, made in streams.items()} == {
        task: own.tolist() for task, own in members.items()
    }
    for made in streams.values():
        if made.n_batches:
            drawn = made.draw(0)
            assert {k: v.tolist() for k, v in taught({"a": drawn}, members, chosen).items()} == {"a": sorted(drawn)}


def test_streams_of_the_same_texts_differ():
    streams = plan_streams(MEMBERS["equal"], np.full(60, 5), settings("alternating"), seed=7)
    assert streams["a"].draw(0).tolist() != streams["b"].draw(0).tolist()


def test_streams_take_each_tasks_batch_size_and_the_lengths_of_their_own_texts():
    chosen = replace(TRAIN, schedule="combined", batch_size={"a": 8, "b": 3})
    streams = plan_streams({"a": numbers(1, 4), "b": numbers(0, 4, 5)}, np.arange(10, 16), chosen, seed=7)
    assert (streams["a"].batch_size, streams["b"].batch_size) == (8, 3)
    assert streams["a"].lengths.tolist() == [11, 14]
    assert streams["b"].texts.tolist() == [0, 5]
    assert streams["b"].lengths.tolist() == [10, 15]


def test_an_empty_stream_has_no_batches():
    assert stream([]).n_batches == 0


subsets = st.lists(st.sets(st.integers(0, 25)).map(sorted), min_size=1, max_size=4).filter(any)


@given(subsets=subsets, batch_size=st.integers(1, 9), step=st.integers(0, 9))
def test_every_text_belongs_to_one_stream_of_a_combined_schedule(subsets, batch_size, step):
    members = {name: np.array(own, dtype=np.int64) for name, own in zip("abcd", subsets, strict=False)}
    chosen = replace(TRAIN, schedule="combined", batch_size=batch_size)
    streams = plan_streams(members, np.ones(26, dtype=np.int64), chosen, seed=7)
    owned = np.concatenate([made.texts for made in streams.values()])
    assert sorted(owned) == sorted(set().union(*subsets))
    drawn = {task: made.draw(step) for task, made in streams.items() if made.n_batches}
    learnt = taught(drawn, members, chosen)
    assert all(set(texts) <= set(members[task].tolist()) for task, texts in learnt.items())
    assert set(np.concatenate(list(learnt.values()))) == set(np.concatenate(list(drawn.values())))
