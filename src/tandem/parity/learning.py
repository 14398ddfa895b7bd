"""The rungs above the logits: the loss, the gradient of every parameter, and one step of AdamW.

A step divides each gradient by its own size, so float32's noise in a gradient that is none in theory (a key's bias)
would become a whole step: it is compared in float64.

Shapes: rows (texts or pieces), labels.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import AdamW

from tandem.model.multitask import MultiTaskModel
from tandem.parity.reference import Batch, Reference
from tandem.parity.routes import Route, along
from tandem.parity.rungs import our_logits, relative_difference, their_rungs

_RATE = 1e-4

Tensors = Mapping[str, Tensor]


def learning_differences(model: MultiTaskModel, reference: Reference, batch: Batch, route: Route) -> dict[str, float]:
    """How far apart loss, gradients and, in float64, the weights after a step are; nothing is changed.

    Each is relative to the largest value of its tensor, where that is above 1.
    """
    own = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    with along(model, route, len(batch.ids)):
        our_loss = _loss(our_logits(model, batch))
        ours = _gradients(our_loss, own)
    scored = their_rungs(reference, model, batch, is_fused=route.is_fused)
    their_loss = _loss({name: value for name, value in scored.items() if name.startswith("logits.")})
    foreign = dict(reference.module.named_parameters())
    shared = {name: parameter for name, parameter in own.items() if name not in reference.names}  # the heads on both
    raw = _gradients(their_loss, {**foreign, **shared})
    theirs = {name: _joined(raw, reference, name) for name in own}
    found = {
        "loss": relative_difference(our_loss.detach(), their_loss.detach()),
        "gradients": max(relative_difference(ours[name], theirs[name]) for name in own),
    }
    if route.dtype == torch.float64 and not route.draws:
        after, beyond = _stepped(own, ours), _stepped({**foreign, **shared}, raw)
        found["step"] = max(relative_difference(after[name], _joined(beyond, reference, name)) for name in own)
    return found


def _loss(logits: Tensors) -> Tensor:
    """The sum over the heads of the mean cross-entropy; the answers are each label in turn."""
    losses = []
    for scores in logits.values():
        answers = torch.arange(len(scores)) % scores.shape[1]  # (rows)
        losses.append(functional.cross_entropy(scores, answers))
    return torch.stack(losses).sum()


def _gradients(loss: Tensor, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The gradient by name, zeros where the loss does not depend on a parameter."""
    found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(parameters, found, strict=True))


def _joined(tensors: Tensors, reference: Reference, name: str) -> Tensor:
    """The reference's tensors that one of ours stacks."""
    return torch.cat([tensors[part] for part in reference.names.get(name, (name,))])


def _stepped(parameters: Tensors, gradients: Tensors) -> dict[str, Tensor]:
    """The weights after one step from copies of them."""
    copies = {name: nn.Parameter(parameter.detach().clone()) for name, parameter in parameters.items()}
    for name, copy in copies.items():
        copy.grad = gradients[name]
    AdamW(copies.values(), lr=_RATE, fused=True).step()
    return {name: copy.detach() for name, copy in copies.items()}
