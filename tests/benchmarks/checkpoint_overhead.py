"""What checkpoints at the default interval add to training: the steps of an interval with one, against without."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from tandem.params import load_params
from tandem.training.checkpoints import Checkpoints, Snapshot
from tests.benchmarks import Measurement, Request, ours, paired, seconds
from tests.benchmarks.peaks import ROOT
from tests.benchmarks.samples import Sizes, describe, prepare

BATCH = Sizes(sentiment=32, entities=16)
LIMIT = 1 / 1.03


def measure(request: Request) -> Measurement:
    """The seconds of a step and of a checkpoint, both within the same short runs, put together for an interval."""
    batch, steps = Sizes(8, 4) if request.quick else BATCH, request.size(8, 2)
    interval = load_params(ROOT / "params.yaml").train.checkpoint_every
    with tempfile.TemporaryDirectory() as folder:
        examples = prepare(request, Path(folder), batch.times(steps))
        chosen = ours.execution(request.pretrained, batch, precision="float32")
        model = ours.build(request.pretrained, examples, chosen)
        wanted = ours.settings(batch)  # a run's only checkpoint is that of its end
        pairs, saving = [], 0.0
        for _ in range(request.rounds):
            with _timed_saves() as saves:
                history = ours.train(model, examples, wanted, chosen, saves=True)
            saving, step = saves[-1], history.cost["seconds"] / steps
            pairs.append((step * interval + saving, step * interval))
        note = (
            f"{interval} steps with and without a checkpoint ({saving:.2f} s in the last round), from runs of {steps} "
            f"steps of {sum(batch)} texts over {describe(examples)}; all weights learn"
        )
    return paired(pairs, unit="s", note=note, limit=LIMIT)


@contextmanager
def _timed_saves() -> Iterator[list[float]]:
    """The seconds that each checkpoint takes."""
    found: list[float] = []
    plain = Checkpoints.save

    def timed(self: Checkpoints, snapshot: Snapshot) -> None:
        found.append(seconds(lambda: plain(self, snapshot)))

    with patch.object(Checkpoints, "save", timed):
        yield found
