"""How long the texts of a corpus are, in characters, words and the tokenizer's pieces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tandem.corpora.schema.records import Record


class PieceCounts(NamedTuple):
    """For each of some texts, how many pieces it becomes, special ones included, and how many of them are unknown."""

    lengths: Sequence[int]
    unknown: Sequence[int]


CountPieces = Callable[[Sequence[Record]], PieceCounts]

_QUANTILES = {"p5": 0.05, "median": 0.5, "p95": 0.95, "max": 1.0}


class Lengths:
    """Counts lengths by unit; its memory grows with how many different ones there are."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[int]] = {"characters": Counter(), "words": Counter(), "pieces": Counter()}

    def add(self, unit: str, length: int) -> None:
        """Count a text."""
        self._counts[unit][length] += 1

    def total(self, unit: str) -> int:
        """How long all texts are together."""
        return sum(length * count for length, count in self._counts[unit].items())

    def n_texts(self, unit: str) -> int:
        """How many texts were counted."""
        return self._counts[unit].total()

    def n_beyond(self, unit: str, most: int) -> int:
        """How many texts are longer than `most`."""
        return sum(count for length, count in self._counts[unit].items() if length > most)

    def quantiles(self) -> dict[str, dict[str, int]]:
        """By unit, the lengths that 5, 50, 95 and 100 % of the texts do not exceed."""
        return {unit: _quantiles(counts) for unit, counts in self._counts.items() if counts}


def _quantiles(counts: Counter[int]) -> dict[str, int]:
    n_texts = counts.total()
    places = {name: max(0, round(share * n_texts + 0.5) - 1) for name, share in _QUANTILES.items()}
    found: dict[str, int] = {}
    n_before = 0
    for length in sorted(counts):
        n_before += counts[length]
        found.update({name: length for name, place in places.items() if name not in found and place < n_before})
    return {name: found.get(name, length) for name in _QUANTILES}
