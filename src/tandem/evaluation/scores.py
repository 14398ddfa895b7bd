"""The scores of a split: scikit-learn's for whole texts, seqeval's strict IOB2 for entities.

A score that is undefined (nothing predicted, no such label, no text at all) is 0.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from seqeval.metrics import classification_report as entity_report
from seqeval.scheme import IOB2
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from tandem.evaluation.predicting import Predictions

Row = dict[str, Any]


class Scored(NamedTuple):
    """One task's headline scores, and precision, recall, f1 and support for each of its labels."""

    headline: dict[str, float]
    per_label: list[Row]

    @property
    def f1(self) -> float:
        """The score that speaks for the task: macro F1 of classes, micro F1 of entities."""
        return self.headline["macro_f1" if "macro_f1" in self.headline else "f1"]


def score_classes(predictions: Predictions) -> Scored:
    """`accuracy`, `macro_f1` over every label that is known or occurs, and `n` texts."""
    if len(predictions.gold) == 0:
        return Scored({"accuracy": 0.0, "macro_f1": 0.0, "n": 0}, [])
    answers = predictions.answers()
    numbers = range(len(predictions.names))
    columns = precision_recall_fscore_support(predictions.gold, answers, labels=numbers, zero_division=0)
    rows = [_row(name, *values) for name, *values in zip(predictions.names, *columns, strict=True)]
    accuracy = float(accuracy_score(predictions.gold, answers))
    headline = {"accuracy": accuracy, "macro_f1": float(columns[2].mean()), "n": len(answers)}
    return Scored(headline, rows)


def score_entities(predictions: Predictions) -> Scored:
    """Strict `precision`, `recall` and `f1` over `n_entities`, `token_accuracy` over words, and `n` texts."""
    gold, answers = tag_sequences(predictions)
    right = predictions.gold == predictions.answers()
    tokens = {"token_accuracy": float(right.mean()) if len(right) else 0.0, "n": len(gold)}
    if not any(tag.startswith("B-") for sequence in (*gold, *answers) for tag in sequence):
        return Scored({"precision": 0.0, "recall": 0.0, "f1": 0.0, "n_entities": 0, **tokens}, [])
    report = entity_report(gold, answers, mode="strict", scheme=IOB2, output_dict=True, zero_division=0)
    micro = report.pop("micro avg")
    kinds = [name for name in report if name not in ("macro avg", "weighted avg")]
    rows = [_row(name, *report[name].values()) for name in kinds]
    headline = {
        "precision": float(micro["precision"]),
        "recall": float(micro["recall"]),
        "f1": float(micro["f1-score"]),
        "n_entities": int(micro["support"]),
    }
    return Scored({**headline, **tokens}, rows)


def confusion(predictions: Predictions) -> list[Row]:
    """How often each gold name was answered with each name: one row a pair that occurs."""
    answers = predictions.answers()
    if len(answers) == 0:
        return []
    counts = confusion_matrix(predictions.gold, answers, labels=range(len(predictions.names)))
    return [
        {
            "actual": predictions.names[gold],
            "predicted": predictions.names[answer],
            "count": int(counts[gold, answer]),
        }
        for gold, answer in np.argwhere(counts > 0)
    ]


def tag_sequences(predictions: Predictions) -> tuple[list[list[str]], list[list[str]]]:
    """The gold and the predicted tags of each text."""
    if len(predictions.gold) == 0:
        return [], []
    names = np.array(predictions.names, dtype=object)
    columns = (names[predictions.gold], names[predictions.answers()])
    gold, answers = ([part.tolist() for part in np.split(column, predictions.text_starts[1:])] for column in columns)
    return gold, answers


def _row(label: str, precision: float, recall: float, f1: float, support: float) -> Row:
    values = {"precision": float(precision), "recall": float(recall), "f1": float(f1)}
    return {"label": label, **values, "support": int(support)}


SCORERS = {"classification": score_classes, "tagging": score_entities}
