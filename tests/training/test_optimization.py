"""Rates by step, against transformers' own; steps, against the plain loop; state, against never having stopped."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn
from transformers import optimization as reference

from tandem.errors import TandemError
from tandem.model.encoder import EncoderConfig
from tandem.model.multitask import HeadConfig, MultiTaskModel
from tandem.params import Params, Train
from tandem.training.freezing import parameter_groups, set_learning_rungs
from tandem.training.optimization import Optimization, rate_factor, uncertainty_group

ENCODER = EncoderConfig(
    vocabulary_size=11,
    hidden_width=8,
    n_layers=2,
    n_heads=2,
    feed_forward_width=8,
    max_positions=8,
    n_segments=2,
    norm_eps=1e-12,
    pad_id=0,
)
N_STEPS, EPOCH = 8, 2  # steps of a run, and of an epoch
SCALED = pytest.mark.parametrize("is_scaled", [False, True], ids=["unscaled", "scaled"])


@pytest.fixture(scope="session")
def settings(default_params: Params) -> Train:
    return replace(
        default_params.train,
        trainable="all",
        frozen_heads=(),
        unfreeze_every=1,
        learning_rate=1e-2,
        head_learning_rate=2e-2,
        layer_decay=0.5,
        weight_decay=0.1,
        gradient_clipping=0.5,
        rate_schedule="linear",
        warmup_ratio=0.25,
    )


class Run:
    """A small model, learnt loss weights, and what trains them; the loss of a step is a function of its number."""

    def __init__(self, settings: Train, *, is_scaled: bool = False):
        torch.manual_seed(0)
        heads = {"mood": HeadConfig(kind="classification", n_labels=2)}
        self.settings = settings
        self.model = MultiTaskModel(ENCODER, heads, pooling="mean", dropout=0.0, encoder_dropout=0.0)
        self.uncertainty = nn.Parameter(torch.zeros(1))
        groups = [*parameter_groups(self.model, settings), uncertainty_group(self.uncertainty, settings)]
        self.optimization = Optimization(groups, settings, n_steps=N_STEPS, device="cpu", is_scaled=is_scaled)
        self.optimization.scaler.set_growth_interval(3)

    def loss(self, step: int) -> Tensor:
        ids = torch.randint(11, (3, 5), generator=torch.Generator().manual_seed(step))
        answers = torch.tensor([0, 1, step % 2])
        loss = nn.functional.cross_entropy(self.model(ids, torch.ones_like(ids, dtype=torch.bool))["mood"], answers)
        return ((-self.uncertainty).exp() * loss + self.uncertainty).sum()

    def backward(self, step: int, factor: float = 1.0) -> None:
        set_learning_rungs(self.model, self.settings, step // EPOCH)
        self.optimization.backward(self.loss(step) * factor)

    def take(self, first: int, end: int, *, infinite: int | None = None) -> None:
        for step in range(first, end):
            self.backward(step, math.inf if step == infinite else 1.0)
            self.optimization.step()

    def weights(self) -> dict[str, Tensor]:
        everything = {**self.model.state_dict(), "uncertainty": self.uncertainty}
        return {name: value.detach().clone() for name, value in everything.items()}

    def resumed(self, *, is_scaled: bool) -> "Run":
        """A new run from the bytes that this one would leave in a checkpoint."""
        tensors, facts = load(save(self.optimization.tensors())), json.loads(json.dumps(self.optimization.facts()))
        new = Run(self.settings, is_scaled=is_scaled)
        new.optimization.restore(tensors, facts)
        with torch.no_grad():
            new.model.load_state_dict(self.model.state_dict())
            new.uncertainty.copy_(self.uncertainty)
        return new


def assert_same(ours: Run, theirs: Run) -> None:
    """Weights, moments, counts and scale, bit for bit."""
    assert ours.optimization.facts() == theirs.optimization.facts()
    assert ours.optimization.highest_rate == theirs.optimization.highest_rate
    for found, expected in (
        (ours.weights(), theirs.weights()),
        (ours.optimization.tensors(), theirs.optimization.tensors()),
    ):
        assert found.keys() == expected.keys()
        assert [name for name in found if not torch.equal(found[name], expected[name])] == []


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("linear", [0.5, 1, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8, 0]),
        ("constant", [0.5, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
        ("cosine", [0.5, 1, 1, *((1 + math.cos(math.pi * n / 8)) / 2 for n in range(1, 9))]),
    ],
)
def test_the_rate_rises_over_the_warm_up_and_follows_its_schedule(schedule: Any, expected: list[float]) -> None:
    factors = [rate_factor(step, n_steps=10, warmup_ratio=0.2, rate_schedule=schedule) for step in range(11)]
    assert factors == pytest.approx(expected)


@pytest.mark.parametrize(
    ("schedule", "make"),
    [
        ("linear", reference.get_linear_schedule_with_warmup),
        ("cosine", reference.get_cosine_schedule_with_warmup),
        ("constant", lambda optimizer, warmup, _: reference.get_constant_schedule_with_warmup(optimizer, warmup)),
    ],
)
@pytest.mark.parametrize(("n_steps", "warmup"), [(1, 0), (10, 0), (10, 1), (40, 10), (7, 3)])
def test_rates_are_those_of_transformers(schedule: Any, make: Callable[..., Any], n_steps: int, warmup: int) -> None:
    """After the warm-up they agree; in it we are a step ahead, because theirs spends the first step at rate 0."""
    theirs = make(torch.optim.SGD([nn.Parameter(torch.zeros(1))]), warmup, n_steps).lr_lambdas[0]
    for step in range(n_steps + 1):
        ours = rate_factor(step, n_steps=n_steps, warmup_ratio=warmup / n_steps, rate_schedule=schedule)
        assert ours == pytest.approx(theirs(step + 1 if step < warmup else step))


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
def test_a_run_of_one_step_learns(schedule: Any) -> None:
    assert rate_factor(0, n_steps=1, warmup_ratio=0.1, rate_schedule=schedule) == 1.0
    assert math.isfinite(rate_factor(1, n_steps=1, warmup_ratio=0.1, rate_schedule=schedule))


def test_groups_follow_the_schedule_each_from_its_own_peak(settings: Train) -> None:
    run = Run(settings)
    found = []
    for step in range(N_STEPS):
        rates = {group["name"]: group["lr"] for group in run.optimization.optimizer.param_groups}
        factor = rate_factor(step, n_steps=N_STEPS, warmup_ratio=0.25, rate_schedule="linear")
        assert rates["heads.mood"] == run.optimization.highest_rate == 2e-2 * factor
        assert rates["uncertainty"] == 1e-2 * factor
        assert rates["embeddings"] == 1e-2 * 0.5**3 * factor
        found.append(run.optimization.highest_rate)
        run.take(step, step + 1)
    assert found[0] == 1e-2
    assert run.optimization.highest_rate == 0


def test_learnt_loss_weights_have_a_rate_of_their_own_and_no_decay(settings: Train) -> None:
    group = uncertainty_group(torch.zeros(2), replace(settings, uncertainty_rate=0.03))
    assert (group["names"], group["lr"], group["weight_decay"]) == (["uncertainty"], 0.03, 0.0)


def test_steps_are_those_of_the_plain_loop(settings: Train) -> None:
    ours, plain = Run(settings), Run(settings)
    for run in (ours, plain):  # in float32, Adam makes steps out of the keys' biases, whose gradients are noise
        run.model.double()
    groups = [*parameter_groups(plain.model, settings), uncertainty_group(plain.uncertainty, settings)]
    parameters = [parameter for group in groups[:-1] for parameter in group["params"]]  # the model's own
    optimizer = torch.optim.AdamW(groups, fused=True)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: rate_factor(step, n_steps=N_STEPS, warmup_ratio=0.25, rate_schedule="linear")
    )
    norms = []
    for step in range(N_STEPS):
        set_learning_rungs(plain.model, settings, step // EPOCH)
        plain.loss(step).backward()
        norms.append(float(nn.utils.clip_grad_norm_(parameters, settings.gradient_clipping)))
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    ours.take(0, N_STEPS)
    assert max(norms) > settings.gradient_clipping, "the clipping must have mattered"
    for name, weight in ours.weights().items():
        torch.testing.assert_close(weight, plain.weights()[name], rtol=1e-5, atol=1e-7)


@SCALED
@pytest.mark.parametrize("stop", [0, 1, 3, 4, 7])
def test_a_resumed_run_is_the_same_run(settings: Train, stop: int, is_scaled: bool) -> None:
    infinite = 2 if is_scaled else None
    whole = Run(settings, is_scaled=is_scaled)
    whole.take(0, N_STEPS, infinite=infinite)
    stopped = Run(settings, is_scaled=is_scaled)
    stopped.take(0, stop, infinite=infinite)
    resumed = stopped.resumed(is_scaled=is_scaled)
    assert_same(resumed, stopped)
    resumed.take(stop, N_STEPS, infinite=infinite)
    assert_same(resumed, whole)
    assert whole.optimization.n_skipped == is_scaled


def test_what_has_not_learnt_yet_has_no_state(settings: Train) -> None:
    run = Run(settings)
    assert run.optimization.tensors() == {}
    run.take(0, EPOCH)
    heads = ["heads.mood.linear.weight", "heads.mood.linear.bias", "uncertainty"]
    assert set(run.optimization.tensors()) == {
        f"{kind}/{name}" for name in heads for kind in ("step", "exp_avg", "exp_avg_sq")
    }
    run.take(EPOCH, N_STEPS)
    assert len(run.optimization.tensors()) == 3 * len(run.weights())


def test_restored_tensors_are_copied(settings: Train) -> None:
    run = Run(settings)
    run.take(0, 3)
    tensors = {name: value.clone() for name, value in run.optimization.tensors().items()}
    before = {name: value.clone() for name, value in tensors.items()}
    run.optimization.restore(tensors, run.optimization.facts())
    run.take(3, 4)
    assert all(torch.equal(tensors[name], before[name]) for name in before)


@pytest.mark.parametrize(("was_scaled", "is_scaled"), [(False, True), (True, False)])
def test_a_run_goes_on_in_another_precision(settings: Train, was_scaled: bool, is_scaled: bool) -> None:
    run = Run(settings, is_scaled=was_scaled)
    run.take(0, 3)
    resumed = run.resumed(is_scaled=is_scaled)
    resumed.take(3, N_STEPS)
    assert resumed.optimization.n_taken == N_STEPS
    assert bool(resumed.optimization.facts()["scaler"]) == is_scaled


def test_scaling_does_not_change_what_is_learnt(settings: Train) -> None:
    plain, scaled = Run(settings), Run(settings, is_scaled=True)
    for run in (plain, scaled):
        run.take(0, N_STEPS)
    for name, weight in plain.weights().items():
        torch.testing.assert_close(scaled.weights()[name], weight)


def test_a_step_with_infinite_gradients_is_skipped_and_counted(settings: Train) -> None:
    run = Run(settings, is_scaled=True)
    run.take(0, 1)
    before, scale = run.weights(), run.optimization.facts()["scaler"]["scale"]
    run.take(1, 2, infinite=1)
    assert all(torch.equal(weight, before[name]) for name, weight in run.weights().items())
    assert (run.optimization.n_taken, run.optimization.n_skipped) == (2, 1)
    assert run.optimization.facts()["scaler"]["scale"] == scale / 2
    run.take(2, 3)
    assert not torch.equal(run.uncertainty, before["uncertainty"])
    assert run.optimization.n_skipped == 1


def test_gradients_that_stay_infinite_are_an_error(settings: Train) -> None:
    run = Run(settings, is_scaled=True)
    for _ in range(29):  # the scale begins at 65,536 and is halved to 1.2e-4
        run.take(0, 1, infinite=0)
    with pytest.raises(TandemError, match=r"step 30: float16 gradients .* lower train\.learning_rate, or set train\."):
        run.take(0, 1, infinite=0)


@SCALED
def test_what_comes_from_frozen_weights_alone_teaches_nothing(settings: Train, is_scaled: bool) -> None:
    run = Run(settings, is_scaled=is_scaled)
    before = run.weights()
    run.optimization.backward(torch.tensor(1.0))
    run.optimization.step()
    assert all(torch.equal(weight, before[name]) for name, weight in run.weights().items())
    assert (run.optimization.n_taken, run.optimization.n_skipped) == (1, 0)


@SCALED
@pytest.mark.parametrize("place", ["torch.nn.utils.get_total_norm", "torch.zeros_like"])
def test_a_step_that_ran_out_of_memory_can_be_redone(
    settings: Train, is_scaled: bool, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it was: here in the clipping, and after some of AdamW's moments were made."""
    run, undisturbed = Run(settings, is_scaled=is_scaled), Run(settings, is_scaled=is_scaled)
    run.take(0, EPOCH)
    undisturbed.take(0, EPOCH + 2)
    before = run.weights()
    run.backward(EPOCH)
    zeros_like, n_left = torch.zeros_like, iter(range(3))

    def fail(*values: Any, **options: Any) -> Any:
        if place == "torch.zeros_like" and next(n_left, None) is not None:
            return zeros_like(*values, **options)
        raise torch.OutOfMemoryError

    with monkeypatch.context() as patch:
        patch.setattr(place, fail)
        with pytest.raises(torch.OutOfMemoryError):
            run.optimization.step()
    assert all(torch.equal(weight, before[name]) for name, weight in run.weights().items())
    run.optimization.forget()
    run.take(EPOCH, EPOCH + 2)
    assert_same(run, undisturbed)


def test_gradients_of_a_pass_can_be_forgotten(settings: Train) -> None:
    run, undisturbed = Run(settings), Run(settings)
    run.backward(0, factor=3.0)
    run.optimization.forget()
    assert all(parameter.grad is None for parameter in run.model.parameters())
    run.take(0, 2)
    undisturbed.take(0, 2)
    assert_same(run, undisturbed)


def test_the_groups_given_stay_as_they_are(settings: Train) -> None:
    model = Run(settings).model
    groups = parameter_groups(model, settings)
    before = [{key: value for key, value in group.items() if key != "params"} for group in groups]
    Optimization(groups, settings, n_steps=4, device="cpu", is_scaled=False)
    assert [{key: value for key, value in group.items() if key != "params"} for group in groups] == before
