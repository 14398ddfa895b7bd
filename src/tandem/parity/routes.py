"""The ways through our code, and what of the reference is the like of each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch

from tandem.model.dropout import Dropout
from tandem.model.multitask import MultiTaskModel


class Route(NamedTuple):
    """A way through our code; `draws` takes the one that dropout takes in training, with masks that drop nothing."""

    is_fused: bool = True
    skips_padding: bool = False
    draws: bool = False
    dtype: torch.dtype = torch.float32


FUSED = Route()
STEP_BY_STEP = Route(is_fused=False)
UNPADDED = Route(skips_padding=True)
UNPADDED_EXACT = Route(skips_padding=True, dtype=torch.float64)
DRAWING_EXACT = Route(draws=True, dtype=torch.float64)
UNPADDED_DRAWING_EXACT = Route(skips_padding=True, draws=True, dtype=torch.float64)

HELD = (FUSED, STEP_BY_STEP, UNPADDED_EXACT, DRAWING_EXACT, UNPADDED_DRAWING_EXACT)
"""Those that are held to the tolerance."""

_DROPS_NOTHING = 1e-9  # a probability that is above none and rounds to none


@contextmanager
def along(model: MultiTaskModel, route: Route, n_texts: int) -> Iterator[None]:
    """Send the model's forwards for a batch of `n_texts` along a route; its dtype is the caller's affair."""
    dropouts = [module for module in model.modules() if isinstance(module, Dropout)]
    in_encoder = set(model.encoder.modules())
    probs, was_training = [dropout.prob for dropout in dropouts], model.training
    model.encoder.fuse_attention(route.is_fused)
    model.encoder.skips_padding, skipped = route.skips_padding, model.encoder.skips_padding
    model.train(route.draws)
    for dropout in dropouts:
        dropout.prob = _DROPS_NOTHING if route.draws and dropout in in_encoder else 0.0
    model.noise.seat(0, 0, range(n_texts))
    try:
        yield
    finally:
        model.encoder.fuse_attention(True)
        model.encoder.skips_padding = skipped
        model.train(was_training)
        for dropout, prob in zip(dropouts, probs, strict=True):
            dropout.prob = prob
