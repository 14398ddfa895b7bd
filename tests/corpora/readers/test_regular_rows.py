from __future__ import annotations

import csv
import io
from typing import Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tandem.corpora.readers.delimiters import Dialect
from tandem.corpora.readers.regular_rows import Rows, regular_rows


def texts_of(rows: Rows) -> list[list[str]]:
    return [column.to_pylist() for column in rows.columns]


COMMA = Dialect(delimiter=",", is_quoted=True)
TAB = Dialect(delimiter="\t", is_quoted=False)


def test_quotes_and_lines_in_fields() -> None:
    block = 'a,"b, ""c"""\r\n"","d\n\re\r\nf"\n"""",é\r\n"","\r"\nx,y\nrest,"\n'.encode()
    rows = regular_rows(block, COMMA, 10)
    assert rows is not None
    assert texts_of(rows) == [["a", "", '"', "", "x"], ['b, "c"', "d\n\re\r\nf", "é", "\r", "y"]]
    assert rows.lines == [11, 12, 16, 17, 19]
    assert (rows.n_lines, block[rows.n_bytes :]) == (9, b'rest,"\n')


def test_quotes_may_be_plain_characters() -> None:
    rows = regular_rows(b'"a\tb"c\r\n\t"\n', TAB, 0)
    assert rows is not None
    assert (texts_of(rows), list(rows.lines)) == ([['"a', ""], ['b"c', '"']], [1, 2])


@pytest.mark.parametrize(("block", "expected"), [('"a\tb\n', True), ('a\t"b\n', True), ('a\tb\nc"\td "e" f\n', False)])
def test_plain_quotes_where_fields_begin_are_told(block: str, expected: bool) -> None:
    rows = regular_rows(block.encode(), TAB, 0)
    assert rows is not None
    assert rows.has_leading_quotes is expected


def test_a_block_without_a_whole_row_is_left() -> None:
    for block in (b"", b"a,b", b'"a\nb,c\n'):
        assert regular_rows(block, COMMA, 0) is None


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_a_line_end_in_a_field_is_whole_wherever_it_stands(end: str) -> None:
    block = f'"x{end}y",b\n' * 40_000  # several times what Arrow takes at once
    for shift in range(8):
        rows = regular_rows(("a" * shift + ",b\n" + block).encode(), COMMA, 0)
        assert rows is not None
        assert set(texts_of(rows)[0][1:]) == {f"x{end}y"}


@pytest.mark.parametrize(
    "row",
    [
        b"a\n",
        b"a,b,c\n",
        b"\n",
        b"\r\n",
        b"  \n",
        b'a "b" c,d\n',
        b'"a"b,c\n',
        b'"a,"b,"c"\n',
        b'a,"b" \n',
        b'a"b"\n,c\n',
        b"a,b\rc,d\n",
        b"a,b\r\r\n",
        b'"a",b\r"c"\n',
        b"a,\xff\n",
        b"a,\xe9\n",
        b"a,\xed\xa0\x80\n",
    ],
)
def test_what_is_in_doubt_is_refused(row: bytes) -> None:
    for block in (b"a,b\n" + row + b"c,d\n", row + b"c,d\n", b"a,b\n" + row):
        assert regular_rows(block, COMMA, 0) is None


def test_a_column_alone_may_hold_no_blank_text() -> None:
    rows = regular_rows(b'one\n" two "\n', COMMA, 0)
    assert rows is not None
    assert texts_of(rows) == [["one", " two "]]
    assert regular_rows(b'one\n""\ntwo\n', COMMA, 0) is None
    assert regular_rows("one\n\u2003\ntwo\n".encode(), COMMA, 0) is None


def test_no_text_is_taken_for_a_number_a_date_or_nothing() -> None:
    cells = ["1.50", "007", "2020-01-01", "true", "NA", "null", "", "#N/A", "-inf"]
    rows = regular_rows("".join(f'{cell},"{cell}"\n' for cell in cells).encode(), COMMA, 0)
    assert rows is not None
    assert texts_of(rows) == [cells, cells]


def test_long_rows_and_many_rows_are_taken_apart() -> None:
    short, long = ["x", "y\nz"], ["a" * 100_000, "é\n" * 100_000]
    table = [*[short] * 50_000, long, *[short] * 50_000, long]
    text = io.StringIO()
    csv.writer(text).writerows(table)
    rows = regular_rows(text.getvalue().encode(), COMMA, 0)
    assert rows is not None
    assert list(map(list, zip(*texts_of(rows), strict=True))) == table
    assert [rows.lines[0], rows.lines[50_000], rows.lines[50_001]] == [1, 100_001, 200_002]


def test_a_mark_of_the_byte_order_is_a_character() -> None:
    assert regular_rows("\ufeffa,b\n".encode(), COMMA, 0) is None
    rows = regular_rows("a,b\n\ufeffc,\ufeff\n".encode(), COMMA, 0)
    assert rows is not None
    assert texts_of(rows) == [["a", "\ufeffc"], ["b", "\ufeff"]]


def test_a_delimiter_that_is_no_byte_is_refused() -> None:
    assert regular_rows("a§b\n".encode(), Dialect(delimiter="§", is_quoted=True), 0) is None


FIELD = st.text(st.sampled_from('",;\n\r é😀a1 \x01\ufeff'), max_size=5)
TABLES = st.integers(1, 3).flatmap(lambda width: st.lists(st.lists(FIELD, min_size=width, max_size=width), min_size=1))


@settings(max_examples=200, deadline=None)
@given(TABLES, st.sampled_from([(csv.QUOTE_ALL, "\n"), (csv.QUOTE_ALL, "\r\n"), (csv.QUOTE_MINIMAL, "\r\n")]))
def test_what_is_written_is_taken_apart(table: list[list[str]], style: tuple[Literal[0, 1], str]) -> None:
    quoting, end = style
    text = io.StringIO()
    csv.writer(text, quoting=quoting, lineterminator=end).writerows(table)
    rows = regular_rows(text.getvalue().encode(), COMMA, 0)
    if text.getvalue().startswith("\ufeff"):
        assert rows is None
        return
    if len(table[0]) == 1 and not all(cell.strip() for [cell] in table):
        assert rows is None
        return
    assert rows is not None
    assert list(map(list, zip(*texts_of(rows), strict=True))) == table
    assert rows.n_lines == len(text.getvalue().encode().splitlines())
    assert rows.n_bytes == len(text.getvalue().encode())


PIECES = st.sampled_from(
    ['"', '"', '""', ",", ",", "\n", "\n", "\r\n", "\r", "a", "b c", "é", " ", '","', '"\n"', "a,b\n"]
)


@settings(max_examples=1000, deadline=None)
@example('a,b\n"c,"d"\n')
@given(st.lists(PIECES, max_size=25).map("".join))
def test_nothing_is_taken_that_the_careful_reader_reads_otherwise(content: str) -> None:
    block = content.encode()
    for dialect in (COMMA, Dialect(delimiter=",", is_quoted=False)):
        rows = regular_rows(block, dialect, 0)
        if rows is None:
            continue
        lines = block[: rows.n_bytes].splitlines(keepends=True)
        reader = dialect.reader(map(bytes.decode, lines))
        starts, records = [], []
        while (start := reader.line_num + 1) and (record := next(reader, None)) is not None:
            starts.append(start)
            records.append(record)
        assert list(map(list, zip(*texts_of(rows), strict=True))) == records
        assert (list(rows.lines), rows.n_lines) == (starts, len(lines))
