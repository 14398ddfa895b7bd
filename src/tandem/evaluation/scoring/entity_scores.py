"""The scores of tagged words: seqeval's strict IOB2 as the headline, and how near the rest came.

- `precision`, `recall`, `f1`: an entity is right if its words and its type are; read strictly, micro over types.
- `conlleval_*`: the same, read as conlleval and seqeval's default mode do: an `I-x` that continues nothing begins an
  entity. `exact_*`, `partial_*` and `type_*` are nervaluate's schemes over that reading: the words right whatever the
  type; half a point where they overlap; the type right where they overlap.
- `seen_*` and `unseen_*`: the headline over the entities whose surface is or is not one of the same type in the
  training texts (see `surfaces`). A prediction counts on the side of its own surface and type, so precision has its
  meaning on both sides, and a right prediction is on the side of its gold entity.
- `token_accuracy`: tags right, over words. `coverage`: words that some window holds; the others count as `O`.

What is undefined (nothing predicted, nothing to find, no text) is 0; a text without entities still has its words.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tandem.evaluation.scoring.entity_counts import agreeing, count_entities
from tandem.evaluation.scoring.predicting import Predictions
from tandem.evaluation.scoring.span_counts import Booleans, Spans, Tagged, agreement, same_spans, spans_in, tag_table
from tandem.evaluation.scoring.surfaces import Surfaces
from tandem.evaluation.scoring.text_counts import Counts, Reals, Row, Scored, counted, ratio
from tandem.tokens.storage.ragged import Ints

HEADLINE = (
    "precision",
    "recall",
    "f1",
    "conlleval_f1",
    "partial_f1",
    "exact_f1",
    "type_f1",
    "seen_f1",
    "unseen_f1",
    "token_accuracy",
    "coverage",
)
_SCHEMES = ("conlleval", "partial", "exact", "type")


def score_entities(predictions: Predictions, surfaces: Surfaces | None = None) -> Scored:
    """The headline scores, `n_entities` to find and `n` texts, and the scores of each type.

    With the training texts' `surfaces` also `seen_f1`, `unseen_f1` and `n_seen`, entities to find that were seen.
    """
    gold, answers, kinds = tagged_words(predictions)
    texts = np.unique(predictions.texts)
    right = predictions.gold == predictions.answers()
    counts = count_entities(gold, answers, right, n_texts=len(texts))
    counts = counts.beside(_coverage(gold.texts, predictions.read, len(texts)))
    sizes = {"n_entities": int(spans_in(gold).is_legal.sum())}
    if surfaces is not None:
        found, sizes["n_seen"] = _by_surface(gold, answers, surfaces, kinds, len(texts))
        counts = counts.beside(found)
    totals = counts.totals()
    headline = {name: totals[name] for name in HEADLINE if name in totals}
    return Scored({**headline, **sizes, "n": len(texts)}, _by_kind(gold, answers, kinds), counts, texts)


def tagged_words(predictions: Predictions) -> tuple[Tagged, Tagged, tuple[str, ...]]:
    """The gold and the predicted tags of every word, texts numbered from 0, and the entity types."""
    kinds: dict[str, int] = {}
    begins, numbers = tag_table(predictions.names, kinds)
    texts = np.cumsum(np.diff(predictions.texts, prepend=-1) != 0) - 1
    gold, answers = (Tagged(begins[tags], numbers[tags], texts) for tags in (predictions.gold, predictions.answers()))
    return gold, answers, tuple(kinds)


def _coverage(texts: Ints, read: Booleans, n_texts: int) -> Counts:
    columns = {"words": np.bincount(texts, minlength=n_texts), "read": np.bincount(texts[read], minlength=n_texts)}
    return counted(columns, lambda sums: {"coverage": ratio(sums["read"], sums["words"])})


def _by_surface(
    gold: Tagged, answers: Tagged, surfaces: Surfaces, kinds: Sequence[str], n_texts: int
) -> tuple[Counts, int]:
    """Counts of the entities with a seen and an unseen surface, and how many entities to find were seen."""
    actual, predicted = (spans.keep(spans.is_legal) for spans in (spans_in(gold), spans_in(answers)))
    correct = same_spans(actual, predicted)
    met = {"actual": surfaces.are_seen(actual, kinds), "predicted": surfaces.are_seen(predicted, kinds)}
    columns: dict[str, Ints] = {}
    for side, turned in (("seen", False), ("unseen", True)):
        ours = met["predicted"] ^ turned
        chosen = (("actual", actual, met["actual"] ^ turned), ("predicted", predicted, ours))
        for name, spans, kept in (*chosen, ("correct", predicted, ours & correct)):
            columns[f"{side}_{name}"] = np.bincount(gold.texts[spans.starts[kept]], minlength=n_texts)
    return counted(columns, _surface_scores), int(met["actual"].sum())


def _surface_scores(sums: dict[str, Reals]) -> dict[str, Reals]:
    found: dict[str, Reals] = {}
    for side in ("seen_", "unseen_"):
        found |= agreeing(side, *(sums[side + name] for name in ("correct", "predicted", "actual")))
    return found


def _by_kind(gold: Tagged, answers: Tagged, kinds: Sequence[str]) -> list[Row]:
    """The scores of each entity type that occurs or is predicted, as if there were no other."""
    n_words = len(gold.kinds)
    actual, predicted = (_apart(spans_in(words), n_words) for words in (gold, answers))
    found = agreement(actual, predicted)
    legal, legally = actual.keep(actual.is_legal), predicted.keep(predicted.is_legal)

    def by_kind(spans: Spans, kept: Booleans | None = None) -> Reals:
        return np.bincount(spans.kinds if kept is None else spans.kinds[kept], minlength=len(kinds)).astype(np.float64)

    exact, matched = by_kind(predicted, found.exact), by_kind(predicted, found.matched)
    scores = agreeing("", by_kind(legally, same_spans(legal, legally)), by_kind(legally), by_kind(legal))
    halves = {"conlleval": exact, "partial": (exact + matched) / 2, "exact": exact}
    everything = by_kind(predicted), by_kind(actual)
    for scheme, right in (*halves.items(), ("type", by_kind(predicted, found.typed))):
        scores[f"{scheme}_f1"] = agreeing("", right, *everything)["f1"]
    supports = by_kind(legal)
    occurring = np.flatnonzero(sum(everything)).tolist()
    return [
        {
            "label": kinds[kind],
            **{name: float(scores[name][kind]) for name in ("precision", "recall", "f1")},
            "support": int(supports[kind]),
            **{f"{scheme}_f1": float(scores[f"{scheme}_f1"][kind]) for scheme in _SCHEMES},
        }
        for kind in sorted(occurring, key=lambda kind: kinds[kind])
    ]


def _apart(spans: Spans, n_words: int) -> Spans:
    """The spans of each type moved to words of its own, so that types do not meet."""
    order = np.argsort(spans.kinds, kind="stable")
    spans = Spans(spans.starts[order], spans.ends[order], spans.kinds[order], spans.is_legal[order])
    moved = spans.kinds * n_words
    return spans._replace(starts=spans.starts + moved, ends=spans.ends + moved)
