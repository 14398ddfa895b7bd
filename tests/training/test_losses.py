"""However a step is cut into batches, its loss and gradient are torch's own over all of it."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from tandem.errors import TandemError
from tandem.params import load_params
from tandem.tokens.batches.examples import Targets
from tandem.tokens.storage.ragged import IGNORED
from tandem.training.losses import (
    Criterion,
    Weighting,
    balanced_weights,
    count_answers,
    make_criteria,
    mean_losses,
    step_loss,
    summed_losses,
)

TRAIN = load_params(Path(__file__).parents[2] / "params.yaml").train
MOODS = ("bad", "good", "mixed")
TAGS = ("O", "B-person", "I-person", "B-place", "I-place")
LABELS = {"mood": MOODS, "names": TAGS}
KINDS = {"mood": "classification", "names": "tagging"}
FACTORS = {"mood": 0.3, "names": 0.7}
PLAIN = Criterion(class_weights=np.ones(3), label_smoothing=0.0)


def targets(answers, weights=None):
    answers = np.asarray(answers, dtype=np.int64)
    weights = np.ones(len(answers)) if weights is None else np.asarray(weights)
    return Targets(np.arange(len(answers)), answers, weights.astype(np.float32), np.arange(len(answers)))


def batch(**by_task):
    return SimpleNamespace(targets=by_task)


def make(settings=TRAIN, *, counts=None, **changes):
    return make_criteria(replace(settings, **changes), LABELS, KINDS, counts or {})


WEIGHTED = make(class_weights={"mood": {"good": 2.5}, "names": {"O": 0.2, "person": 3.0}}, label_smoothing=0.1)


# Cutting a step


class Step:
    """A step of 32 vectors for each task, through a linear head in float64; every seventh answer is ignored."""

    def __init__(self, seed=0):
        draws = np.random.default_rng(seed)
        torch.manual_seed(seed)
        self.heads = {task: torch.nn.Linear(6, len(names), dtype=torch.float64) for task, names in LABELS.items()}
        self.vectors, self.targets = {}, {}
        for task, names in LABELS.items():
            self.vectors[task] = torch.from_numpy(draws.normal(size=(32, 6)))
            answers = np.where(np.arange(32) % 7 == 3, IGNORED, draws.integers(0, len(names), 32))
            self.targets[task] = targets(answers, draws.choice([1, 1 / 2, 1 / 3], 32))

    def part(self, rows):
        """A batch of some rows by task, and its vectors."""
        own = {task: Targets(*(values[chosen] for values in self.targets[task])) for task, chosen in rows.items()}
        return batch(**own), {task: self.vectors[task][chosen] for task, chosen in rows.items()}

    def take(self, parts, criteria, factors=FACTORS):
        """The gradients and mean losses of a step over these parts."""
        parts = [self.part(rows) for rows in parts]
        counts = count_answers([own for own, _ in parts], criteria)
        totals = dict.fromkeys(counts, 0.0)
        for head in self.heads.values():
            head.zero_grad()
        for own, vectors in parts:
            logits = {task: self.heads[task](values) for task, values in vectors.items()}
            sums = summed_losses(own, logits, criteria)
            step_loss(sums, counts, factors).backward()
            for task, total in sums.items():
                totals[task] += float(total.detach())
        gradients = {f"{task}.{name}": p.grad for task, h in self.heads.items() for name, p in h.named_parameters()}
        return {name: grad.clone() for name, grad in gradients.items() if grad is not None}, mean_losses(totals, counts)


ROWS = np.arange(32)
CUTS = {
    "eights of four": [dict.fromkeys(LABELS, rows) for rows in np.split(ROWS, 8)],
    "uneven": [dict.fromkeys(LABELS, rows) for rows in np.split(ROWS, [1, 2, 30])],
    "each task by itself": [{task: rows} for task in LABELS for rows in np.split(ROWS, 2)],
    "one task in some parts only": [{"mood": ROWS[:5]}, {"mood": ROWS[5:], "names": ROWS[:20]}, {"names": ROWS[20:]}],
    "a part where all is ignored": [dict.fromkeys(LABELS, rows) for rows in (ROWS[3:4], np.delete(ROWS, 3))],
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("criteria", [make(), WEIGHTED], ids=["plain", "weighted and smoothed"])
def test_cutting_a_step_changes_nothing(cut, criteria):
    step = Step()
    whole, losses = step.take([dict.fromkeys(LABELS, ROWS)], criteria)
    parts, same = step.take(CUTS[cut], criteria)
    assert same == pytest.approx(losses, abs=1e-12)
    assert parts.keys() == whole.keys()
    for name, gradient in whole.items():
        torch.testing.assert_close(parts[name], gradient, atol=1e-12, rtol=0)


def test_a_step_that_lacks_a_task_leaves_it_alone():
    gradients, losses = Step().take([{"mood": ROWS}], WEIGHTED)
    assert losses.keys() == {"mood"}
    assert {name.split(".")[0] for name in gradients} == {"mood"}


def test_a_task_whose_answers_are_all_ignored_has_no_loss_and_no_gradient():
    gradients, losses = Step().take([{"mood": ROWS, "names": ROWS[3:4]}], WEIGHTED)
    assert losses.keys() == {"mood"}
    assert not gradients["names.weight"].any()
    alone, _ = Step().take([{"mood": ROWS}], WEIGHTED)
    torch.testing.assert_close(gradients["mood.weight"], alone["mood.weight"], atol=1e-12, rtol=0)


def test_a_batch_without_any_answer_adds_nothing():
    logits = {"mood": torch.zeros((0, 3), requires_grad=True)}
    sums = summed_losses(batch(mood=targets([])), logits, {"mood": PLAIN})
    loss = step_loss(sums, count_answers([batch(mood=targets([]))], {"mood": PLAIN}), {"mood": 1.0})
    loss.backward()
    assert float(loss.detach()) == 0


def test_ignored_answers_add_nothing():
    scores = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 3)))
    answers = np.array([0, IGNORED, 2, 1, IGNORED, 2])
    known = answers != IGNORED
    found = []
    for chosen in (np.ones(6, dtype=bool), known):
        logits = scores[torch.from_numpy(chosen)].clone().requires_grad_()
        own = batch(mood=targets(answers[chosen]))
        total = summed_losses(own, {"mood": logits}, WEIGHTED)["mood"]
        total.backward()
        found.append((float(total.detach()), count_answers([own], WEIGHTED)["mood"], logits.grad))
    (with_ignored, count, gradient), (without, same_count, same_gradient) = found
    assert with_ignored == pytest.approx(without, abs=1e-15)
    assert count == same_count == 1 + 1 + 2.5 + 1
    assert not gradient[~known].any()
    torch.testing.assert_close(gradient[known], same_gradient, atol=1e-15, rtol=0)


# torch's own cross-entropy


@given(
    answers=st.lists(st.sampled_from([0, 1, 2, IGNORED]), min_size=1, max_size=30).filter(
        lambda a: set(a) != {IGNORED}
    ),
    class_weights=st.lists(st.floats(0.1, 10), min_size=3, max_size=3),
    smoothing=st.floats(0, 0.9),
    cut=st.integers(0, 30),
    seed=st.integers(0, 9),
)
def test_losses_are_torchs_own_means(answers, class_weights, smoothing, cut, seed):
    criteria = {"mood": Criterion(class_weights=np.array(class_weights), label_smoothing=smoothing)}
    logits = torch.from_numpy(np.random.default_rng(seed).normal(size=(len(answers), 3)))
    parts = [part for part in (slice(None, cut), slice(cut, None)) if answers[part]]
    batches = [batch(mood=targets(answers[part])) for part in parts]
    counts = count_answers(batches, criteria)
    sums = [
        summed_losses(own, {"mood": logits[part]}, criteria)["mood"] for own, part in zip(batches, parts, strict=True)
    ]
    expected = functional.cross_entropy(
        logits,
        torch.tensor(answers),
        weight=torch.tensor(class_weights, dtype=torch.float64),
        label_smoothing=smoothing,
        ignore_index=IGNORED,
    )
    torch.testing.assert_close(sum(sums) / counts["mood"], expected, atol=1e-12, rtol=1e-12)


def test_windows_share_the_weight_of_their_text():
    """A text of w windows counts as 1: torch's mean once each of its windows is repeated 4 / w times."""
    n_windows = np.array([1, 2, 2, 4, 4, 4, 4, 1])
    answers = np.array([0, 2, 2, 1, 1, 1, 1, 2])
    logits = torch.from_numpy(np.random.default_rng(0).normal(size=(8, 3)))
    own = batch(mood=targets(answers, 1 / n_windows))
    criterion = Criterion(class_weights=np.array([1.0, 0.5, 3.0]), label_smoothing=0.2)
    repeats = torch.from_numpy(4 // n_windows)
    expected = functional.cross_entropy(
        logits.repeat_interleave(repeats, dim=0),
        torch.from_numpy(answers).repeat_interleave(repeats),
        weight=torch.from_numpy(criterion.class_weights),
        label_smoothing=0.2,
    )
    total = summed_losses(own, {"mood": logits}, {"mood": criterion})["mood"]
    count = count_answers([own], {"mood": criterion})["mood"]
    assert count == 1 + 3 + 0.5 + 3
    torch.testing.assert_close(total / count, expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("given_type", "summed_type"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_losses_are_summed_in_float32_at_least(given_type, summed_type):
    logits = {"mood": torch.ones((2, 3), dtype=given_type)}
    assert summed_losses(batch(mood=targets([0, 1])), logits, WEIGHTED)["mood"].dtype == summed_type


# Class weights and smoothing


@pytest.mark.parametrize("counts", [(5, 3, 2), (1, 1, 1), (1000, 1, 7), (4, 0, 2), (0, 9, 0)])
def test_balanced_weights_are_scikit_learns(counts):
    occurring = np.flatnonzero(counts)
    expected = np.ones(3)
    expected[occurring] = compute_class_weight(
        "balanced", classes=occurring, y=np.repeat(np.arange(3), np.array(counts))
    )
    assert balanced_weights(np.array(counts)) == pytest.approx(expected)
    criteria = make(class_weights={"mood": "balanced"}, counts={"mood": np.array(counts)})
    assert criteria["mood"].class_weights == pytest.approx(expected)
    assert criteria["names"].class_weights.tolist() == [1] * 5


@pytest.mark.parametrize(
    ("chosen", "weights"),
    [
        ({}, [1, 1, 1, 1, 1]),
        ({"O": 0.1}, [0.1, 1, 1, 1, 1]),
        ({"B-person": 2.0}, [1, 2, 1, 1, 1]),
        ({"person": 2.0}, [1, 2, 2, 1, 1]),
        ({"person": 2.0, "I-person": 5.0}, [1, 2, 5, 1, 1]),
        ({"I-person": 5.0, "person": 2.0, "place": 3.0}, [1, 2, 5, 3, 3]),
    ],
)
def test_weights_of_tags_by_tag_or_by_entity_type(chosen, weights):
    assert make(class_weights={"names": chosen})["names"].class_weights.tolist() == weights


@pytest.mark.parametrize(
    ("task", "name", "message"),
    [
        ("mood", "awful", "train.class_weights.mood names 'awful', which is not a label; there are bad, good, mixed$"),
        ("names", "animal", "train.class_weights.names names 'animal', .* O, B-person, .* [(]or an entity type"),
        ("names", "B-animal", "train.class_weights.names names 'B-animal'"),
    ],
)
def test_a_weight_for_an_unknown_label_is_an_error(task, name, message):
    with pytest.raises(TandemError, match=message):
        make(class_weights={task: {name: 2.0}})


def test_smoothing_is_one_number_or_one_by_task():
    assert {task: own.label_smoothing for task, own in make(label_smoothing=0.1).items()} == {"mood": 0.1, "names": 0.1}
    by_task = make(label_smoothing={"mood": 0.2, "names": 0.0})
    assert {task: own.label_smoothing for task, own in by_task.items()} == {"mood": 0.2, "names": 0.0}


# Factors of the tasks


def test_fixed_factors_are_those_given_and_learn_nothing():
    weighting = Weighting(tuple(LABELS), FACTORS)
    weighting.set_gradients({"mood": 2.0})
    assert weighting.factors() == FACTORS
    assert weighting.log_variances is None


def test_learnt_factors_begin_at_one():
    assert Weighting(tuple(LABELS), "uncertainty").factors() == {"mood": 1.0, "names": 1.0}


@pytest.mark.parametrize("present", [("mood", "names"), ("mood",), ("names",)])
def test_learnt_factors_have_the_gradients_of_the_whole_formula(present):
    """In parts and in closed form, against autograd over sum of exp(-s) L + s / 2."""
    step, weighting = Step(), Weighting(tuple(LABELS), "uncertainty")
    with torch.no_grad():
        weighting.log_variances.copy_(torch.tensor([0.7, -1.3]))
    rows = [dict.fromkeys(present, part) for part in np.split(ROWS, 8)]
    parts, losses = step.take(rows, WEIGHTED, weighting.factors())
    weighting.set_gradients(losses)

    log_variances = weighting.log_variances.detach().clone().requires_grad_()
    for head in step.heads.values():
        head.zero_grad()
    for number, task in enumerate(LABELS):
        if task in present:
            own, vectors = step.part({task: ROWS})
            total = summed_losses(own, {task: step.heads[task](vectors[task])}, WEIGHTED)[task]
            mean = total / count_answers([own], WEIGHTED)[task]
            (torch.exp(-log_variances[number]) * mean + log_variances[number] / 2).backward()
    torch.testing.assert_close(weighting.log_variances.grad, log_variances.grad, atol=1e-12, rtol=0)
    for task in present:
        torch.testing.assert_close(parts[f"{task}.weight"], step.heads[task].weight.grad, atol=1e-12, rtol=0)


def test_factors_learn_to_weigh_a_task_by_its_loss():
    """At rest s is log 2L, and a task of twice the loss has half the factor."""
    weighting = Weighting(("mood", "names"), "uncertainty")
    optimizer = torch.optim.SGD([weighting.log_variances], lr=0.5)
    for _ in range(200):
        weighting.set_gradients({"mood": 2.0, "names": 1.0})
        optimizer.step()
    assert weighting.factors() == pytest.approx({"mood": 1 / 4, "names": 1 / 2})


def test_gradients_of_factors_are_scaled_as_the_loss_is():
    weighting = Weighting(("mood",), "uncertainty")
    weighting.set_gradients({"mood": 2.0}, scale=1024.0)
    assert weighting.log_variances.grad.tolist() == [1024 * (0.5 - 2.0)]
