"""What a single-task twin is: the shared run's params without the other tasks, in as many steps."""

from dataclasses import replace

import pytest

from tandem.errors import TandemError
from tandem.params import Twins
from tandem.twins import shared_turns, twin_params
from tests.small_corpora import TASKS


@pytest.fixture(scope="module")
def tokens(folders, tmp_path_factory):
    """The stores of all corpora under one folder."""
    folder = tmp_path_factory.mktemp("tokens")
    for name, store in folders.items():
        (folder / name).symlink_to(store)
    return folder


@pytest.fixture
def shared(folders, default_params):
    """Params of a shared run: mood has 24 + 24 texts, names 24 + 24, and 24 of each are the same ones."""
    train = replace(
        default_params.train,
        epochs=2,
        batch_size={"mood": 8, "names": 4},
        loss_weights={"mood": 0.25, "names": 0.75},
        class_weights={"mood": "balanced"},
        frozen_heads=("names",),
        select_by="names",
    )
    corpus = default_params.corpora["reviews"]
    evaluate = replace(default_params.evaluate, target_recall={"names": 0.9})
    corpora = dict.fromkeys(folders, corpus)
    return replace(default_params, corpora=corpora, tasks=TASKS, train=train, evaluate=evaluate)


def test_a_twin_has_the_params_of_its_task_alone(shared, tokens):
    mood, names = (twin_params(shared, task, tokens) for task in ("mood", "names"))
    assert (list(mood.tasks), list(names.tasks)) == (["mood"], ["names"])
    assert (mood.train.batch_size, names.train.loss_weights) == ({"mood": 8}, {"names": 0.75})
    assert (mood.train.class_weights, names.train.class_weights) == ({"mood": "balanced"}, {})
    assert (mood.train.frozen_heads, names.train.frozen_heads) == ((), ("names",))
    assert (mood.train.select_by, names.train.select_by) == ("combined", "names")
    assert (mood.evaluate.target_recall, names.evaluate.target_recall) == (None, {"names": 0.9})
    assert mood.seed == shared.seed


@pytest.mark.parametrize(
    ("schedule", "mood", "names"),
    [
        ("combined", [6, 6], [6, 6]),
        ("separate", [6, 6, 0, 0], [0, 0, 12, 12]),
        ("alternating", [12, 12], [12, 12]),
    ],
)
def test_a_twin_takes_the_steps_of_its_task_in_the_shared_run(shared, tokens, schedule, mood, names):
    shared = replace(shared, train=replace(shared.train, schedule=schedule))
    for task, turns in (("mood", mood), ("names", names)):
        assert shared_turns(shared, task, tokens) == turns
        train = twin_params(shared, task, tokens).train
        assert (train.epochs, train.epoch_steps, train.max_steps) == (2, max(turns), sum(turns))


def test_drawn_turns_are_counted_and_not_their_expectation(shared, tokens):
    shared = replace(shared, train=replace(shared.train, schedule="random", max_steps=30))
    turns = [shared_turns(shared, task, tokens) for task in ("mood", "names")]
    assert sum(map(sum, turns)) == 30
    assert twin_params(shared, "mood", tokens).train.max_steps == sum(turns[0])


def test_with_own_steps_the_length_of_the_training_is_left_as_it_is(shared, tokens):
    twin = twin_params(replace(shared, twins=Twins(tasks=("names",), steps="own")), "names", tokens)
    assert (twin.train.epochs, twin.train.epoch_steps, twin.train.max_steps) == (2, None, None)


def test_a_task_that_the_shared_run_never_comes_to(shared, tokens):
    shared = replace(shared, train=replace(shared.train, schedule="separate", max_steps=3))
    with pytest.raises(TandemError, match=r"the shared run never comes to names: raise train\.max_steps"):
        twin_params(shared, "names", tokens)


def test_a_twin_of_no_task(shared, tokens):
    with pytest.raises(TandemError, match=r"params\.yaml has no tasks\.moods; there are mood, names"):
        twin_params(shared, "moods", tokens)
