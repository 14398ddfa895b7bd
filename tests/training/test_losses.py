"""However a step is cut into batches, its loss and gradient are the same."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from tandem.tokens.batching import PassSize
from tandem.training.losses import count_answers, step_loss, summed_losses
from tandem.training.passes import Draw, EncoderPass
from tests.small_corpora import EXECUTION

WEIGHTS = {"mood": 0.3, "names": 0.7}


def everything(examples):
    return {task: np.arange(len(rows)) for task, rows in examples.members.items()}


def gradients(model, examples, *, size):
    """The gradient of one step over all texts, in float64, and each task's mean loss."""
    model.double().train()
    model.zero_grad()
    run = EncoderPass(model, examples.kinds, EXECUTION)
    batches = list(examples.batches(everything(examples), size=size, reading=False))
    counts = count_answers(batches)
    totals = dict.fromkeys(counts, 0.0)
    for batch in batches:
        sums = summed_losses(batch, run(batch, Draw(seed=1, step=2)))
        step_loss(sums, counts, WEIGHTS).backward()
        for task, total in sums.items():
            totals[task] += float(total.detach())
    found = {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}
    return found, {task: total / counts[task] for task, total in totals.items()}


def test_cutting_a_step_into_smaller_batches_changes_nothing(model, train_examples):
    whole, losses = gradients(model, train_examples, size=PassSize(10_000, True))
    for size in (PassSize(16, True), PassSize(40, True), PassSize(16, False), PassSize(128, False)):
        parts, same = gradients(model, train_examples, size=size)
        assert same == pytest.approx(losses, abs=1e-6)
        assert parts.keys() == whole.keys()
        for name, gradient in whole.items():
            torch.testing.assert_close(parts[name], gradient, atol=1e-6, rtol=0)


def test_losses_are_torchs_own_means(model, train_examples):
    """Over texts of one window each, a task's loss is the plain mean of cross-entropies."""
    model.eval()
    members = train_examples.members["mood"]
    short = [
        row for row, (store, text) in enumerate(members) if len(train_examples.stores[store].windows_of([text])) == 1
    ]
    run = EncoderPass(model, train_examples.kinds, EXECUTION)
    chosen = {"mood": np.array(short)}
    batches = list(train_examples.batches(chosen, size=PassSize(10_000, True), reading=False))
    counts = count_answers(batches)
    sums = [summed_losses(batch, run(batch))["mood"] for batch in batches]
    logits = torch.cat([run(batch)["mood"] for batch in batches])
    answers = torch.cat([torch.from_numpy(batch.targets["mood"].answers) for batch in batches])
    assert counts["mood"] == len(short)
    torch.testing.assert_close(sum(sums) / counts["mood"], functional.cross_entropy(logits, answers))


def test_windows_of_a_long_text_share_its_weight(train_examples):
    batches = train_examples.batches({"mood": np.arange(24)}, size=PassSize(10_000, True), reading=False)
    targets = [batch.targets["mood"] for batch in batches]
    owners = np.concatenate([target.owners for target in targets])
    weights = np.concatenate([target.weights for target in targets])
    assert len(owners) > 24
    assert np.bincount(owners, weights) == pytest.approx(np.ones(24))


def test_a_text_with_both_answers_goes_through_the_encoder_once(train_examples):
    mixed = train_examples.corpora.index("mixed")
    chosen = {task: np.flatnonzero(rows[:, 0] == mixed) for task, rows in train_examples.members.items()}
    batches = list(train_examples.batches(chosen, size=PassSize(64, True), reading=False))
    windows = np.concatenate([batch.windows for batch in batches])
    assert len(windows) == len(set(windows)) == train_examples.stores[mixed].n_windows
    assert all(batch.targets.keys() == {"mood", "names"} for batch in batches)


def test_a_text_that_a_task_did_not_choose_adds_nothing_to_it(train_examples):
    mixed = train_examples.corpora.index("mixed")
    own = {task: np.flatnonzero(rows[:, 0] == mixed) for task, rows in train_examples.members.items()}
    batches = list(
        train_examples.batches(
            {"mood": own["mood"][:5], "names": own["names"][5:]}, size=PassSize(64, True), reading=True
        )
    )
    texts = {task: set() for task in own}
    for batch in batches:
        store = train_examples.stores[batch.store]
        for task, targets in batch.targets.items():
            rows = targets.places if task == "mood" else targets.places // batch.ids.shape[1]
            texts[task] |= set(store.window_texts[batch.windows[rows]].tolist())
    assert texts == {"mood": set(range(5)), "names": set(range(5, 24))}


def test_an_answer_that_the_head_does_not_know_is_not_counted(folders, train_examples):
    narrow = replace(train_examples, labels={**train_examples.labels, "mood": ("good",)})
    counts = count_answers(list(narrow.batches({"mood": np.arange(24)}, size=PassSize(64, True), reading=False)))
    assert counts["mood"] == pytest.approx(12)
