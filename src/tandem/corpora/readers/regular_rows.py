"""Taking the many rows of a csv or tsv block apart at once, where nothing about them is in doubt.

Arrow's reader makes the columns. It takes what a strict reader refuses, and tells no lines, so quotes and line ends are
found beside it by comparing all bytes. A quote opens or closes by its number, odd or even, which is sound as long as
each opening one follows and each closing one precedes the border of a field, or a quote.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tandem.corpora.readers.delimiters import Dialect

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[Any]
    Places = NDArray[Any]

_CACHED_BYTES = 1 << 16
_QUOTE, _NEWLINE, _RETURN = b'"\n\r'


class Rows(NamedTuple):
    """Rows as columns of texts, and the lines where they begin; they take `n_lines` lines and `n_bytes` bytes."""

    lines: Sequence[int]
    columns: Sequence[Any]  # of Arrow
    n_lines: int
    n_bytes: int


def regular_rows(block: bytes, dialect: Dialect, lines_before: int) -> Rows | None:
    """Read the whole rows at the beginning of a block, in UTF-8 and without NUL; no columns if it holds no whole row.

    None where a strict reader of `dialect` would find an error, a blank line or rows of different width, or might.
    """
    import numpy as np  # noqa: PLC0415 - small files do without

    if ord(dialect.delimiter) >= 0x80 or block.startswith(codecs.BOM_UTF8):  # which Arrow would leave out
        return None
    codes = np.frombuffer(block, np.uint8)
    is_mark = codes == _NEWLINE
    if dialect.is_quoted:
        is_mark |= codes == _QUOTE
    marks = np.flatnonzero(is_mark)
    is_quote = codes[marks] == _QUOTE
    row_ends = marks[~(is_quote | np.logical_xor.accumulate(is_quote))]
    if not len(row_ends):
        return Rows((), [], 0, 0)
    n_bytes, n_marks = int(row_ends[-1]) + 1, int(marks.searchsorted(row_ends[-1])) + 1
    codes, marks, is_quote = codes[:n_bytes], marks[:n_marks], is_quote[:n_marks]
    quotes, line_ends = marks[is_quote], marks[~is_quote]
    if not _are_sound(codes, quotes, ord(dialect.delimiter)):
        return None
    n_before_rows_end = int(np.count_nonzero(codes[row_ends - 1] == _RETURN))
    if np.count_nonzero(codes == _RETURN) > n_before_rows_end:
        alone = _lone_returns(codes, quotes, n_before_rows_end)
        if alone is None:
            return None
        line_ends = np.sort(np.concatenate([line_ends, alone]))
    columns = _columns(codes, dialect, row_ends, spans_lines=len(line_ends) > len(row_ends))
    if columns is None:
        return None
    lines: Sequence[int] = range(lines_before + 1, lines_before + 1 + len(row_ends))
    if len(line_ends) > len(row_ends):
        starts = np.concatenate([[0], row_ends[:-1] + 1])
        lines = (lines_before + 1 + np.searchsorted(line_ends, starts)).tolist()
    return Rows(lines, columns, len(line_ends), n_bytes)


def _are_sound(codes: Bytes, quotes: Places, delimiter: int) -> bool:
    """Say whether all quotes stand around whole fields, or two by two inside of such."""
    before, after = codes[quotes[::2] - 1], codes[quotes[1::2] + 1]  # before the first byte is the last, a row's end
    follows = (before == delimiter) | (before == _NEWLINE) | (before == _QUOTE)
    precedes = (after == delimiter) | (after == _NEWLINE) | (after == _RETURN) | (after == _QUOTE)
    return bool(follows.all() and precedes.all())


def _lone_returns(codes: Bytes, quotes: Places, n_before_rows_end: int) -> Places | None:
    """Where a CR stands in a field that no LF follows; None if more CR than `n_before_rows_end` stand in none."""
    returns = (codes == _RETURN).nonzero()[0]
    n_inner = int((quotes.searchsorted(returns) % 2).sum())
    is_lone = codes[returns + 1] != _NEWLINE
    return returns[is_lone] if len(returns) == n_before_rows_end + n_inner else None


def _columns(codes: Bytes, dialect: Dialect, row_ends: Places, *, spans_lines: bool) -> Sequence[Any] | None:
    import numpy as np  # noqa: PLC0415
    import pyarrow  # noqa: PLC0415 - small files do without
    from pyarrow import csv as arrow  # noqa: PLC0415

    block_size = max(_CACHED_BYTES, int(row_ends[0]), int(np.diff(row_ends).max(initial=0))) + 1
    try:
        width = len(next(dialect.reader([bytes(codes[: row_ends[0]]).decode()])))
        table = arrow.read_csv(
            pyarrow.py_buffer(codes),
            arrow.ReadOptions(block_size=block_size, autogenerate_column_names=True),
            arrow.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char=dialect.is_quoted and '"',
                newlines_in_values=spans_lines,
            ),
            arrow.ConvertOptions(column_types={f"f{number}": pyarrow.string() for number in range(width)}),
        )
    except (UnicodeDecodeError, csv.Error, StopIteration, pyarrow.ArrowInvalid):
        return None
    has_blank = table.num_rows < len(row_ends) or (width == 1 and not all(map(str.strip, table[0].to_pylist())))
    return None if has_blank else table.columns
