"""Records out of a JSON text: one a line, in an array, in an array inside an object, or one after another.

Each is parsed on its own, so memory does not grow with the file; they come in batches for speed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import repeat

import orjson

from tandem.corpora.readers.entries import Notes
from tandem.corpora.readers.json_layouts import Layout
from tandem.corpora.readers.json_parsing import Batch, RawRecord, parse_record
from tandem.corpora.readers.json_windows import Window
from tandem.corpora.readers.text_files import TextFile
from tandem.errors import TandemError

MARK = b"7205759403792793"
MARKED = b",%b," % MARK
"""What stands between two lines that are parsed as one array; see `parse_together`."""

MOST_CHARACTERS = 1 << 24
"""So long a record may be; what is longer is taken for one that never ends."""


def read_lines(file: TextFile, notes: Notes) -> Iterator[RawRecord]:
    """Yield the record of each line; empty lines are noted. Raises `TandemError` with the line if it is not JSON."""
    return (record for batch in batches_of_lines(file, notes) for record in batch.records())


def read_values(file: TextFile, layout: Layout, notes: Notes) -> Iterator[RawRecord]:
    """Yield the records of any other layout; raises `TandemError` as `batches_of_values` does."""
    return (record for batch in batches_of_values(file, layout, notes) for record in batch.records())


def batches_of_lines(file: TextFile, notes: Notes) -> Iterator[Batch]:
    """Yield the records of many lines at once, to the same effect as `read_lines`."""
    first = 1
    for lines in file.line_blocks():
        yield from batches_of_block(file, first, lines, notes)
        first += len(lines)


def batches_of_block(file: TextFile, first: int, lines: list[bytes], notes: Notes) -> Iterator[Batch]:
    """Yield the records of the lines that begin with line `first`, if possible at once."""
    values = parse_together(lines)
    if values is None:
        yield from _each_line(file, first, lines, notes)
    else:
        yield Batch(file.place, range(first, first + len(lines)), partial(repeat, None), values)


def parse_together(lines: list[bytes]) -> list[object] | None:
    """Parse lines as one array, twice as fast as one by one; None if one of them is not exactly one value.

    That is seen from a mark between them, a number which none of them holds: outermost in the array is a mark after
    each value only if no value goes on over a line's end, and no line holds two.
    """
    array = b"[%b]" % MARKED.join(lines)
    if array.count(MARK) >= len(lines):
        return None
    try:
        values: list[object] = orjson.loads(array)
    except orjson.JSONDecodeError:
        return None
    marks = values[1::2]
    is_alternating = len(values) == 2 * len(lines) - 1 and {int}.issuperset(map(type, marks))
    return values[::2] if is_alternating and marks.count(int(MARK)) == len(marks) else None


def _each_line(file: TextFile, first: int, lines: list[bytes], notes: Notes) -> Iterator[Batch]:
    for number, line in enumerate(lines, start=first):
        text = file.decoded(line.rstrip(b"\r\n"))
        if text and not text.isspace():
            yield Batch.of(parse_record(file.place, number, None, 1, text, notes))
        else:
            notes.add("blank_lines", number)


def batches_of_values(file: TextFile, layout: Layout, notes: Notes) -> Iterator[Batch]:
    """Yield the records of any layout but lines.

    Raises `TandemError`, with record and line, for what is not JSON, a file that ends too early, and an object with
    several arrays of objects.
    """
    window = Window(file=file, chunks=file.utf8_chunks(), notes=notes, most_characters=MOST_CHARACTERS)
    window.grow(layout.array + 1)
    mark = window.next_mark()
    if layout.kind == "objects":
        yield from _read_objects(window, mark)
    elif layout.kind == "array":
        yield from _read_array(window)
        if window.next_mark():
            raise window.expected("nothing after the array's ']'")
    else:
        before = file.decoded(window.text[window.position : layout.array])
        parse_record(window.place, 1, window.line, window.column, f"{before}null}}", notes)
        window.advance(layout.array)
        yield from _read_array(window)
        _check_wrapping(before, window)


def _read_objects(window: Window, mark: bytes) -> Iterator[Batch]:
    while mark:
        yield Batch.of(window.cut_record())
        mark = window.next_mark()
        if batch := window.cut_alike():
            yield batch


def _read_array(window: Window) -> Iterator[Batch]:
    window.advance(window.position + 1)
    mark = window.next_mark()
    while mark != b"]":
        yield Batch.of(window.cut_record())
        mark = window.next_mark()
        if mark not in (b"]", b","):
            raise window.expected("',' or the array's ']'")
        if mark == b",":
            window.advance(window.position + 1)
            window.next_mark()
            if batch := window.cut_alike():
                yield batch
    window.advance(window.position + 1)


def _check_wrapping(before: str, window: Window) -> None:
    """Refuse what stands around the array if it is not JSON, or holds another one that is left unread."""
    window.grow(MOST_CHARACTERS)
    after = window.file.decoded(window.text)
    before = before.replace("\n", " ") + "null"  # known to be sound, so that a flaw's line counts from the array's end
    column = window.column - len(before)
    wrapping = parse_record(window.place, window.row, window.line, column, before + after, window.notes).value
    assert isinstance(wrapping, dict), "it begins with a brace"
    others = [key for key, value in wrapping.items() if isinstance(value, list) and any(type(v) is dict for v in value)]
    if others:
        raise TandemError(
            f"{window.place}: holds more than one array of objects, also {', '.join(map(repr, others[:5]))}; expected "
            "one. Write each array into a file of its own"
        )
