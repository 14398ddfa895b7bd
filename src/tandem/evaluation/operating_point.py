"""Recall first: how far the logit of `O` must be lowered so that hardly any word of an entity is passed over.

A word is tagged once its likeliest tag other than `O` beats `O` plus a bias. The bias is chosen on the valid split
for a target recall, and shown to hold, or not, on the test split. It adds to the model's own logits, before any
temperature.

- Entities are counted strictly (seqeval, IOB2): same words, same type. A bias finds words, not boundaries and types,
  so this recall often stays where it is.
- Words are counted by whether they are tagged at all: a word of a name that is tagged as a place is not leaked.

Shapes: `rows` are words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandem.evaluation.decoding import Decoding, decode
from tandem.evaluation.scoring.predicting import Predictions
from tandem.evaluation.scoring.span_counts import Spans, spans_in, tagged
from tandem.tokens.storage.ragged import Ints

RecallOf = Literal["words", "entities"]

MOST_POINTS = 60


class Rates(NamedTuple):
    """Precision and recall of strict entities, and of words being tagged at all; 0 where undefined."""

    precision: float
    recall: float
    word_precision: float
    word_recall: float


class Point(NamedTuple):
    """What a bias on `O` does to both splits."""

    bias: float
    valid: Rates
    test: Rates


class OperatingPoint(NamedTuple):
    """The point chosen for a target, and all the points that it was chosen from, by rising bias.

    `n` is how many words of entities the valid split has.
    """

    target: float
    recall_of: RecallOf
    chosen: Point
    curve: tuple[Point, ...]
    n: int

    @property
    def is_reached(self) -> bool:
        """Whether the valid split has the target recall at the chosen point."""
        return _recall(self.chosen, self.recall_of) >= self.target

    @property
    def note(self) -> str:
        """What to know about the point in words; nothing if the target is reached."""
        if self.is_reached:
            return ""
        if self.n == 0:
            return "the valid split has no word of an entity to choose a bias by: see split.valid"
        return (
            f"no bias on O gives the valid split a recall of {self.target:g} of its {self.recall_of}: "
            f"this one gives the highest, {_recall(self.chosen, self.recall_of):.4f}"
        )

    def metrics(self) -> dict[str, Any]:
        """The chosen point as plain values."""
        values = {
            "bias": self.chosen.bias,
            "target_recall": self.target,
            "recall_of": self.recall_of,
            "is_reached": self.is_reached,
            "n": self.n,
            "valid": self.chosen.valid._asdict(),
            "test": self.chosen.test._asdict(),
        }
        return values | ({"note": self.note} if self.note else {})

    def rows(self) -> list[dict[str, Any]]:
        """The curve as rows of a table: `bias`, `is_chosen`, and each rate as `valid_...` and `test_...`."""
        return [
            {
                "bias": point.bias,
                "is_chosen": int(point.bias == self.chosen.bias),
                **{f"valid_{name}": value for name, value in point.valid._asdict().items()},
                **{f"test_{name}": value for name, value in point.test._asdict().items()},
            }
            for point in self.curve
        ]


def choose_point(
    valid: Predictions, test: Predictions, decoding: Decoding, *, target: float, recall_of: RecallOf
) -> OperatingPoint:
    """Choose the bias on the valid split; both splits' logits must be as the model gave them.

    Of the biases that reach the target it is the one with the highest precision, and of these the one nearest to 0;
    if none does, the one with the highest recall. It is never above 0: recall that the model has is not traded away.
    """
    biases = candidate_biases(valid)
    columns = (rates(split, decoding, biases) for split in (valid, test))
    curve = tuple(Point(*values) for values in zip(biases, *columns, strict=True))
    offered = [point for point in curve if point.bias <= 0]
    reaching = [point for point in offered if _recall(point, recall_of) >= target]
    if reaching:
        chosen = max(reaching, key=lambda point: (_precision(point, recall_of), point.bias))
    else:
        chosen = max(offered, key=lambda point: (_recall(point, recall_of), _precision(point, recall_of), point.bias))
    n = int(_inside(valid.names)[valid.gold].sum())
    return OperatingPoint(target=target, recall_of=recall_of, chosen=chosen, curve=curve, n=n)


def candidate_biases(valid: Predictions) -> list[float]:
    """Biases at which one more word of a gold entity is tagged, ascending, densest at high recall; and 0.

    Below the lowest of them every such word that was read is tagged, and there is nothing left to gain.
    """
    is_leak = valid.read & _inside(valid.names)[valid.gold]
    logits = valid.logits[is_leak].astype(np.float64)
    margins = np.sort(logits[:, 1:].max(axis=1) - logits[:, 0])
    places = np.unique(np.geomspace(1, max(1, len(margins)), MOST_POINTS).astype(np.int64)) - 1
    steps = np.floor(margins[places[: len(margins)]] * 1000) / 1000 - 0.001  # clear of what float32 can tell apart
    return [float(bias) for bias in np.unique(np.append(steps.round(3), 0.0))]


def biased(predictions: Predictions, bias: float) -> Predictions:
    """The predictions with the logit of `O` raised by a bias, not yet decoded."""
    logits = predictions.logits.copy()
    logits[:, 0] += bias
    return predictions._replace(logits=logits, decoded=None)


def rates(predictions: Predictions, decoding: Decoding, biases: Sequence[float]) -> list[Rates]:
    """Precision and recall of strict entities, and of words being tagged, at each bias."""
    inside = _inside(predictions.names)
    leaks = inside[predictions.gold]
    actual = _strict(predictions, predictions.gold)
    found = []
    for bias in biases:
        answers = decode(biased(predictions, bias), decoding).answers()
        marked = inside[answers]
        hits = int(np.count_nonzero(leaks & marked))
        spans = _strict(predictions, answers)
        right = _count_equal(actual, spans)
        found.append(
            Rates(
                precision=right / max(1, len(spans.starts)),
                recall=right / max(1, len(actual.starts)),
                word_precision=hits / max(1, int(marked.sum())),
                word_recall=hits / max(1, int(leaks.sum())),
            )
        )
    return found


def _strict(predictions: Predictions, tags: Ints) -> Spans:
    found = spans_in(tagged(predictions.names, tags, predictions.texts, {}))
    return found.keep(found.is_legal)


def _count_equal(some: Spans, others: Spans) -> int:
    _, own, their = np.intersect1d(some.starts, others.starts, assume_unique=True, return_indices=True)
    return int(np.count_nonzero((some.ends[own] == others.ends[their]) & (some.kinds[own] == others.kinds[their])))


def _inside(names: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each name is another tag than `O`: (names,)."""
    return np.array([name != "O" for name in names], dtype=bool)


def _recall(point: Point, recall_of: RecallOf) -> float:
    return point.valid.word_recall if recall_of == "words" else point.valid.recall


def _precision(point: Point, recall_of: RecallOf) -> float:
    return point.valid.word_precision if recall_of == "words" else point.valid.precision
