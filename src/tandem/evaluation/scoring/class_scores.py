"""The scores of whole texts, as scikit-learn defines them, from counts by text.

- `macro_*` is the mean over every label that is known or occurs, one that does neither occur nor is answered
  counting 0; `weighted_*` weighs the labels by their texts. `micro_f1` of one label a text is the accuracy.
- `balanced_accuracy` is the mean recall of the labels that occur. `mcc` is 0 where one label alone occurs or is
  answered.
- `log_loss` is over the texts whose label the head knows; probabilities are kept above 2.2e-16, as scikit-learn does.
- `roc_auc` is the mean over the head's labels of telling a label's texts from the rest (one and the same number for
  two labels); a label that no text or every text has is left out, and the key with the last of them. Its resamples
  follow from each text's placement value, to the first order (DeLong et al. 1988).
- `calibration_error` is the expected calibration error of Guo et al. 2017: texts fall into 15 bins of equal width by
  the probability of their answer, and each bin's distance between mean probability and accuracy is weighed by its size
  (see `calibration`).

Without any text every score is 0 and `roc_auc` is left out.

Shapes: `texts`, `labels` (of the head), `bins`.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from sklearn.metrics import precision_recall_fscore_support

from tandem.evaluation.scoring.calibration import N_BINS, confidence_bins, error_of_gaps
from tandem.evaluation.scoring.class_counts import class_counts
from tandem.evaluation.scoring.predicting import Predictions
from tandem.evaluation.scoring.span_counts import Booleans
from tandem.evaluation.scoring.text_counts import Counts, Part, Reals, Row, Scored, ratio
from tandem.tokens.storage.ragged import Ints

HEADLINE = (
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "weighted_f1",
    "micro_f1",
    "mcc",
    "log_loss",
    "roc_auc",
    "calibration_error",
)


def score_classes(predictions: Predictions) -> Scored:
    """The headline scores and `n` texts, and precision, recall, f1 and support by label."""
    answers = predictions.answers()
    counts = class_counts(predictions.gold, answers, len(predictions.names))
    counts = counts.beside(probability_counts(predictions.gold, answers, probabilities_of(predictions)))
    totals = counts.totals()
    headline = {name: totals[name] for name in HEADLINE if name in totals}
    return Scored({**headline, "n": len(answers)}, _by_label(predictions, answers), counts, predictions.texts)


def probabilities_of(predictions: Predictions) -> Reals:
    """The softmax of the logits in double precision: (texts, labels)."""
    logits = predictions.logits.astype(np.float64)
    raised: Reals = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    raised /= raised.sum(axis=1, keepdims=True)
    return raised


def probability_counts(gold: Ints, answers: Ints, probabilities: Reals) -> Counts:
    """Count what `log_loss`, `roc_auc` and `calibration_error` follow from: (texts,) twice, (texts, labels)."""
    n_texts, n_labels = probabilities.shape
    rows = np.arange(n_texts)
    is_known = gold < n_labels
    tiny = np.finfo(np.float64).eps
    surprise = -np.log(np.clip(probabilities[rows, np.where(is_known, gold, 0)], tiny, 1 - tiny))
    losses = np.column_stack([is_known, np.where(is_known, surprise, 0.0)])
    sure = probabilities[rows, np.minimum(answers, n_labels - 1)]
    gaps = np.zeros((n_texts, 1 + N_BINS))
    gaps[:, 0] = 1
    gaps[rows, 1 + confidence_bins(sure)] = (answers == gold) - sure
    parts = [Part(losses, _log_loss), Part(gaps, _calibration_error)]
    told = [1] if n_labels == 2 else range(n_labels)
    told = [label for label in told if 0 < np.count_nonzero(gold == label) < n_texts]
    if told:
        columns, areas = zip(*(_placements(gold == label, probabilities[:, label]) for label in told), strict=True)
        table = np.concatenate([np.ones((n_texts, 1)), *columns], axis=1)
        parts.append(Part(table, partial(_roc_auc, areas=np.array(areas))))
    return Counts(n_texts, tuple(parts))


def _log_loss(sums: Reals) -> dict[str, Reals]:
    return {"log_loss": ratio(sums[:, 1], sums[:, 0])}


def _calibration_error(sums: Reals) -> dict[str, Reals]:
    return {"calibration_error": error_of_gaps(sums[:, 1:], sums[:, 0])}


def _placements(is_label: Booleans, scores: Reals) -> tuple[Reals, float]:
    """A label's texts, their placement values and those of the others: (texts, 3); and the area of them all.

    The placement value of a text is the share of the other side's texts that it is on the right side of.
    """
    placed = np.empty(len(scores))
    ranks = _ranks(scores)
    for side, sign in ((is_label, 1), (~is_label, -1)):
        beaten = (ranks[side] - _ranks(scores[side])) / np.count_nonzero(~side)
        placed[side] = beaten if sign > 0 else 1 - beaten
    columns = np.column_stack([is_label, is_label * placed, ~is_label * placed])
    return columns, float(placed[is_label].mean())


def _ranks(scores: Reals) -> Reals:
    """Each score's rank from 1, equal ones sharing the mean of theirs."""
    _, which, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    middles: Reals = np.cumsum(sizes) - (sizes - 1) / 2
    return middles[which]


def _roc_auc(sums: Reals, *, areas: Reals) -> dict[str, Reals]:
    """The mean area over the labels that a resample can tell apart; NaN where there is none."""
    ours, our_places, other_places = (sums[:, 1 + column :: 3] for column in range(3))
    others = sums[:, :1] - ours
    is_defined = (ours > 0) & (others > 0)
    area = np.clip(ratio(our_places, ours) + ratio(other_places, others) - areas, 0.0, 1.0)
    n_defined = is_defined.sum(axis=1)
    mean = ratio((area * is_defined).sum(axis=1), n_defined)
    return {"roc_auc": np.where(n_defined > 0, mean, np.nan)}


def _by_label(predictions: Predictions, answers: Ints) -> list[Row]:
    if len(answers) == 0:
        return []
    numbers = range(len(predictions.names))
    columns = precision_recall_fscore_support(predictions.gold, answers, labels=numbers, zero_division=0)
    return [
        {"label": name, "precision": float(right), "recall": float(found), "f1": float(f1), "support": int(support)}
        for name, right, found, f1, support in zip(predictions.names, *columns, strict=True)
    ]
