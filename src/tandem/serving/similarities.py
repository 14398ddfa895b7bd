"""How alike texts are: the cosines of their vectors, as a table to read.

Shapes: texts, hidden.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

_SHOWN = 60  # characters of a text, in its line


def cosines(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """The cosine of every two vectors: (texts, hidden) in, (texts, texts) out; 0 where one has no length."""
    exact = vectors.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    directions = exact / np.where(lengths > 0, lengths, 1.0)
    return directions @ directions.T


def table_lines(rows: Sequence[int], texts: Sequence[str], table: NDArray[np.float64]) -> Iterator[str]:
    """One line a text: its row, its cosine with each, to four digits, and how it begins; the rows stand above."""
    margin = max((len(str(row)) for row in rows), default=0)
    yield " " * margin + "".join(f" {row:>7}" for row in rows)
    for row, text, values in zip(rows, texts, table, strict=True):
        shown = " ".join(text.split())
        shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"
        yield f"{row:>{margin}}" + "".join(f" {value + 0.0:7.4f}" for value in values.round(4)) + f"  {shown}"
