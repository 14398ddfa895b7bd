"""All that the page, the plots and the card say of a task, as plain values made from its prediction rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from tandem.artifacts import atomic_file
from tandem.evaluation import curves
from tandem.evaluation.curves import Values
from tandem.evaluation.error_rows import ErrorRow, Row, error_rows
from tandem.evaluation.operating_point import OperatingPoint
from tandem.evaluation.scoring.predicting import Predictions


@dataclass(frozen=True, kw_only=True)
class TaskFacts:
    """One task on the test split.

    `per_label` rows have `label`, `precision`, `recall`, `f1`, `support`; `confusion` rows `actual`, `predicted`,
    `count`; `reliability` rows `bin`, `confidence`, `accuracy`, `count`; `curves` rows `label`, `threshold`, `recall`,
    `precision`. `kinds` counts a tagging task's entities by what became of them; `operating_point` is its bias on `O`
    for a target recall, where one was asked for.
    """

    task: str
    kind: str
    n_texts: int
    per_label: Values
    confusion: Values
    reliability: Values
    curves: Values
    errors: Sequence[ErrorRow]
    kinds: Mapping[str, int] = field(default_factory=dict)
    operating_point: OperatingPoint | None = None


def task_facts(
    task: str,
    kind: str,
    *,
    rows: Sequence[Row],
    predictions: Predictions,
    per_label: Values,
    splits: Path,
    operating_point: OperatingPoint | None = None,
) -> TaskFacts:
    """The facts of a task from its prediction rows on the test split, and the predictions that they were made from.

    Raises `TandemError` if `splits` (`data/split`) lacks a text, or holds another one.
    """
    shown = _of_entities(rows) if kind == "tagging" else _of_texts(rows, predictions)
    return TaskFacts(
        task=task,
        kind=kind,
        n_texts=len(rows),
        per_label=per_label,
        errors=error_rows(rows, splits),
        operating_point=operating_point,
        **shown,
    )


def _of_texts(rows: Sequence[Row], found: Predictions) -> dict[str, Any]:
    sure, right = [row["confidence"] for row in rows], [row["gold"] == row["predicted"] for row in rows]
    return {
        "confusion": curves.label_confusion(rows),
        "reliability": curves.reliability(sure, right),
        "curves": curves.class_curves(found),
    }


def _of_entities(rows: Sequence[Row]) -> dict[str, Any]:
    entities = curves.entities_of(rows)
    predicted = [found for found in entities if found.predicted]
    sure, right = [found.confidence for found in predicted], [found.kind == "correct" for found in predicted]
    return {
        "confusion": curves.entity_confusion(entities),
        "reliability": curves.reliability(sure, right),
        "curves": curves.entity_curves(entities),
        "kinds": curves.count_kinds(entities),
    }


def write_plot_tables(folder: Path, facts: Sequence[TaskFacts]) -> None:
    """Write what DVC plots: a CSV a task in `confusion`, `precision_recall`, `reliability` and `f1_by_support`."""
    columns = {
        "confusion": ("actual", "predicted", "count"),
        "precision_recall": ("label", "threshold", "recall", "precision"),
        "reliability": ("bin", "confidence", "accuracy", "count"),
        "f1_by_support": ("label", "support", "f1", "precision", "recall"),
    }
    for task in facts:
        tables = (task.confusion, task.curves, task.reliability, task.per_label)
        for (name, header), rows in zip(columns.items(), tables, strict=True):
            with atomic_file(folder / name / f"{task.task}.csv") as handle:
                frame = pd.DataFrame(rows, columns=list(header))
                frame.to_csv(handle, index=False, float_format="%.6g", lineterminator="\n")
