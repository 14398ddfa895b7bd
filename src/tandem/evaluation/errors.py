"""What kind of error each entity is: gold and predicted entities of a text, paired one to one.

- `correct`: the same words, the same type
- `type`: the words of a gold entity, or some of them, under another type
- `boundary`: some of a gold entity's words, or too many, under the right type
- `missed`: a gold entity without a partner; `spurious`: a predicted one without

Pairs are made in that order, then by how many words they share, then from left to right. So every gold entity is
correct, type, boundary or missed, and every predicted one correct, type, boundary or spurious, once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Literal, NamedTuple

Span = tuple[int, int, str]
"""First word, word after the last, type."""
Kind = Literal["correct", "type", "boundary", "missed", "spurious"]
KINDS: tuple[Kind, ...] = ("correct", "boundary", "type", "missed", "spurious")


class Outcome(NamedTuple):
    """What became of an entity; `gold` is None for a spurious one, `predicted` for a missed one."""

    kind: Kind
    gold: Span | None
    predicted: Span | None

    @property
    def words(self) -> tuple[int, int]:
        """The first word that either side holds, and the one after the last."""
        sides = [side for side in (self.gold, self.predicted) if side is not None]
        return min(side[0] for side in sides), max(side[1] for side in sides)


def match_entities(gold: Sequence[Span], predicted: Sequence[Span]) -> list[Outcome]:
    """Pair a text's gold entities with the predicted ones; the outcomes stand in the order of the text."""
    pairs = sorted((_rank(one, other), one, other) for one, other in _touching(gold, predicted))
    free_gold, free_predicted = set(gold), set(predicted)
    outcomes = []
    for _, one, other in pairs:
        if one in free_gold and other in free_predicted:
            free_gold.remove(one)
            free_predicted.remove(other)
            outcomes.append(Outcome(_kind(one, other), one, other))
    outcomes += [Outcome("missed", one, None) for one in free_gold]
    outcomes += [Outcome("spurious", None, other) for other in free_predicted]
    return sorted(outcomes, key=lambda outcome: (outcome.words, outcome.kind))


def _touching(gold: Sequence[Span], predicted: Sequence[Span]) -> Iterator[tuple[Span, Span]]:
    """The pairs that share a word; each side is in order and does not overlap itself."""
    first = 0
    for one in gold:
        while first < len(predicted) and predicted[first][1] <= one[0]:
            first += 1
        for other in islice(predicted, first, None):
            if other[0] >= one[1]:
                break
            yield one, other


def _shared(one: Span, other: Span) -> int:
    return min(one[1], other[1]) - max(one[0], other[0])


def _rank(one: Span, other: Span) -> tuple[bool, bool, int]:
    """Smaller for a better pair: same words and type, then same words, then same type, then many shared words."""
    return one[:2] != other[:2], one[2] != other[2], -_shared(one, other)


def _kind(one: Span, other: Span) -> Kind:
    if one[2] != other[2]:
        return "type"
    return "correct" if one == other else "boundary"
