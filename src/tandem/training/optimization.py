"""AdamW (Loshchilov and Hutter 2019) with warm-up and linear decay, and gradients clipped by their norm."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from tandem.params import Train


def rate_factor(step: int, *, n_steps: int, warmup_ratio: float) -> float:
    """The learning rate of a step (from 0) as a share of its peak: rises linearly, then falls linearly to 0."""
    warmup = round(n_steps * warmup_ratio)
    if step < warmup:
        return (step + 1) / warmup
    return (n_steps - step) / max(1, n_steps - warmup)


class Optimization:
    """The optimizer, its rate schedule and loss scaling (for float16) as one thing that takes steps."""

    def __init__(self, groups: list[dict[str, Any]], settings: Train, *, n_steps: int, device: str, is_scaled: bool):
        self.optimizer = AdamW(groups, fused=True)
        self.rates = LambdaLR(
            self.optimizer,
            lambda step: rate_factor(step, n_steps=n_steps, warmup_ratio=settings.warmup_ratio),
        )
        self.scaler = torch.amp.GradScaler(device, enabled=is_scaled)
        self.clipping = settings.gradient_clipping

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of one batch's share of the loss."""
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]

    def step(self) -> None:
        """Clip, update, advance the rates, and forget the gradients."""
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self._parameters(), self.clipping)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.rates.step()
        self.optimizer.zero_grad(set_to_none=True)

    @property
    def highest_rate(self) -> float:
        """The largest learning rate of the coming step."""
        return max(float(rate) for rate in self.rates.get_last_lr())

    def _parameters(self) -> Iterable[Tensor]:
        return (parameter for group in self.optimizer.param_groups for parameter in group["params"])
