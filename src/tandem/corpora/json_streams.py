"""Records out of a JSON text: one a line, in an array, in an array inside an object, or one after another.

Each record is cut out by its brackets and parsed on its own, so memory does not grow with the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TextIO

from tandem.corpora.entries import Notes
from tandem.corpora.json_layouts import Layout, after_space
from tandem.corpora.json_parsing import RawRecord, parse_record, where
from tandem.corpora.text_files import TextFile
from tandem.errors import TandemError

CHUNK_CHARACTERS = 1 << 20
MOST_CHARACTERS = 1 << 24
"""So long a record may be; what is longer is taken for one that never ends."""

_TEXTS = re.compile(r'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)


def read_lines(file: TextFile, notes: Notes) -> Iterator[RawRecord]:
    """Yield the record of each line; empty lines are noted. Raises `TandemError` with the line if it is not JSON."""
    place = file.place
    for number, line in enumerate(file.lines(), start=1):
        if line and not line.isspace():
            yield parse_record(place, number, None, 1, line, notes)
        else:
            notes.add("blank_lines", number)


def read_values(file: TextFile, layout: Layout, notes: Notes) -> Iterator[RawRecord]:
    """Yield the records of any other layout.

    Raises `TandemError`, with record and line, for what is not JSON, a file that ends too early, and an object with
    several arrays of objects.
    """
    with file.stream() as stream:
        window = _Window(place=file.place, stream=stream, notes=notes)
        mark = window.next_mark()
        if layout.kind == "objects":
            yield from _read_objects(window, mark)
        elif layout.kind == "array":
            yield from _read_array(window)
            if window.next_mark():
                raise window.expected("nothing after the array's ']'")
        else:
            before = window.text[window.position : layout.array]
            parse_record(window.place, 1, window.line, window.column, f"{before}null}}", notes)
            window.advance(layout.array)
            yield from _read_array(window)
            _check_wrapping(before, window)


def _read_objects(window: _Window, mark: str) -> Iterator[RawRecord]:
    while mark:
        yield window.cut_record()
        mark = window.next_mark()


def _read_array(window: _Window) -> Iterator[RawRecord]:
    window.advance(window.position + 1)
    mark = window.next_mark()
    while mark != "]":
        yield window.cut_record()
        mark = window.next_mark()
        if mark not in ("]", ","):
            raise window.expected("',' or the array's ']'")
        if mark == ",":
            window.advance(window.position + 1)
            window.next_mark()
    window.advance(window.position + 1)


def _check_wrapping(before: str, window: _Window) -> None:
    """Refuse what stands around the array if it is not JSON, or holds another one that is left unread."""
    after = window.text[window.position :] + window.stream.read(MOST_CHARACTERS)
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


def _after_texts(text: str, position: int) -> int:
    """The position of the next bracket that stands in no text, of a text that does not end, or the end."""
    texts = _TEXTS.match(text, position)
    assert texts is not None, "it matches nothing, too"
    return texts.end()


@dataclass(kw_only=True)
class _Window:
    """The part of a text that is being read: it grows at its end and is forgotten at its beginning."""

    place: str
    stream: TextIO = field(repr=False)
    notes: Notes
    text: str = ""
    position: int = 0
    row: int = 0
    line: int = 1
    column: int = 1

    def next_mark(self) -> str:
        """Step over white space; return the character that follows, nothing at the end."""
        while True:
            self.advance(after_space(self.text, self.position))
            if self.position < len(self.text):
                return self.text[self.position]
            if not self._grow():
                return ""

    def advance(self, position: int) -> None:
        """Step to a position, counting lines and columns."""
        n_lines = self.text.count("\n", self.position, position)
        self.line += n_lines
        if n_lines:
            self.column = position - self.text.rfind("\n", self.position, position)
        else:
            self.column += position - self.position
        self.position = position

    def cut_record(self) -> RawRecord:
        """Step over the object or array that begins here and return it parsed."""
        if self.text[self.position : self.position + 1] not in ("{", "["):
            raise self.expected("an object in braces")
        self.row += 1
        end = self._end_of_record()
        record = self.text[self.position : end]
        if len(record) > MOST_CHARACTERS:
            raise TandemError(
                f"{where(self.place, self.row, self.line)}: does not end within {MOST_CHARACTERS:,} characters; "
                "is a quote or a bracket not closed?"
            )
        parsed = parse_record(self.place, self.row, self.line, self.column, record, self.notes)
        assert end is not None, "what is not closed does not parse"
        self.advance(end)
        return parsed

    def expected(self, what: str) -> TandemError:
        """The error for what stands here instead."""
        if not self.next_mark():
            return TandemError(
                f"{self.place}: the file ends after record {self.row}, at line {self.line}; expected {what}. Is it "
                "cut off? Copy or write it again"
            )
        found = self.text[self.position : self.position + 20]
        return TandemError(
            f"{where(self.place, self.row + 1, self.line)}, column {self.column}: expected {what}, found {found!r}. "
            "Correct the file; records must be objects: one a line, or all in one array"
        )

    def _end_of_record(self) -> int | None:
        depth = 0
        reached = self.position
        while True:
            reached = _after_texts(self.text, reached)
            while (mark := self.text[reached : reached + 1]) and mark != '"':
                depth += (mark in "[{") - (mark in "]}")
                if depth == 0:
                    return reached + 1
                reached = _after_texts(self.text, reached + 1)
            reached -= self.position
            if len(self.text) - self.position > MOST_CHARACTERS or not self._grow():
                return None

    def _grow(self) -> bool:
        rest = self.text[self.position :]
        more = self.stream.read(max(CHUNK_CHARACTERS, len(rest)))
        self.text, self.position = rest + more, 0
        return bool(more)
