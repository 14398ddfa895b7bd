"""The losses and scores that training asks for at the end of each epoch."""

from __future__ import annotations

from tandem.evaluation.predicting import predict
from tandem.evaluation.scores import SCORERS
from tandem.hardware.execution import Execution
from tandem.tokens.examples import Examples
from tandem.training.history import ValidScores
from tandem.training.passes import Pass


def score_split(run: Pass, examples: Examples, execution: Execution) -> ValidScores:
    """Mean loss and headline F1 of each task that has texts in the split."""
    predicted = {task: found for task, found in predict(run, examples, execution).items() if len(found.gold)}
    return ValidScores(
        losses={task: found.mean_loss() for task, found in predicted.items()},
        scores={task: SCORERS[examples.kinds[task]](found).f1 for task, found in predicted.items()},
    )
