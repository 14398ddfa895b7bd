"""What `evaluate` leaves behind: the metrics, and for each task its predictions and scores by label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from tandem.artifacts import FORMAT_KEY, atomic_file, atomic_folder, write_json, write_jsonl
from tandem.evaluation.formats import PREDICTIONS, READING
from tandem.evaluation.intervals import task_intervals
from tandem.evaluation.operating_point import OperatingPoint
from tandem.evaluation.prediction_rows import Row, prediction_rows
from tandem.evaluation.scoring.calibration import Calibration
from tandem.evaluation.scoring.predicting import Predictions
from tandem.evaluation.scoring.scores import Scored
from tandem.tokens.batches.examples import Examples


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The test split under the trained model, and under the untrained one that training began from.

    The untrained model is the pretrained encoder with heads drawn at random. Its scores, `before`, are those of
    guessing: they owe what they have to the balance of the labels, and only what `after` adds to them was learnt.

    `predictions` are the trained model's: decoded, calibrated, and without the bias of an operating point. The
    resamples of the intervals derive from `seed`.
    """

    after: Mapping[str, Scored]
    before: Mapping[str, Scored]
    predictions: Mapping[str, Predictions]
    examples: Examples
    decoding: str
    seed: int
    baseline: Mapping[str, Scored] = field(default_factory=dict)  # see `baselines`
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)
    operating_points: Mapping[str, OperatingPoint] = field(default_factory=dict)
    weights_sha256: str | None = None

    @cached_property
    def rows(self) -> dict[str, list[Row]]:
        """One row a text for each task, as in `predictions/<task>.jsonl`."""
        return {task: prediction_rows(self.examples, task, found) for task, found in self.predictions.items()}

    @cached_property
    def intervals(self) -> dict[str, Any]:
        """How sure each of the trained model's scores is, by task; texts of one group are drawn together."""
        return task_intervals(self.after, groups=self.examples.shelf.text_units, seed=self.seed)

    def metrics(self) -> dict[str, Any]:
        """The headline scores by task, their mean, the same untrained and of baselines, and what valid decided."""
        chosen = {
            "calibration": {task: found._asdict() for task, found in self.calibrations.items()},
            "operating_point": {task: point.metrics() for task, point in self.operating_points.items()},
        }
        blocks = {name: block for name, block in chosen.items() if block}
        others = {"before": self.before, **({"baseline": self.baseline} if self.baseline else {})}
        return {**_block(self.after), **blocks, **{name: _block(scored) for name, scored in others.items()}}

    def reading(self) -> dict[str, Any]:
        """How to read the model's logits as the evaluation did: decoding, temperatures, biases on `O`, by task.

        The hash of the weights says which model that holds for.
        """
        temperatures = {task: found.temperature for task, found in self.calibrations.items()}
        return {
            FORMAT_KEY: READING.version,
            "decoding": self.decoding,
            "temperatures": {task: temperatures.get(task, 1.0) for task in self.predictions},
            "biases": {task: point.chosen.bias for task, point in self.operating_points.items()},
            **({} if self.weights_sha256 is None else {"weights_sha256": self.weights_sha256}),
        }

    def write(self, folder: Path) -> None:
        """Write each task's predictions (JSON Lines) and tables (CSV), the intervals, and `calibration.json`."""
        with atomic_folder(folder) as partial:
            write_json(partial / "calibration.json", self.reading())
            write_json(partial / "intervals.json", self.intervals)
            for task in self.predictions:
                write_jsonl(partial / "predictions" / f"{task}.jsonl", self.rows[task], PREDICTIONS)
                _write_csv(partial / "per_label" / f"{task}.csv", self.after[task].per_label)
            for task, point in self.operating_points.items():
                _write_csv(partial / "operating_point" / f"{task}.csv", point.rows())

    def summary(self) -> str:
        """One line: each task's score untrained and trained, their mean, and what to know of an operating point."""
        parts = [
            f"{task} f1 {self.before[task].f1:.4f} (untrained) -> {scored.f1:.4f}{self._beside(task)}"
            for task, scored in self.after.items()
        ]
        notes = [f"; {task}: {point.note}" for task, point in self.operating_points.items() if point.note]
        return f"{', '.join(parts)}, combined {_combined(self.after):.4f}{''.join(notes)}"

    def _beside(self, task: str) -> str:
        return f" (baseline {self.baseline[task].f1:.4f})" if task in self.baseline else ""


def _block(scored: Mapping[str, Scored]) -> dict[str, Any]:
    return {**{task: found.headline for task, found in scored.items()}, "combined_score": _combined(scored)}


def _combined(scored: Mapping[str, Scored]) -> float:
    """The mean F1 of the tasks that have test texts; 0 without any."""
    counted = [found.f1 for found in scored.values() if found.headline["n"]]
    return sum(counted) / max(1, len(counted))


def _write_csv(path: Path, rows: Sequence[Row]) -> None:
    with atomic_file(path) as handle:
        pd.DataFrame(rows).to_csv(handle, index=False, float_format="%.6g", lineterminator="\n")
