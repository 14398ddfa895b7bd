"""Temperature scaling (Guo et al. 2017): one number a task that makes the model as sure as it is right.

The logits are divided by the temperature at which the valid split is likeliest (of tagging, its words). No answer
changes, only how sure it is: a temperature above 1 takes confidence away, one below 1 adds it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from tandem.evaluation.scoring.predicting import Predictions
from tandem.evaluation.scoring.text_counts import Reals, ratio
from tandem.tokens.storage.ragged import Ints

COLDEST, HOTTEST = 0.05, 20.0
"""Limits of the temperature: on a split without an error, ever colder is ever better."""
N_BINS = 15
"""Equal bins of confidence, for the calibration error."""


class Calibration(NamedTuple):
    """A task's temperature, and what it does to the test split; `n` is how many texts or words it was fitted on."""

    temperature: float
    n: int
    log_loss: float
    log_loss_uncalibrated: float
    calibration_error: float
    calibration_error_uncalibrated: float


def fit_temperature(valid: Predictions) -> tuple[float, int]:
    """The temperature of the smallest mean cross-entropy, and over how many rows; 1 without any to fit it on.

    Rows that were not read, or whose answer the head does not know, say nothing about it.
    """
    margins = _margins(valid)
    if len(margins) == 0:
        return 1.0, 0
    # convex in 1 / temperature, so there is one minimum, whatever the scale that it is searched on
    limits = (-np.log(HOTTEST), -np.log(COLDEST))
    found = minimize_scalar(lambda log: _loss(margins * np.exp(log)), bounds=limits, method="bounded")
    return float(np.exp(-found.x)), len(margins)


def _margins(predictions: Predictions) -> NDArray[np.float64]:
    """How far each logit of the answerable rows is above that of the right label: (answerable, labels)."""
    logits = predictions.logits[predictions.answerable].astype(np.float64)
    return logits - np.take_along_axis(logits, predictions.gold[predictions.answerable][:, None], axis=1)


def _loss(margins: NDArray[np.float64]) -> float:
    """The mean cross-entropy in double precision; 0 without any row."""
    highest = margins.max(axis=1)
    return float((np.log(np.exp(margins - highest[:, None]).sum(axis=1)) + highest).sum() / max(1, len(margins)))


def calibrated(predictions: Predictions, temperature: float) -> Predictions:
    """The same answers with the probabilities that belong to a temperature."""
    return predictions._replace(logits=predictions.logits / temperature, decoded=predictions.answers())


def calibrate(valid: Predictions, test: Predictions) -> tuple[Predictions, Calibration]:
    """Fit the temperature of a task on the valid split; return the test split's predictions calibrated by it."""
    temperature, n = fit_temperature(valid)
    after = calibrated(test, temperature)
    return after, Calibration(
        temperature=temperature,
        n=n,
        log_loss=_loss(_margins(after)),
        log_loss_uncalibrated=_loss(_margins(test)),
        calibration_error=calibration_error(after),
        calibration_error_uncalibrated=calibration_error(test),
    )


def calibration_error(predictions: Predictions) -> float:
    """The expected calibration error of the rows that were read; 0 without any."""
    sure = predictions.confidences()[predictions.read].astype(np.float64)
    right = (predictions.answers() == predictions.gold)[predictions.read]
    gaps = np.bincount(confidence_bins(sure), weights=right - sure, minlength=N_BINS)
    return float(error_of_gaps(gaps[None].astype(np.float64), np.array([len(sure)]))[0])


def confidence_bins(sure: NDArray[np.float64]) -> Ints:
    """The bin that each confidence falls into, which holds its upper end: (rows,)."""
    return np.clip(np.ceil(sure * N_BINS).astype(np.int64) - 1, 0, N_BINS - 1)


def error_of_gaps(gaps: Reals, counts: ArrayLike) -> Reals:
    """The expected calibration error (Guo et al. 2017, equation 3) of each resample, 0 where it holds nothing.

    `gaps` (resamples, bins) sum how far being right exceeds being sure, over each bin's rows; `counts` (resamples,)
    are all rows.
    """
    return ratio(np.abs(gaps).sum(axis=1), counts)
