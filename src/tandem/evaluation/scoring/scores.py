"""The scores of a split by kind of task, and what is answered instead of what.

A score that is undefined (nothing predicted, no such label, no text at all) is 0, except where its key is left out:
`roc_auc` without two classes among the texts, `seen_f1` and `unseen_f1` without the training texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tandem.evaluation.scoring.class_counts import class_counts
from tandem.evaluation.scoring.class_scores import score_classes
from tandem.evaluation.scoring.entity_scores import score_entities, tagged_words
from tandem.evaluation.scoring.predicting import Predictions
from tandem.evaluation.scoring.span_counts import same_spans, spans_in
from tandem.evaluation.scoring.text_counts import Row, Scored

__all__ = ["SCORERS", "Row", "Scored", "quick_f1", "score_classes", "score_entities", "tag_sequences"]

SCORERS: Mapping[str, Callable[[Predictions], Scored]] = {"classification": score_classes, "tagging": score_entities}


def quick_f1(predictions: Predictions, kind: str) -> float:
    """The score that speaks for a task, as `Scored.f1` and nothing beside it: for the validation within training."""
    answers = predictions.answers()
    if kind == "classification":
        return float(class_counts(predictions.gold, answers, len(predictions.names)).totals()["macro_f1"])
    gold, found, _ = tagged_words(predictions)
    actual, predicted = (spans.keep(spans.is_legal) for spans in (spans_in(gold), spans_in(found)))
    sides = len(actual.starts) + len(predicted.starts)
    return float(2 * np.count_nonzero(same_spans(actual, predicted)) / sides) if sides else 0.0


def tag_sequences(predictions: Predictions) -> tuple[list[list[str]], list[list[str]]]:
    """The gold and the predicted tags of each text."""
    if len(predictions.gold) == 0:
        return [], []
    names = np.array(predictions.names, dtype=object)
    columns = (names[predictions.gold], names[predictions.answers()])
    gold, answers = ([part.tolist() for part in np.split(column, predictions.text_starts[1:])] for column in columns)
    return gold, answers
