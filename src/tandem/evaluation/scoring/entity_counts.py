"""Entities by text, and their scores as a formula of the sums: strict, as conlleval counts, partial, exact, by type.

Shapes: `texts`, `words`, `resamples`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tandem.evaluation.scoring.span_counts import (
    Booleans,
    Spans,
    Tagged,
    agreement,
    number_tags,
    same_spans,
    spans_in,
    tagged,
)
from tandem.evaluation.scoring.text_counts import Counts, Reals, counted, ratio
from tandem.tokens.storage.ragged import Ints


def entity_counts(gold: Sequence[Sequence[str]], answers: Sequence[Sequence[str]]) -> Counts:
    """Count the entities of texts, given as the tags of each one's words; both sides have the same words.

    Raises `ValueError` if they have not.
    """
    sizes = [len(tags) for tags in gold]
    if sizes != [len(tags) for tags in answers]:
        raise ValueError("the gold and the predicted tags are of different texts: their numbers of words differ")
    names: dict[str, int] = {}
    columns = number_tags(gold, names), number_tags(answers, names)
    texts = np.repeat(np.arange(len(sizes)), sizes)
    kinds: dict[str, int] = {}
    actual, predicted = (tagged(tuple(names), column, texts, kinds) for column in columns)
    return count_entities(actual, predicted, columns[0] == columns[1], n_texts=len(sizes))


def count_entities(gold: Tagged, answers: Tagged, right: Booleans, *, n_texts: int) -> Counts:
    """Count the entities of tagged words; `right` (words,) is where the tags agree."""
    texts = gold.texts
    actual, predicted = spans_in(gold), spans_in(answers)
    loose = agreement(actual, predicted)

    def by_text(spans: Spans, kept: Booleans | None = None) -> Ints:
        starts = spans.starts if kept is None else spans.starts[kept]
        return np.bincount(texts[starts], minlength=n_texts)

    legal, legally = actual.keep(actual.is_legal), predicted.keep(predicted.is_legal)
    return counted(
        {
            "words": np.bincount(texts, minlength=n_texts),
            "right": np.bincount(texts[right], minlength=n_texts),
            "actual": by_text(legal),
            "predicted": by_text(legally),
            "correct": by_text(legally, same_spans(legal, legally)),
            "loose_actual": by_text(actual),
            "loose_predicted": by_text(predicted),
            "loose_correct": by_text(predicted, loose.correct),
            "exact": by_text(predicted, loose.exact),
            "matched": by_text(predicted, loose.matched),
            "typed": by_text(predicted, loose.typed),
        },
        _entity_scores,
    )


def _entity_scores(sums: dict[str, Reals]) -> dict[str, Reals]:
    loose = sums["loose_predicted"], sums["loose_actual"]
    return {
        **agreeing("", sums["correct"], sums["predicted"], sums["actual"]),
        "token_accuracy": ratio(sums["right"], sums["words"]),
        **agreeing("conlleval_", sums["loose_correct"], *loose),
        **agreeing("partial_", (sums["exact"] + sums["matched"]) / 2, *loose),
        **agreeing("exact_", sums["exact"], *loose),
        **agreeing("type_", sums["typed"], *loose),
    }


def agreeing(prefix: str, right: Reals, predicted: Reals, actual: Reals) -> dict[str, Reals]:
    """Precision, recall and F1 from counts, under names with a prefix."""
    return {
        f"{prefix}precision": ratio(right, predicted),
        f"{prefix}recall": ratio(right, actual),
        f"{prefix}f1": ratio(2 * right, predicted + actual),
    }
