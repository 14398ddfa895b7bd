"""Right and wrong answers by text, and scikit-learn's scores of classes as a formula of their sums.

Shapes: `texts`, `resamples`.
"""

from __future__ import annotations

import numpy as np

from tandem.evaluation.scoring.text_counts import Counts, Part, Reals, ratio
from tandem.tokens.storage.ragged import Ints

_MANY = 64
"""Columns from which on equal rows are kept once."""


def class_counts(gold: Ints, answers: Ints, n_labels: int) -> Counts:
    """Count right and wrong answers, which are numbers of `n_labels` labels: (texts,) each."""
    cells, sorts = np.unique(gold * n_labels + answers, return_inverse=True)
    actual, answered = np.divmod(cells, n_labels)
    labels = np.arange(n_labels)
    is_gold, is_answer = actual[:, None] == labels, answered[:, None] == labels
    rows = np.concatenate([is_gold & is_answer, is_gold, is_answer], axis=1).astype(np.float64)
    is_wide = rows.shape[1] > _MANY
    return Counts(len(gold), (Part(rows if is_wide else rows[sorts], _class_scores, sorts if is_wide else None),))


def _class_scores(sums: Reals) -> dict[str, Reals]:
    """scikit-learn's scores, from what is right, actual and answered of each label: (resamples, 3 * labels)."""
    right, actual, answered = np.split(sums, 3, axis=1)
    total, n_right = actual.sum(axis=1), right.sum(axis=1)
    precision, recall = ratio(right, answered), ratio(right, actual)
    f1 = ratio(2 * right, actual + answered)
    shares = ratio(actual, total[:, None])
    accuracy = ratio(n_right, total)
    covariance = n_right * total - (actual * answered).sum(axis=1)
    spreads = [total**2 - (column**2).sum(axis=1) for column in (actual, answered)]
    return {
        "accuracy": accuracy,
        "balanced_accuracy": ratio(recall.sum(axis=1), (actual > 0).sum(axis=1)),
        "macro_precision": precision.mean(axis=1),
        "macro_recall": recall.mean(axis=1),
        "macro_f1": f1.mean(axis=1),
        "weighted_precision": (shares * precision).sum(axis=1),
        "weighted_recall": accuracy,
        "weighted_f1": (shares * f1).sum(axis=1),
        "micro_f1": accuracy,
        "mcc": ratio(covariance, np.sqrt(spreads[0]) * np.sqrt(spreads[1])),
    }
