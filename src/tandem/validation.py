"""The losses and scores that training asks for at the end of each epoch."""

from __future__ import annotations

from tandem.evaluation.scoring.predicting import predict
from tandem.evaluation.scoring.scores import quick_f1
from tandem.tokens.batches.batching import PassSize
from tandem.tokens.batches.examples import Examples
from tandem.training.history import ValidScores
from tandem.training.passing.passes import Pass
from tandem.training.passing.processes import Crew


def score_split(run: Pass, examples: Examples, size: PassSize, crew: Crew) -> ValidScores:
    """Mean loss and headline F1 of each task that has texts in the split."""
    predicted = predict(run, examples, size=size, crew=crew)
    counted = {task: found for task, found in predicted.items() if len(found.gold)}
    return ValidScores(
        losses={task: found.mean_loss() for task, found in counted.items()},
        scores={task: quick_f1(found, examples.kinds[task]) for task, found in counted.items()},
    )
