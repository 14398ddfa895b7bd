"""A run that was stopped and begun again is the run that was left alone."""

import os
import shutil
import signal
from copy import deepcopy
from dataclasses import replace

import orjson
import pytest
import torch

from tandem.errors import TandemError
from tandem.training import interruption
from tandem.training.checkpoints import Checkpoints, Snapshot, discard
from tandem.training.loop import train_model
from tandem.training.progress import Progress
from tandem.validation import score_split
from tests.small_corpora import EXECUTION


@pytest.fixture
def settings(small_run):
    return replace(small_run, epochs=2, checkpoint_every=3)


class Killed(BaseException):
    """Stands for a SIGKILL: nothing that catches errors catches it."""


@pytest.fixture
def killing(monkeypatch):
    """Kill the next training right after the given step."""

    def after(number):
        plain = Progress.after_step

        def kill(self, step, taken):
            plain(self, step, taken)
            if step.number == number:
                raise Killed

        monkeypatch.setattr(Progress, "after_step", kill)

    yield after
    monkeypatch.undo()


def train(model, examples, settings, folder, execution=EXECUTION):
    return train_model(model, examples, settings, execution, seed=5, score=score_split, folder=folder)


def assert_same(ours, theirs):
    assert orjson.dumps(ours[0].state()) == orjson.dumps(theirs[0].state())
    for (name, mine), other in zip(ours[1].named_parameters(), theirs[1].parameters(), strict=True):
        assert torch.equal(mine, other), name


CHOICES = {
    "plain": {},
    "frozen encoder": {"trainable": "heads_only"},
    "gradual unfreezing": {"unfreeze_every": 1},
    "learnt loss weights": {"loss_weights": "uncertainty"},
    "drawn tasks": {"schedule": "temperature", "length_pool": 2},
    "one after the other": {"schedule": "separate", "rate_schedule": "cosine"},
    "patience": {"patience": 1, "epochs": 4},
    "recomputed layers": {"gradient_checkpointing": True},
}


@pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES.keys())
def test_a_killed_run_goes_on_to_the_same_bytes(
    model, train_examples, valid_examples, settings, choice, killing, tmp_path, monkeypatch
):
    chosen, splits = replace(settings, **choice), (train_examples, valid_examples)
    alone = deepcopy(model)
    expected = train(alone, splits, chosen, tmp_path / "alone")
    for number in (1, 4, 8):  # before the first checkpoint, between two, within the second epoch
        killing(number)
        with pytest.raises(Killed):
            train(deepcopy(model), splits, chosen, tmp_path / "killed")
        monkeypatch.undo()
    last = deepcopy(model)
    assert_same((train(last, splits, chosen, tmp_path / "killed"), last), (expected, alone))


def test_a_finished_run_begun_again_only_takes_the_best_weights(
    model, train_examples, valid_examples, settings, tmp_path
):
    first, again = deepcopy(model), deepcopy(model)
    splits = (train_examples, valid_examples)
    expected = train(first, splits, settings, tmp_path)
    assert_same((train(again, splits, settings, tmp_path), again), (expected, first))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_with_a_checkpoint(
    model, train_examples, valid_examples, settings, tmp_path, monkeypatch, number
):
    plain = Progress.after_step

    def interrupt(self, step, taken):
        plain(self, step, taken)
        if step.number == 4:
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), number)  # as a launcher passes on what every process has got

    monkeypatch.setattr(Progress, "after_step", interrupt)
    handlers = [signal.getsignal(kind) for kind in (signal.SIGTERM, signal.SIGINT)]
    with pytest.raises(TandemError, match=r"stopped after step 4 of \d+: the same command goes on from there"):
        train(model, (train_examples, valid_examples), settings, tmp_path)
    assert [signal.getsignal(kind) for kind in (signal.SIGTERM, signal.SIGINT)] == handlers
    assert Checkpoints(tmp_path, kept=2).latest().step == 4


@pytest.mark.usefixtures("heeding_interrupts")
def test_a_second_wish_ends_a_run_at_once(model, train_examples, valid_examples, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(interruption, "ECHO_SECONDS", 0.0)
    monkeypatch.setattr(Progress, "after_step", lambda *_: [os.kill(os.getpid(), signal.SIGINT) for _ in range(2)])
    with pytest.raises(KeyboardInterrupt):
        train(model, (train_examples, valid_examples), settings, tmp_path)


def test_a_finished_run_is_deleted_under_another_name(tmp_path, monkeypatch):
    """So that, if it is killed meanwhile, no later run finds half of it; the next one deletes the rest."""
    for name in ("first", "second", "other"):
        Checkpoints(tmp_path / name, kept=1).save(Snapshot(step=1, tensors={}, facts={}))
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        discard(tmp_path / "first")
    assert Checkpoints(tmp_path / "first", kept=1).latest() is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.discarded", "other", "second"]
    discard(tmp_path / "second")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_the_last_few_checkpoints_are_kept_and_a_damaged_one_is_passed_over(tmp_path, capsys):
    checkpoints = Checkpoints(tmp_path, kept=2)
    for step in range(1, 5):
        checkpoints.save(Snapshot(step=step, tensors={"model": {"w": torch.full((3,), step)}}, facts={"x": 0.1 + step}))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-00000003", "checkpoint-00000004"]
    found = checkpoints.latest()
    assert (found.step, found.facts["x"], found.tensors["model"]["w"].tolist()) == (4, 4.1, [4, 4, 4])
    weights = tmp_path / "checkpoint-00000004/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert checkpoints.latest().step == 3
    assert "checkpoint-00000004 is passed over" in capsys.readouterr().err
    weights.unlink()
    assert checkpoints.latest().step == 3
    (tmp_path / "checkpoint-00000003/facts.json").write_text("[1]")
    assert checkpoints.latest() is None


def test_a_full_disk_names_the_checkpoint(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tandem.training.checkpoints.save_file", full)
    with pytest.raises(TandemError, match=r"cannot write .*checkpoint-00000001: No space left on device"):
        Checkpoints(tmp_path, kept=2).save(Snapshot(step=1, tensors={"model": {}}, facts={}))
    assert list(tmp_path.iterdir()) == []
