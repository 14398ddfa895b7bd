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
    """Rows as columns of texts, and the lines where they begin; they take `n_lines` lines and `n_bytes` bytes.

    `has_leading_quotes` says whether a field begins with a quote that is a plain character.
    """

    lines: Sequence[int]
    columns: Sequence[Any]  # of Arrow
    n_lines: int
    n_bytes: int
    has_leading_quotes: bool


class _Marks(NamedTuple):
    """The bytes of whole rows, and where among them quotes stand, and the last bytes of lines and of rows."""

    codes: Bytes
    quotes: Places
    line_ends: Places
    row_ends: Places


def regular_rows(block: bytes, dialect: Dialect, lines_before: int) -> Rows | None:
    """Read the whole rows at the beginning of a block, in UTF-8 and without NUL.

    None if there is none, and where a strict reader of `dialect` would find an error, a blank line or rows of different
    width, or might.
    """
    import numpy as np  # noqa: PLC0415 - small files do without

    if ord(dialect.delimiter) >= 0x80 or block.startswith(codecs.BOM_UTF8):  # which Arrow would leave out
        return None
    marks = _find_marks(block, dialect)
    if marks is None or not _are_sound(marks, ord(dialect.delimiter)):
        return None
    codes, _, line_ends, row_ends = marks
    n_before_ends = int(np.count_nonzero(codes[row_ends - 1] == _RETURN))
    has_inner_returns = bool(np.count_nonzero(codes == _RETURN) > n_before_ends)
    if has_inner_returns:
        alone = _lone_returns(marks, n_before_ends)
        if alone is None:
            return None
        line_ends = np.sort(np.concatenate([line_ends, alone]))
    columns = _columns(marks, dialect, has_inner_returns=has_inner_returns)
    if columns is None:
        return None
    lines: Sequence[int] = range(lines_before + 1, lines_before + 1 + len(row_ends))
    if len(line_ends) > len(row_ends):
        starts = np.concatenate([[0], row_ends[:-1] + 1])
        lines = (lines_before + 1 + np.searchsorted(line_ends, starts)).tolist()
    has_leading_quotes = not dialect.is_quoted and _has_leading_quotes(codes, ord(dialect.delimiter))
    return Rows(lines, columns, len(line_ends), len(codes), has_leading_quotes)


def _find_marks(block: bytes, dialect: Dialect) -> _Marks | None:
    import numpy as np  # noqa: PLC0415

    codes = np.frombuffer(block, np.uint8)
    is_mark = codes == _NEWLINE
    if dialect.is_quoted:
        is_mark |= codes == _QUOTE
    marks = np.flatnonzero(is_mark)
    is_quote = codes[marks] == _QUOTE
    row_ends = marks[~(is_quote | np.logical_xor.accumulate(is_quote))]
    if not len(row_ends):
        return None
    n_marks = int(marks.searchsorted(row_ends[-1])) + 1
    marks, is_quote = marks[:n_marks], is_quote[:n_marks]
    return _Marks(codes[: row_ends[-1] + 1], marks[is_quote], marks[~is_quote], row_ends)


def _are_sound(marks: _Marks, delimiter: int) -> bool:
    """Say whether all quotes stand around whole fields, or two by two inside of such."""
    codes, opening, closing = marks.codes, marks.quotes[::2], marks.quotes[1::2]
    before, after = codes[opening - 1], codes[closing + 1]  # before the first byte is the last, a row's end
    follows = (before == delimiter) | (before == _NEWLINE) | (before == _QUOTE)
    precedes = (after == delimiter) | (after == _NEWLINE) | (after == _RETURN) | (after == _QUOTE)
    return bool(follows.all() and precedes.all())


def _has_leading_quotes(codes: Bytes, delimiter: int) -> bool:
    before = codes[(codes == _QUOTE).nonzero()[0] - 1]  # before the first byte is the last, a row's end
    return bool(((before == delimiter) | (before == _NEWLINE)).any())


def _lone_returns(marks: _Marks, n_before_ends: int) -> Places | None:
    """Where a CR stands in a field that no LF follows; None if more CR than `n_before_ends` stand in none."""
    codes = marks.codes
    returns = (codes == _RETURN).nonzero()[0]
    n_inner = int((marks.quotes.searchsorted(returns) % 2).sum())
    return returns[codes[returns + 1] != _NEWLINE] if len(returns) == n_before_ends + n_inner else None


def _columns(marks: _Marks, dialect: Dialect, *, has_inner_returns: bool) -> Sequence[Any] | None:
    import numpy as np  # noqa: PLC0415
    import pyarrow  # noqa: PLC0415
    from pyarrow import csv as arrow  # noqa: PLC0415

    codes, _, line_ends, row_ends = marks
    n_at_once = max(_CACHED_BYTES, int(np.diff(row_ends, prepend=-1).max()))
    if has_inner_returns:  # between two takes, Arrow would lose the LF of a CR LF in a field
        n_at_once = len(codes)
    try:
        width = len(next(dialect.reader([bytes(codes[: row_ends[0]]).decode()])))
        table = arrow.read_csv(
            pyarrow.py_buffer(codes),
            arrow.ReadOptions(block_size=n_at_once + 1, autogenerate_column_names=True),
            arrow.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char=dialect.is_quoted and '"',
                newlines_in_values=has_inner_returns or len(line_ends) > len(row_ends),
            ),
            arrow.ConvertOptions(column_types={f"f{number}": pyarrow.string() for number in range(width)}),
        )
    except (UnicodeDecodeError, csv.Error, StopIteration, pyarrow.ArrowInvalid):
        return None
    has_blank = table.num_rows < len(row_ends) or (width == 1 and not all(map(str.strip, table[0].to_pylist())))
    return None if has_blank else table.columns
