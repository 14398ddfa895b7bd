"""Counts by text from which scores follow, so that a resample of texts is scored without looking at them again.

A score of many texts is a formula of sums over texts. Where there are many columns and few different rows (hundreds
of labels), each row is kept once, and `sorts` says which one a text has.

Shapes: `texts`, `sorts`, `columns` (what is counted), `resamples`. Weights are how often a resample holds a text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tandem.tokens.storage.ragged import Ints

Reals = NDArray[np.float64]
Formula = Callable[[Reals], dict[str, Reals]]
"""From sums (resamples, columns) to each score (resamples,)."""


class Part(NamedTuple):
    """What is counted together, and the scores that follow from it."""

    rows: Reals  # (texts, columns), or (sorts, columns)
    formula: Formula
    sorts: Ints | None = None  # (texts,)

    def grouped(self, groups: Ints, n_groups: int) -> Part:
        """The same with the counts of each group of texts as one text's."""
        rows = np.zeros((n_groups, self.rows.shape[1]))
        np.add.at(rows, groups, self.rows if self.sorts is None else self.rows[self.sorts])
        return Part(rows, self.formula)


@dataclass(frozen=True, eq=False)
class Counts:
    """The counts of some texts; a score that is undefined (nothing predicted, no text at all) is 0."""

    n_texts: int
    parts: tuple[Part, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The scores that follow from the counts."""
        return tuple(self.totals())

    def take(self, weights: ArrayLike) -> dict[str, Reals]:
        """The scores of each resample: weights (resamples, texts) to (resamples,) each."""
        weights = np.asarray(weights, dtype=np.float64)
        if weights.ndim != 2 or weights.shape[1] != self.n_texts:
            raise ValueError(f"expected weights of shape (resamples, {self.n_texts}), found {weights.shape}")
        found: dict[str, Reals] = {}
        plain = np.split(weights @ self._table, self._edges, axis=1)
        for part in self.parts:
            found |= part.formula(
                plain.pop(0) if part.sorts is None else _summed_by_sort(part.rows, part.sorts, weights)
            )
        return found

    @cached_property
    def _table(self) -> Reals:
        """What is kept a row a text, side by side: one product for all of it is quicker than one a part."""
        return np.concatenate([np.zeros((self.n_texts, 0)), *self._plain], axis=1)

    @cached_property
    def _edges(self) -> Ints:
        """Where in the table each part ends."""
        return np.cumsum([rows.shape[1] for rows in self._plain], dtype=np.int64)

    @property
    def _plain(self) -> list[Reals]:
        return [part.rows for part in self.parts if part.sorts is None]

    def totals(self) -> dict[str, float]:
        """The scores of all texts, each once."""
        return {name: float(values[0]) for name, values in self.take(np.ones((1, self.n_texts))).items()}

    def grouped(self, groups: Ints, n_groups: int) -> Counts:
        """The same texts summed by group, a document, say: `groups` (texts,) are numbers below `n_groups`."""
        return Counts(n_groups, tuple(part.grouped(groups, n_groups) for part in self.parts))

    def beside(self, other: Counts) -> Counts:
        """The counts of the same texts together with further ones."""
        if self.n_texts != other.n_texts:
            raise ValueError(f"cannot lay counts of {self.n_texts} texts beside those of {other.n_texts}")
        return Counts(self.n_texts, (*self.parts, *other.parts))


def _summed_by_sort(rows: Reals, sorts: Ints, weights: Reals) -> Reals:
    """The counts of each resample: (sorts, columns), (texts,), (resamples, texts) to (resamples, columns)."""
    by_sort = [np.bincount(sorts, weights=row, minlength=len(rows)) for row in weights]
    return np.reshape(by_sort, (len(weights), len(rows))) @ rows


Row = dict[str, Any]


class Scored(NamedTuple):
    """One task's headline scores, its rows by label, and what its intervals are drawn from."""

    headline: dict[str, float]
    per_label: list[Row]
    counts: Counts
    texts: Ints  # (texts,) the number of each counted text, ascending

    @property
    def f1(self) -> float:
        """The score that speaks for the task: macro F1 of classes, micro F1 of entities."""
        return self.headline[self.f1_name]

    @property
    def f1_name(self) -> str:
        """What that score is called."""
        return "macro_f1" if "macro_f1" in self.headline else "f1"


def counted(columns: Mapping[str, NDArray[Any]], formula: Callable[[dict[str, Reals]], dict[str, Reals]]) -> Counts:
    """Counts from named columns, each (texts,); the formula gets each column's sums by its name."""
    table = np.column_stack([np.asarray(column, dtype=np.float64) for column in columns.values()])
    names = tuple(columns)
    return Counts(len(table), (Part(table, lambda sums: formula(dict(zip(names, sums.T, strict=True)))),))


def ratio(part: Reals, whole: ArrayLike) -> Reals:
    """`part / whole`, 0 where the whole is 0."""
    whole = np.asarray(whole, dtype=np.float64)
    found: Reals = np.zeros(np.broadcast(part, whole).shape)
    np.divide(part, whole, out=found, where=whole != 0)
    return found
