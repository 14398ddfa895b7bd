import tempfile
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tandem.errors import TandemError
from tandem.hardware.memory import PassLimit
from tandem.training.features import StoredFeatures
from tandem.training.loop import train_model
from tandem.training.passing.passes import EncoderPass
from tandem.validation import score_split
from tests.small_corpora import EXECUTION


@pytest.fixture
def settings(small_run):
    return replace(small_run, epochs=3, length_pool=1)


def train(model, train_examples, valid_examples, settings, execution=EXECUTION, score=score_split):
    with tempfile.TemporaryDirectory() as folder:
        splits = (train_examples, valid_examples)
        return train_model(model, splits, settings, execution, seed=5, score=score, folder=Path(folder))


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


@pytest.mark.parametrize("schedule", ["combined", "alternating"])
def test_a_frozen_encoders_stored_features_train_the_same_heads(
    model, train_examples, valid_examples, settings, schedule, monkeypatch
):
    """Heads trained on stored features, dropout and all, equal those trained with the encoder run in every step."""
    live = deepcopy(model)
    frozen = replace(settings, trainable="heads_only", schedule=schedule, epochs=2)
    train(model, train_examples, valid_examples, frozen)
    monkeypatch.setattr("tandem.training.loop.is_encoder_frozen", lambda *_: False)
    train(live, train_examples, valid_examples, frozen)
    for task in ("mood", "names"):
        torch.testing.assert_close(model.heads[task].linear.weight, live.heads[task].linear.weight, atol=1e-5, rtol=0)


@pytest.mark.parametrize("reading", [True, False])
def test_stored_features_give_the_encoders_logits(model, train_examples, tmp_path, reading):
    model.eval()
    size = EXECUTION.pass_size
    live = EncoderPass(model, train_examples, EXECUTION, reading=reading)
    stored = StoredFeatures(
        model, train_examples, execution=EXECUTION, reading=reading, folder=tmp_path, limit=PassLimit(size)
    )
    chosen = {task: texts[::3] for task, texts in train_examples.members.items()}
    expected = {task: {} for task in chosen}
    for batch in live.batches(chosen, size=size):
        for task, logits in live(batch).items():
            answers = batch.targets[task].answers.tolist()
            keys = zip(batch.targets[task].owners.tolist(), answers, batch.targets[task].weights.tolist(), strict=True)
            for key, row in zip(keys, logits, strict=True):
                expected[task].setdefault(key, []).append(row)
    (batch,) = stored.batches(chosen, size=size)
    for task, logits in stored(batch).items():
        assert len(logits) == sum(map(len, expected[task].values()))
        found = {}
        keys = zip(*(column.tolist() for column in batch.targets[task][3:0:-1]), strict=True)
        for (owner, weight, answer), row in zip(keys, logits, strict=True):
            found.setdefault((owner, answer, weight), []).append(row)
        for key, rows in expected[task].items():
            ours, theirs = (torch.stack(some).sort(dim=0).values for some in (found[key], rows))
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_the_best_epochs_weights_are_kept(model, train_examples, valid_examples, settings):
    scores = iter([0.2, 0.9, 0.4])
    kept = []

    def score(run, examples, size, crew):
        kept.append(weights(run.model))
        found = score_split(run, examples, size, crew)
        return replace(found, scores=dict.fromkeys(found.scores, next(scores)))

    history = train(model, train_examples, valid_examples, settings, score=score)
    assert history.best_epoch == 2
    for name, weight in weights(model).items():
        assert torch.equal(weight, kept[1][name]), name


@pytest.mark.parametrize(("key", "value"), [("learning_rate", 1e30), ("weight_decay", 1e30)])
def test_a_run_that_diverges_says_so(model, train_examples, valid_examples, settings, key, value):
    with pytest.raises(TandemError, match=r"step \d+: the loss of (mood|names) is nan: training has diverged"):
        train(model, train_examples, valid_examples, replace(settings, gradient_clipping=1e30, **{key: value}))


def test_a_run_whose_last_step_diverges_says_so(model, train_examples, valid_examples, settings):
    once = replace(settings, max_steps=1, learning_rate=1e30, gradient_clipping=1e30, warmup_ratio=0.0)
    with pytest.raises(TandemError, match=r"step 1: the weights, or .* no longer finite: training has diverged"):
        train(model, train_examples, valid_examples, replace(once, weight_decay=1e30))


def test_features_that_do_not_fit_on_the_disk_are_refused(model, train_examples, tmp_path):
    (tmp_path / "mood").symlink_to("/dev/full")
    with pytest.raises(TandemError, match=r"cannot keep the encoder's features in .*No space left on device"):
        StoredFeatures(
            model.eval(),
            train_examples,
            execution=EXECUTION,
            reading=False,
            folder=tmp_path,
            limit=PassLimit(EXECUTION.pass_size),
        )


def test_a_smaller_machine_learns_the_same(model, train_examples, valid_examples, settings):
    other = deepcopy(model)
    train(model, train_examples, valid_examples, replace(settings, max_steps=5))
    small = replace(EXECUTION, tokens_per_pass=16)
    train(other, train_examples, valid_examples, replace(settings, max_steps=5), small)
    for name, weight in weights(model).items():
        torch.testing.assert_close(weights(other)[name], weight, atol=2e-4, rtol=0, msg=name)


def test_a_run_that_runs_out_of_memory_learns_the_same(model, train_examples, valid_examples, settings, monkeypatch):
    other, tries = deepcopy(model), []
    train(model, train_examples, valid_examples, replace(settings, max_steps=5))
    plain = EncoderPass.forward

    def failing(self, batch, draw=None):
        tries.append(batch.n_pieces)
        if batch.n_pieces > 30 and len(batch.windows) > 1:
            raise MemoryError
        return plain(self, batch, draw)

    monkeypatch.setattr(EncoderPass, "forward", failing)
    train(other, train_examples, valid_examples, replace(settings, max_steps=5))
    assert max(tries) > 30
    for name, weight in weights(model).items():
        torch.testing.assert_close(weights(other)[name], weight, atol=2e-4, rtol=0, msg=name)


def test_memory_that_runs_out_beside_the_passes_is_no_end_either(
    model, train_examples, valid_examples, settings, monkeypatch
):
    other, plain, failures = deepcopy(model), torch.nn.utils.get_total_norm, iter([torch.OutOfMemoryError])
    train(model, train_examples, valid_examples, replace(settings, max_steps=3))

    def failing(*values, **options):
        for failure in failures:
            raise failure
        return plain(*values, **options)

    monkeypatch.setattr(torch.nn.utils, "get_total_norm", failing)
    train(other, train_examples, valid_examples, replace(settings, max_steps=3))
    assert next(failures, None) is None
    for name, weight in weights(model).items():
        torch.testing.assert_close(weights(other)[name], weight, atol=2e-4, rtol=0, msg=name)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_lower_precision_learns_too_and_keeps_its_weights_in_float32(
    model, train_examples, valid_examples, settings, precision
):
    history = train(model, train_examples, valid_examples, settings, replace(EXECUTION, precision=precision))
    first, last = history.epochs[0].train_losses, history.epochs[-1].train_losses
    assert all(last[task] < first[task] for task in ("mood", "names"))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_recomputing_layers_changes_nothing(model, train_examples, valid_examples, settings):
    other = deepcopy(model)
    train(model, train_examples, valid_examples, replace(settings, max_steps=4))
    train(other, train_examples, valid_examples, replace(settings, max_steps=4, gradient_checkpointing=True))
    for name, weight in weights(model).items():
        assert torch.equal(weights(other)[name], weight), name


def test_patience_ends_a_run_that_gets_no_better(model, train_examples, valid_examples, settings):
    scores = iter([0.5, 0.6, 0.6, 0.1, 0.9])

    def score(run, examples, size, crew):
        found = score_split(run, examples, size, crew)
        return replace(found, scores=dict.fromkeys(found.scores, next(scores)))

    patient = replace(settings, epochs=5, patience=2)
    history = train(model, train_examples, valid_examples, patient, score=score)
    assert (len(history.epochs), history.best_epoch) == (4, 2)


def test_choosing_by_a_task_without_validation_texts_is_refused(model, train_examples, valid_examples, settings):
    none = replace(valid_examples, members={**valid_examples.members, "mood": valid_examples.members["mood"][:0]})
    with pytest.raises(TandemError, match=r"train\.select_by names mood, which has no validation text"):
        train(model, train_examples, none, replace(settings, select_by="mood"))


def test_a_frozen_heads_task_still_teaches_the_encoder(model, train_examples, valid_examples, settings):
    before = weights(model)
    chosen = replace(settings, frozen_heads=("mood",), schedule="separate", epochs=1, max_steps=2)
    train(model, train_examples, valid_examples, chosen)  # two steps of the first task, mood
    after = weights(model)
    assert torch.equal(after["heads.mood.linear.weight"], before["heads.mood.linear.weight"])
    assert any(not torch.equal(after[name], before[name]) for name in after if name.startswith("encoder.layers"))
