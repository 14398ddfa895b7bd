import pytest
import torch

from tandem.training.optimization import rate_factor


def test_rate_rises_over_the_warm_up_and_falls_to_zero():
    factors = [rate_factor(step, n_steps=10, warmup_ratio=0.2) for step in range(11)]
    assert factors == pytest.approx([0.5, 1.0, 1.0, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8, 0.0])


def test_rate_without_warm_up_starts_at_its_peak():
    assert rate_factor(0, n_steps=4, warmup_ratio=0.0) == 1.0


def test_a_run_of_one_step_learns():
    assert rate_factor(0, n_steps=1, warmup_ratio=0.1) > 0
    assert torch.isfinite(torch.tensor(rate_factor(1, n_steps=1, warmup_ratio=0.1)))
