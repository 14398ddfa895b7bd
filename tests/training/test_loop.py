import tempfile
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tandem.errors import TandemError
from tandem.evaluation.validation import score_split
from tandem.tokens.batching import PassSize
from tandem.training.loop import train_model
from tandem.training.passes import EncoderPass, StoredFeatures
from tests.small_corpora import EXECUTION

SCRATCH = Path(tempfile.gettempdir())


@pytest.fixture
def settings(default_params):
    return replace(
        default_params.train,
        epochs=3,
        batch_size=8,
        learning_rate=0.01,
        loss_weights={"mood": 0.5, "names": 0.5},
        max_steps=None,
    )


def train(model, train_examples, valid_examples, settings, execution=EXECUTION):
    return train_model(
        model, (train_examples, valid_examples), settings, execution, seed=5, score=score_split, scratch=SCRATCH
    )


def weights(model):
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def test_training_lowers_every_tasks_loss(model, train_examples, valid_examples, settings):
    history = train(model, train_examples, valid_examples, replace(settings, epochs=6))
    first, last = history.epochs[0].train_losses, history.epochs[-1].train_losses
    assert all(last[task] < first[task] for task in ("mood", "names"))
    assert len(history.steps) == history.epochs[-1].step


def test_the_same_run_gives_the_same_weights(tiny_encoder, model, train_examples, valid_examples, settings):
    other = deepcopy(model)
    train(model, train_examples, valid_examples, settings)
    train(other, train_examples, valid_examples, settings)
    for name, weight in weights(model).items():
        assert torch.equal(weight, weights(other)[name]), name


@pytest.mark.parametrize(
    ("choice", "learning"),
    [
        ("heads_only", ("heads.",)),
        ("output_layers", ("heads.", "encoder.layers.1.")),
        ("all", ("heads.", "encoder.")),
        ("all_adaptive", ("heads.", "encoder.")),
        ("none", ()),
    ],
)
def test_only_what_is_chosen_learns(model, train_examples, valid_examples, settings, choice, learning):
    before = weights(model)
    chosen = replace(settings, trainable=choice, output_layers=1, epochs=1)
    train(model, train_examples, valid_examples, chosen)
    for name, weight in weights(model).items():
        changed = not torch.equal(weight, before[name])
        # a bias added to every key alike cancels in the softmax, so it may well keep its value
        if changed or "query_key_value.bias" not in name:
            assert changed == name.startswith(learning) or name.startswith("encoder.embeddings"), name


@pytest.mark.parametrize("schedule", ["combined", "separate"])
def test_a_frozen_encoders_stored_features_train_the_same_heads(
    model, train_examples, valid_examples, settings, schedule, monkeypatch
):
    """Heads trained on stored features equal heads trained with the encoder run in every step, but for dropout."""
    model.heads["mood"].dropout.prob = model.heads["names"].dropout.prob = 0.0
    live = deepcopy(model)
    frozen = replace(settings, trainable="heads_only", schedule=schedule, epochs=1)
    train(model, train_examples, valid_examples, frozen)
    monkeypatch.setattr("tandem.training.loop.is_encoder_frozen", lambda _: False)
    train(live, train_examples, valid_examples, frozen)
    for task in ("mood", "names"):
        torch.testing.assert_close(model.heads[task].linear.weight, live.heads[task].linear.weight, atol=1e-5, rtol=0)


def test_stored_features_give_the_encoders_logits(model, train_examples, tmp_path):
    model.eval()
    live = EncoderPass(model, train_examples.kinds, EXECUTION)
    stored = StoredFeatures(model, train_examples, EXECUTION, tmp_path)
    everything = {task: np.arange(len(rows)) for task, rows in train_examples.members.items()}
    for reading in (True, False):
        for batch in train_examples.batches(everything, size=PassSize(64, True), reading=reading):
            expected = live(batch)
            for task, logits in stored(batch).items():
                torch.testing.assert_close(logits, expected[task], atol=1e-5, rtol=1e-5)


def test_the_best_epochs_weights_are_kept(model, train_examples, valid_examples, settings):
    scores = iter([0.2, 0.9, 0.4])
    kept = []

    def score(run, examples, execution):
        kept.append(weights(run.model))
        found = score_split(run, examples, execution)
        return replace(found, scores=dict.fromkeys(found.scores, next(scores)))

    history = train_model(
        model, (train_examples, valid_examples), settings, EXECUTION, seed=5, score=score, scratch=SCRATCH
    )
    assert history.best_epoch == 2
    for name, weight in weights(model).items():
        assert torch.equal(weight, kept[1][name]), name


@pytest.mark.parametrize(("key", "value"), [("learning_rate", 1e30), ("weight_decay", 1e30)])
def test_a_run_that_diverges_says_so(model, train_examples, valid_examples, settings, key, value):
    with pytest.raises(TandemError, match=r"step \d+: the loss of (mood|names) is nan: training has diverged"):
        train(model, train_examples, valid_examples, replace(settings, gradient_clipping=1e30, **{key: value}))


def test_features_that_do_not_fit_on_the_disk_are_refused(model, train_examples, valid_examples, settings, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=100))
    with pytest.raises(TandemError, match=r"cannot keep the encoder's features, .* MiB, in .*No space left on device"):
        train(model, train_examples, valid_examples, replace(settings, trainable="heads_only"))


def test_a_smaller_machine_learns_the_same(model, train_examples, valid_examples, settings):
    other = deepcopy(model)
    train(model, train_examples, valid_examples, replace(settings, max_steps=5))
    small = replace(EXECUTION, tokens_per_pass=16)
    train(other, train_examples, valid_examples, replace(settings, max_steps=5), small)
    for name, weight in weights(model).items():
        torch.testing.assert_close(weights(other)[name], weight, atol=2e-4, rtol=0, msg=name)
