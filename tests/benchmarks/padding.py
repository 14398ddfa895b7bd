"""The share of padding that the training order leaves at a budget of tokens a pass, against plain random batches."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tandem.tokens.batches.batching import PassSize
from tandem.tokens.batches.examples import Examples
from tests.benchmarks import Measurement, Request, ours
from tests.benchmarks.samples import Sizes, describe, prepare, text_lengths

BATCH = Sizes(sentiment=32, entities=16)
BUDGET = 2_048  # tokens a pass
LARGE_BUDGET = 65_536  # where a whole step is one pass, because a second would cost more than its padding
ALLOWED = 0.05


class Order(NamedTuple):
    """What an order of training comes to."""

    padding: float  # share of all places
    correlation: float  # of the padded lengths of passes that follow each other


def measure(request: Request) -> Measurement:
    """Counted, not timed: an epoch of both, the same number of texts of each task in a step."""
    batch, steps = Sizes(8, 4) if request.quick else BATCH, request.size(90, 4)
    with tempfile.TemporaryDirectory() as folder:
        examples = prepare(request, Path(folder), batch.times(steps))
        mine = _order(_passes(examples, batch, BUDGET, schedule="combined"))
        alone = _order(_passes(examples, batch, BUDGET, schedule="alternating"))
        large = _order(_passes(examples, batch, LARGE_BUDGET, schedule="combined"))
        random = _order(_random_passes(examples, batch))
        note = (
            f"combined schedule, passes of {BUDGET:,} tokens, {steps} steps of {sum(batch)} over {describe(examples)}; "
            f"the limit is padding of {ALLOWED:.0%}; lag-1 autocorrelation of the passes' lengths "
            f"{mine.correlation:.3f} (to be below 0.15 in size); alternating schedule: padding {alone.padding:.1%}, "
            f"autocorrelation {alone.correlation:.3f}; passes of {LARGE_BUDGET:,} tokens: padding {large.padding:.1%}; "
            "reference: random batches of one task"
        )
    return Measurement(
        ours=100 * mine.padding,
        reference=100 * random.padding,
        ratio=random.padding / mine.padding,
        unit="% padding",
        note=note,
        limit=random.padding / ALLOWED,
    )


def _passes(examples: Examples, batch: Sizes, budget: int, *, schedule: str) -> Iterator[np.ndarray]:
    """The lengths of the rows of each pass of an epoch."""
    wanted = ours.settings(batch, schedule=schedule)
    for batches in ours.training_batches(examples, wanted, PassSize(tokens=budget, counts_padding=True)):
        yield from (each.mask.sum(axis=1) for each in batches)


def _random_passes(examples: Examples, batch: Sizes) -> Iterator[np.ndarray]:
    """The same of batches of one task as a shuffling loader would make them."""
    draw = np.random.default_rng(ours.SEED)
    for task, lengths in text_lengths(examples).items():
        yield from draw.permutation(lengths).reshape(-1, getattr(batch, task))


def _order(passes: Iterator[np.ndarray]) -> Order:
    rows = list(passes)
    longest = np.array([lengths.max() for lengths in rows])
    real, padded = sum(lengths.sum() for lengths in rows), sum(lengths.max() * len(lengths) for lengths in rows)
    away = longest - longest.mean()
    return Order(float(1 - real / padded), float((away[1:] * away[:-1]).sum() / max(1.0, (away**2).sum())))
