"""What the plots show, as rows of plain values: confusions, reliability, precision and recall by confidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import precision_recall_curve

from tandem.evaluation.error_rows import Row, entity_confidence, outcomes_of
from tandem.evaluation.errors import KINDS, Kind
from tandem.evaluation.scoring.predicting import Predictions

MISSED, SPURIOUS = "(missed)", "(spurious)"
ALL = "all"
N_BINS = 10
MOST_POINTS, MOST_CURVES = 200, 6
Values = list[dict[str, Any]]


class Entity(NamedTuple):
    """A gold entity, a predicted one, or a pair of them: what became of it, the types, how sure the answer was."""

    kind: Kind
    gold: str | None
    predicted: str | None
    confidence: float


def entities_of(rows: Iterable[Row]) -> list[Entity]:
    """The entities of a tagging task's prediction rows, in order."""
    return [
        Entity(
            kind=outcome.kind,
            gold=outcome.gold and outcome.gold[2],
            predicted=outcome.predicted and outcome.predicted[2],
            confidence=entity_confidence(row, outcome.predicted or outcome.gold),
        )
        for row in rows
        for outcome in outcomes_of(row)
    ]


def label_confusion(rows: Iterable[Row]) -> Values:
    """How often each label was answered with each label: `actual`, `predicted`, `count`."""
    return _counted(Counter((row["gold"], row["predicted"]) for row in rows))


def entity_confusion(entities: Iterable[Entity]) -> Values:
    """The same for the types of entities that share a word, with `(missed)` and `(spurious)` for the others."""
    return _counted(Counter((found.gold or SPURIOUS, found.predicted or MISSED) for found in entities))


def count_kinds(entities: Iterable[Entity]) -> dict[str, int]:
    """How many entities were correct, of the wrong boundary or type, missed, spurious."""
    counts = Counter(found.kind for found in entities)
    return {kind: counts[kind] for kind in KINDS}


def reliability(confidence: Sequence[float], right: Sequence[bool]) -> Values:
    """Ten equal bins of confidence: `confidence` (mean), `accuracy`, `count`; empty ones are left out."""
    sure, true = np.asarray(confidence, dtype=np.float64), np.asarray(right, dtype=np.float64)
    bins = np.minimum((sure * N_BINS).astype(np.int64), N_BINS - 1)
    counts = np.bincount(bins, minlength=N_BINS)
    sums = np.bincount(bins, weights=sure, minlength=N_BINS), np.bincount(bins, weights=true, minlength=N_BINS)
    return [
        {
            "bin": number / N_BINS,
            "confidence": float(sums[0][number] / counts[number]),
            "accuracy": float(sums[1][number] / counts[number]),
            "count": int(counts[number]),
        }
        for number in np.flatnonzero(counts).tolist()
    ]


def class_curves(found: Predictions) -> Values:
    """Precision and recall of each class against the rest (scikit-learn's), of the most frequent classes.

    The rows have `label`, `threshold`, `recall`, `precision`.
    """
    probabilities = found.probabilities()
    support = Counter(found.gold.tolist())
    known = [number for number, _ in support.most_common() if number < probabilities.shape[1]]
    rows: Values = []
    for number in sorted(known[:MOST_CURVES]):
        columns = precision_recall_curve(found.gold == number, probabilities[:, number])
        precision, recall, thresholds = (column[::-1] for column in columns)
        # scikit-learn's last point, precision 1 at recall 0, has no threshold
        rows += _curve(found.names[number], thresholds, recall[1:], precision[1:])
    return rows


def entity_curves(entities: Sequence[Entity]) -> Values:
    """Strict precision and recall if only the entities above a confidence were kept: of all, and of frequent types.

    A curve ends where every predicted entity is kept. The rows are as those of `class_curves`.
    """
    n_gold = Counter(found.gold for found in entities if found.gold)
    frequent = sorted(sorted(n_gold, key=lambda kind: (-n_gold[kind], kind))[: MOST_CURVES - 1])
    n_gold[ALL] = n_gold.total()
    rows: Values = []
    for label in (ALL, *frequent):
        kept = [found for found in entities if found.predicted and label in (ALL, found.predicted)]
        if kept and n_gold[label]:
            rows += _kept_above(label, kept, n_gold[label])
    return rows


def _kept_above(label: str, entities: Sequence[Entity], n_gold: int) -> Values:
    ordered = sorted(entities, key=lambda found: -found.confidence)
    sure = np.array([found.confidence for found in ordered])
    right = np.array([found.kind == "correct" for found in ordered])
    last = np.flatnonzero(np.diff(sure, append=-1.0))  # equals are kept together
    hits = np.cumsum(right)[last]
    return _curve(label, sure[last], hits / n_gold, hits / (last + 1))


def _curve(label: str, thresholds: Any, recall: Any, precision: Any) -> Values:
    kept = np.unique(np.linspace(0, len(recall) - 1, num=min(MOST_POINTS, len(recall))).round().astype(np.int64))
    return [
        {
            "label": label,
            "threshold": float(thresholds[number]),
            "recall": float(recall[number]),
            "precision": float(precision[number]),
        }
        for number in kept.tolist()
    ]


def _counted(pairs: Mapping[tuple[str, str], int]) -> Values:
    return [
        {"actual": actual, "predicted": predicted, "count": count}
        for (actual, predicted), count in sorted(pairs.items())
    ]
