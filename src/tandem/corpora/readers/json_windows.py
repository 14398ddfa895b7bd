"""Stepping through a JSON text too long to be held, record by record or, much faster, many records at a time.

One record is cut out by its brackets. Many are cut off where what parted the two before comes again, and parsed
together: what parses as an array is a whole number of records, for none is the beginning of another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import orjson

from tandem.corpora.readers.entries import Notes
from tandem.corpora.readers.json_parsing import Batch, RawRecord, parse_record, where
from tandem.corpora.readers.text_files import TextFile
from tandem.errors import TandemError

BYTES_A_CHARACTER = 4

_SPACE = re.compile(rb"[ \t\r\n]*+")
_TEXTS = re.compile(rb'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_PARTED = re.compile(
    rb'(?P<between>\}[ \t\r\n]*+(?P<comma>,?)[ \t\r\n]*+)\{[ \t\r\n]*+"(?:[^"\\]++|\\.)*+"[ \t\r\n]*+:', re.DOTALL
)
"""From a record's last brace to the first value of the next."""


@dataclass(kw_only=True)
class Window:
    """The part of a text that is being read, in UTF-8: it grows at its end and is forgotten at its beginning.

    A record of more than `most_characters` is taken for one that never ends.
    """

    file: TextFile
    chunks: Iterator[bytes] = field(repr=False)
    notes: Notes
    most_characters: int
    text: bytes = b""
    position: int = 0
    row: int = 0
    line: int = 1
    column: int = 1
    may_be_alike: bool = True

    @property
    def place(self) -> str:
        """The file, for messages."""
        return self.file.place

    def next_mark(self) -> bytes:
        """Step over white space; return the character that follows, nothing at the end."""
        while True:
            self.advance(_end_of(_SPACE, self.text, self.position))
            if self.position < len(self.text):
                return self.text[self.position : self.position + 1]
            if not self.grow():
                return b""

    def advance(self, position: int) -> None:
        """Step to a position, counting lines and columns."""
        n_lines = self.text.count(b"\n", self.position, position)
        self.line += n_lines
        if n_lines:
            self.column = 1
            self.position = self.text.rfind(b"\n", self.position, position) + 1
        self.column += len(self.text[self.position : position].decode(errors="replace"))
        self.position = position

    def cut_record(self) -> RawRecord:
        """Step over the object or array that begins here and return it parsed."""
        if self.text[self.position : self.position + 1] not in (b"{", b"["):
            raise self.expected("an object in braces")
        self.row += 1
        end = self._end_of_record()
        record = self.file.decoded(self.text[self.position : end])
        if len(record) > self.most_characters:
            raise TandemError(
                f"{where(self.place, self.row, self.line)}: does not end within {self.most_characters:,} characters; "
                "is a quote or a bracket not closed?"
            )
        parsed = parse_record(self.place, self.row, self.line, self.column, record, self.notes)
        assert end is not None, "what is not closed does not parse"
        self.advance(end)
        return parsed

    def cut_alike(self) -> Batch | None:
        """Step over all records at hand, up to the last that is parted from the next as this one from the one before.

        Parted alike means by the same white space, with the same key next. None if there are none, or if one of them
        needs more care.
        """
        brace = self.text.rfind(b"}", 0, self.position)
        parted = _PARTED.match(self.text, brace) if self.may_be_alike and brace >= 0 else None
        if parted is None or parted.end("between") != self.position:
            return None
        end = self.text.rfind(parted[0], self.position)
        piece = self.text[self.position : end + 1]
        values = _parsed_together(piece, parted) if end >= 0 else None
        self.may_be_alike = values is not None
        if values is None:
            return None
        rows = range(self.row + 1, self.row + 1 + len(values))
        batch = Batch(self.place, rows, partial(_lines, piece, parted, self.line), values)
        self.row += len(values)
        self.advance(end + len(parted["between"]))
        return batch

    def expected(self, what: str) -> TandemError:
        """The error for what stands here instead."""
        if not self.next_mark():
            return TandemError(
                f"{self.place}: the file ends after record {self.row}, at line {self.line}; expected {what}. Is it "
                "cut off? Copy or write it again"
            )
        self.file.check()
        found = self.text[self.position :].decode(errors="ignore")[:20]
        return TandemError(
            f"{where(self.place, self.row + 1, self.line)}, column {self.column}: expected {what}, found {found!r}. "
            "Correct the file; records must be objects: one a line, or all in one array"
        )

    def grow(self, n_bytes: int = 1) -> bool:
        """Read so many bytes more, at least as many as are at hand, and forget what was stepped over."""
        parts = [self.text[self.position :]]
        wanted = max(n_bytes, len(parts[0]))
        for chunk in self.chunks:
            parts.append(chunk)
            wanted -= len(chunk)
            if wanted <= 0:
                break
        self.text, self.position, self.may_be_alike = b"".join(parts), 0, True
        return len(parts) > 1

    def _end_of_record(self) -> int | None:
        depth = 0
        reached = self.position
        while True:
            reached = _end_of(_TEXTS, self.text, reached)
            while (mark := self.text[reached : reached + 1]) and mark != b'"':
                depth += (mark in b"[{") - (mark in b"]}")
                if depth == 0:
                    return reached + 1
                reached = _end_of(_TEXTS, self.text, reached + 1)
            reached -= self.position
            is_endless = len(self.text) - self.position > BYTES_A_CHARACTER * self.most_characters
            if is_endless or not self.grow():
                return None


def _end_of(pattern: re.Pattern[bytes], text: bytes, position: int) -> int:
    found = pattern.match(text, position)
    assert found is not None, "it matches nothing, too"
    return found.end()


def _parsed_together(piece: bytes, parted: re.Match[bytes]) -> list[object] | None:
    """Parse records one after another; None if that fails, or if `_lines` could not tell where each begins."""
    separator = parted[0]
    array = piece if parted["comma"] else piece.replace(separator, b"}," + separator[1:])
    try:
        values: list[object] = orjson.loads(b"[%b]" % array)
    except orjson.JSONDecodeError:
        return None
    return values if len(values) == piece.count(separator) + 1 else None


def _lines(piece: bytes, parted: re.Match[bytes], line: int) -> Iterator[int]:
    """The line on which each record of a piece begins, whose first begins on `line`."""
    start = end = 0
    while end >= 0:
        yield line
        end = piece.find(parted[0], start)
        following = end + len(parted["between"])
        line += piece.count(b"\n", start, following)
        start = following
