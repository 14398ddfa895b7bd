"""Predictions and tag sequences made up for tests."""

from collections.abc import Sequence

import numpy as np

from tandem.evaluation.scoring.predicting import Predictions

TAGS = ("O", "B-x", "I-x", "B-y", "I-y", "B-z", "I-z")


def predictions(gold, answers, texts, names, *, logits=None, read=None) -> Predictions:
    """Predictions with the given answers, or with given logits."""
    if logits is None:
        logits = np.eye(len(names), dtype=np.float32)[np.array(answers, dtype=np.int64)]
    return Predictions(
        names=tuple(names),
        texts=np.array(texts, dtype=np.int64),
        gold=np.array(gold, dtype=np.int64),
        logits=np.array(logits, dtype=np.float32),
        read=np.ones(len(gold), dtype=bool) if read is None else np.array(read, dtype=bool),
    )


def tagging(gold: Sequence[Sequence[str]], answers: Sequence[Sequence[str]], *, names=TAGS, read=None) -> Predictions:
    """Predictions with the given tags of each text's words."""
    texts = np.repeat(np.arange(len(gold)), [len(tags) for tags in gold])
    columns = ([names.index(tag) for tags in side for tag in tags] for side in (gold, answers))
    return predictions(*columns, texts, names, read=read)


def random_tags(rng: np.random.Generator, n_words: int) -> list[str]:
    """Tags of a text: anything at all, legal entities of one to six words, of one type alone, one entity, or none."""
    style = rng.integers(6)
    if style == 0:
        return [str(tag) for tag in rng.choice(TAGS, n_words)]
    if style == 1:
        return [str(tag) for tag in rng.choice(TAGS[:3], n_words)]
    if style == 2:
        return ["O"] * n_words
    if style == 3:
        return ["B-x", *["I-x"] * (n_words - 1)][:n_words]
    tags: list[str] = []
    while len(tags) < n_words:
        kind, length = rng.choice(["x", "y", "z", ""]), int(rng.integers(1, 7))
        tags += [f"B-{kind}", *[f"I-{kind}"] * (length - 1)] if kind else ["O"] * length
    return tags[:n_words]
