"""What can be answered without reading a text, or without its order: what any model must beat.

A text gets the label that most training texts have. A word gets the tag that it most often has in training, and `O`
where it was never met there; words are the same if they have the same pieces.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tandem.evaluation.scoring.predicting import Predictions
from tandem.evaluation.scoring.scores import Scored, score_classes, score_entities
from tandem.evaluation.scoring.surfaces import Surfaces, word_keys
from tandem.tokens.batches.examples import Examples
from tandem.tokens.storage.ragged import IGNORED, Ints


def score_baselines(
    train: Examples, test: Examples, found: Mapping[str, Predictions], surfaces: Mapping[str, Surfaces]
) -> dict[str, Scored]:
    """Score the majority class and the words' most frequent tags on the texts that `found` are predictions of."""
    scored = {}
    for task, predictions in found.items():
        if test.kinds[task] == "classification":
            scored[task] = score_classes(majority_class(train.count_labels(task), predictions))
        else:
            scored[task] = score_entities(frequent_tags(train, test, task, predictions), surfaces.get(task))
    return scored


def majority_class(counts: NDArray[np.int64], predictions: Predictions) -> Predictions:
    """The predictions of one who knows how many training texts have each label, (labels,), and nothing else."""
    logits = np.log(np.maximum(counts, 1e-9) / max(1, counts.sum())).astype(np.float32)
    return predictions._replace(logits=np.tile(logits, (len(predictions.gold), 1)), decoded=None)


def frequent_tags(train: Examples, test: Examples, task: str, predictions: Predictions) -> Predictions:
    """The predictions of one who looks each word up; of tags that are as frequent, the first of the head's."""
    known, tags = _lexicon(train, task)
    keys = word_keys(test, test.members[task])
    places = np.minimum(np.searchsorted(known, keys), max(0, len(known) - 1))
    is_known = known[places] == keys if len(known) else np.zeros(len(keys), dtype=bool)
    decoded = np.where(is_known, tags[places] if len(known) else 0, 0)
    certain = np.eye(predictions.logits.shape[1], dtype=np.float32)[decoded]
    return predictions._replace(logits=certain, decoded=decoded)


def _lexicon(train: Examples, task: str) -> tuple[NDArray[np.uint64], Ints]:
    """The training words' keys, ascending, and the most frequent tag of each: (words,) twice."""
    texts = train.members[task]
    keys, answers = word_keys(train, texts), train.answers_of(task, train.words_of(texts))
    is_known = answers != IGNORED
    known, numbers = np.unique(keys[is_known], return_inverse=True)
    counts = np.zeros((len(known), len(train.labels[task])), dtype=np.int64)
    np.add.at(counts, (numbers, answers[is_known]), 1)
    return known, counts.argmax(axis=1)
