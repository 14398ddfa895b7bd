"""Taking the many rows of a csv or tsv block apart at once, where nothing about them is in doubt.

Quotes, delimiters and line ends are found by comparing all bytes. A quote opens or closes by its number, odd or even,
which is sound as long as each opening one follows and each closing one precedes the border of a field, or a quote.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tandem.corpora.readers.delimiters import Dialect

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[Any]
    Places = NDArray[Any]

_QUOTE, _NEWLINE, _RETURN = b'"\n\r'
_BORDER, _GONE = 0x00, 0xFF
"""Bytes that stand in no UTF-8 text, or in none that is read."""


class Rows(NamedTuple):
    """Rows as columns of texts, and the lines where they begin; they take `n_lines` lines and `n_bytes` bytes."""

    lines: Sequence[int]
    columns: list[list[str]]
    n_lines: int
    n_bytes: int


def regular_rows(block: bytes, dialect: Dialect, lines_before: int) -> Rows | None:
    """Read the whole rows at the beginning of a block, in UTF-8 and without NUL; no columns if it holds no whole row.

    None where a strict reader of `dialect` would find an error, a blank line or rows of different width, or might.
    """
    import numpy as np  # noqa: PLC0415 - small files do without

    delimiter = ord(dialect.delimiter)
    if delimiter >= 0x80 or _GONE in block:
        return None
    codes = np.frombuffer(block, np.uint8)
    is_mark = (codes == _NEWLINE) | (codes == delimiter)
    if dialect.is_quoted:
        is_mark |= codes == _QUOTE
    marks = np.flatnonzero(is_mark)
    kinds = codes[marks]
    is_quote = kinds == _QUOTE
    is_inner = np.logical_xor.accumulate(is_quote)
    row_ends = marks[(kinds == _NEWLINE) & ~is_inner]
    if not len(row_ends):
        return Rows((), [], 0, 0)
    n_marks, n_bytes = int(np.searchsorted(marks, row_ends[-1])) + 1, int(row_ends[-1]) + 1
    codes, marks, kinds, is_quote = codes[:n_bytes], marks[:n_marks], kinds[:n_marks], is_quote[:n_marks]
    is_border = ~(is_inner[:n_marks] | is_quote)
    quotes = marks[is_quote]
    width = _width(kinds[is_border], delimiter)
    removed = _removed(codes, quotes, row_ends, delimiter)
    if width is None or removed is None:
        return None
    borders = marks[is_border]
    cells = _cells(codes, borders, removed)
    if cells is None or (width == 1 and not all(map(str.strip, cells))):
        return None
    line_ends = marks[kinds == _NEWLINE]
    if np.count_nonzero(codes == _RETURN) > len(removed[-1]):
        alone = _lone_returns(codes, quotes, len(removed[-1]))
        if alone is None:
            return None
        line_ends = np.sort(np.concatenate([line_ends, alone]))
    lines: Sequence[int] = range(lines_before + 1, lines_before + 1 + len(row_ends))
    if len(line_ends) > len(row_ends):
        starts = np.concatenate([[0], row_ends[:-1] + 1])
        lines = (lines_before + 1 + np.searchsorted(line_ends, starts)).tolist()
    return Rows(lines, [cells[column::width] for column in range(width)], len(line_ends), n_bytes)


def _width(borders: Bytes, delimiter: int) -> int | None:
    """The number of fields in each row, of which the bytes between fields and after rows are given."""
    width = int((borders == _NEWLINE).argmax()) + 1
    if len(borders) % width:
        return None
    of_row = [delimiter] * (width - 1) + [_NEWLINE]
    return width if (borders.reshape(-1, width) == of_row).all() else None


def _removed(codes: Bytes, quotes: Places, row_ends: Places, delimiter: int) -> list[Places] | None:
    """Where bytes stand that are no text: quotes around fields, one of each two inside, CR before LF after a row."""
    opening, closing = quotes[::2], quotes[1::2]
    before, after = codes[opening - 1], codes[closing + 1]  # before the first byte is the last, a row's end
    is_doubled, last = after == _QUOTE, row_ends - 1
    is_sound = (before == delimiter) | (before == _NEWLINE) | (before == _QUOTE)
    is_closed = (after == delimiter) | (after == _NEWLINE) | (after == _RETURN) | is_doubled
    if not (is_sound.all() and is_closed.all()):
        return None
    return [opening, closing[~is_doubled], last[codes[last] == _RETURN]]


def _cells(codes: Bytes, borders: Places, removed: list[Places]) -> list[str] | None:
    codes = codes.copy()
    codes[borders] = _BORDER
    for places in removed:
        codes[places] = _GONE
    try:
        return codes.tobytes().replace(b"\xff", b"").decode().split("\0")[:-1]
    except UnicodeDecodeError:
        return None


def _lone_returns(codes: Bytes, quotes: Places, n_removed: int) -> Places | None:
    """Where a CR stands in a field that no LF follows, but for `n_removed` that stand in none; None if others do."""
    returns = (codes == _RETURN).nonzero()[0]
    n_inner = int((quotes.searchsorted(returns) % 2).sum())
    return returns[codes[returns + 1] != _NEWLINE] if len(returns) == n_removed + n_inner else None
