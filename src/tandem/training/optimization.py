"""AdamW (Loshchilov and Hutter 2019), its rate over the steps, gradients clipped by their norm, and loss scaling.

All of it is one thing that takes steps and whose exact state can be written down and restored. float16 needs its loss
scaled up lest small gradients vanish (Micikevicius et al. 2018); a step whose scaled gradients are infinite is skipped
and the scale halved, which is how the scale is found and no sign of divergence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import AdamW

from tandem.errors import TandemError
from tandem.params import Train

LOWEST_SCALE = 1e-4  # as fairseq: whose gradients are infinite even so has diverged
_UNCERTAINTY = "uncertainty"
_STATE = ("step", "exp_avg", "exp_avg_sq")  # what AdamW keeps of a parameter, under its own names


def rate_factor(
    step: int, *, n_steps: int, warmup_ratio: float, rate_schedule: Literal["linear", "cosine", "constant"]
) -> float:
    """The learning rate of a step (from 0) as a share of its peak.

    It rises linearly over the warm-up, the first step above 0; then it falls to 0 after the last step, in a line or
    half a cosine (Loshchilov and Hutter 2017, without restarts), or stays.
    """
    warmup = round(n_steps * warmup_ratio)
    if step < warmup:
        return (step + 1) / warmup
    passed = min(1.0, (step - warmup) / max(1, n_steps - warmup))
    return {"linear": 1 - passed, "cosine": (1 + math.cos(math.pi * passed)) / 2, "constant": 1.0}[rate_schedule]


def uncertainty_group(log_variances: Tensor, settings: Train) -> dict[str, Any]:
    """The log-variances of learnt loss weights, (tasks,), as one more group, without decay."""
    return {
        "name": "uncertainty",
        "params": [log_variances],
        "names": [_UNCERTAINTY],
        "lr": settings.uncertainty_rate,
        "weight_decay": 0.0,
    }


class Optimization:
    """The optimizer, its rate schedule and loss scaling (for float16) as one thing that takes steps.

    `groups` hold `params`, `names`, `lr` (at its peak) and `weight_decay`; they are not changed.
    `n_taken` counts all steps, `n_skipped` those that the loss scaling skipped.
    """

    def __init__(self, groups: list[dict[str, Any]], settings: Train, *, n_steps: int, device: str, is_scaled: bool):
        self.optimizer = AdamW([dict(group) for group in groups], fused=True)
        self._device = torch.device(device).type
        self.scaler = torch.amp.GradScaler(self._device, enabled=is_scaled)
        self.clipping = settings.gradient_clipping
        self.n_taken = 0
        self.n_skipped = 0
        self._peaks = [float(group["lr"]) for group in groups]
        self._factor = partial(
            rate_factor,
            n_steps=n_steps,
            warmup_ratio=settings.warmup_ratio,
            rate_schedule=settings.rate_schedule,
        )
        self._parameters: dict[str, Tensor] = {
            name: parameter for group in groups for name, parameter in zip(group["names"], group["params"], strict=True)
        }
        self._set_rates()

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of one batch's share of the loss; none if it comes from frozen weights alone."""
        if loss.requires_grad:
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]

    def step(self) -> None:
        """Clip, update, advance the rates, and forget the gradients.

        Raises `TandemError` if float16's gradients stay infinite however little the loss is scaled.
        """
        if any(parameter.grad is not None for parameter in self._parameters.values()):
            self._update()
        self.n_taken += 1
        self._set_rates()
        self.optimizer.zero_grad(set_to_none=True)

    def forget(self) -> None:
        """Drop the gradients of a step that will be redone, wherever in it memory ran out."""
        self.optimizer.zero_grad(set_to_none=True)
        scale = self.scaler.state_dict()
        self.scaler = torch.amp.GradScaler(self._device, enabled=self.scaler.is_enabled())  # the old may be half-way
        self.scaler.load_state_dict(scale)

    def tensors(self) -> dict[str, Tensor]:
        """AdamW's state as `<step, exp_avg or exp_avg_sq>/<parameter>`, live and not copied.

        Parameters that have had no gradient yet have none.
        """
        return {
            f"{kind}/{name}": self.optimizer.state[parameter][kind]
            for name, parameter in self._parameters.items()
            if parameter in self.optimizer.state
            for kind in _STATE
        }

    def facts(self) -> dict[str, Any]:
        """The rest of the state, as JSON values; `scaler` is empty without loss scaling."""
        return {"n_taken": self.n_taken, "n_skipped": self.n_skipped, "scaler": self.scaler.state_dict()}

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Go on, bit for bit, from where `tensors` and `facts` were taken; the tensors are copied.

        Without a scale in `facts` (written by a machine that computed in another precision) the scaler's own stays.
        """
        self.forget()
        self.optimizer.state.clear()
        for key, value in tensors.items():
            kind, _, name = key.partition("/")
            parameter = self._parameters[name]
            self.optimizer.state[parameter][kind] = value.to(parameter.device, copy=True)
        self.n_taken, self.n_skipped = facts["n_taken"], facts["n_skipped"]
        if facts["scaler"]:
            self.scaler.load_state_dict(facts["scaler"])
        self._set_rates()

    @property
    def highest_rate(self) -> float:
        """The largest learning rate of the coming step."""
        return max(float(group["lr"]) for group in self.optimizer.param_groups)

    def _update(self) -> None:
        self.scaler.unscale_(self.optimizer)
        self._clip()
        self._make_room()
        scale = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.scaler.get_scale() < scale:
            self.n_skipped += 1
            self._check_scale()

    def _clip(self) -> None:
        """Let the gradients have a norm of `clipping` at most (Pascanu et al. 2013).

        AdamW divides them itself as it reads them, which saves a pass over all of them. The slopes of the loss weights
        are of another kind: they neither count in the norm nor shrink with it.
        """
        gradients = {name: weight.grad for name, weight in self._parameters.items() if weight.grad is not None}
        slopes = gradients.pop(_UNCERTAINTY, None)
        excess = (torch.nn.utils.get_total_norm(gradients.values()) / self.clipping).clamp(min=1)
        if slopes is not None:
            slopes.mul_(excess)
        self.optimizer.grad_scale = excess.float()  # type: ignore[attr-defined]  # which the scaler's `step` respects

    def _make_room(self) -> None:
        """Begin AdamW's state, as it would itself, for all groups at once: it updates one before it begins the next.

        So if memory runs out, no weight has changed yet.
        """
        for parameter in self._parameters.values():
            if parameter.grad is not None and parameter not in self.optimizer.state:
                self.optimizer.state[parameter] = {
                    "step": torch.zeros((), device=parameter.device),
                    "exp_avg": torch.zeros_like(parameter, memory_format=torch.preserve_format),
                    "exp_avg_sq": torch.zeros_like(parameter, memory_format=torch.preserve_format),
                }

    def _set_rates(self) -> None:
        factor = self._factor(self.n_taken)
        for group, peak in zip(self.optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * factor

    def _check_scale(self) -> None:
        if self.scaler.get_scale() < LOWEST_SCALE:
            raise TandemError(
                f"step {self.n_taken + 1}: float16 gradients are infinite however little the loss is scaled: training "
                "has diverged; lower train.learning_rate, or set train.precision to bfloat16 or float32"
            )
