"""Entities written as brackets on a sentence's words, as in CorefUD and the GUM corpus, read as IOB2 tags.

`(person-1` opens an entity on its first word, `person-1)` or `1)` closes it on its last, `(org)` is one word. Values
stand together without space: `(event-2(person-3)`. Tags cannot say that entities lie in each other: the outermost
one stays. Each part of one with gaps (`(e1[1/2]-person`) is an entity of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tandem.corpora.readers.entries import Notes
from tandem.corpora.schema.span_tags import Span
from tandem.errors import TandemError

_BRACKETS = re.compile(r"(\()?([^()]+)(\))?|(\))")
_PART = re.compile(r"\[\d+/\d+\]")
_LEADING_ID = re.compile(r"e?\d+-(.+)")
_TRAILING_ID = re.compile(r"(.+)-\d+")


class BracketedEntities:
    """Takes in the brackets of one sentence, word by word, and gives its tags.

    `fields` are the parts of an opening bracket where the file declares them (`# global.Entity = eid-etype-head`).
    Messages begin with `place` and the line.
    """

    def __init__(self, place: str, fields: Sequence[str], notes: Notes) -> None:
        self._place = place
        self._fields = fields
        self._notes = notes
        self._open: list[tuple[int, int, str, frozenset[str]]] = []
        self._closed: list[tuple[Span, int]] = []

    def read(self, row: int, value: str, first: int, last: int) -> None:
        """Take in the brackets of a word; `last` is `first + 1`, or `first` for an empty node before word `first`.

        Raises `TandemError` for what is no bracket, and for one that closes nothing.
        """
        found = list(_BRACKETS.finditer(value))
        if sum(len(match[0]) for match in found) != len(value):
            raise self._refusal(row, value, "brackets such as `(person-1`, `person-1)` or `(person)`")
        for match in found:
            opens, name, closes, closes_alone = match.groups()
            if not (opens or closes or closes_alone):
                raise self._refusal(row, value, "brackets such as `(person-1`, `person-1)` or `(person)`")
            if opens:
                kind, names = self._names(name)
                self._open.append((row, first, kind, names))
            if closes or closes_alone:
                self._close(row, value, None if opens or closes_alone else name, last)

    def tags(self, n_words: int) -> list[str]:
        """Return the sentence's tags; raises `TandemError` if an entity is still open."""
        if self._open:
            row, _, kind, _ = self._open[0]
            raise self._refusal(row, f"({kind}", "a closing bracket further on in the same sentence")
        tags = ["O"] * n_words
        end = 0
        for span, row in sorted(self._closed, key=lambda item: (item[0].start, -item[0].end)):
            if span.start == span.end or not span.kind:
                self._notes.add("entities_of_empty_nodes" if span.kind else "entities_without_type", row)
            elif span.start < end:
                self._notes.add("nested_entities" if span.end <= end else "crossing_entities", row)
            else:
                end = span.end
                tags[span.start : end] = [f"B-{span.kind}", *[f"I-{span.kind}"] * (end - span.start - 1)]
        return tags

    def _close(self, row: int, value: str, name: str | None, last: int) -> None:
        for position in range(len(self._open) - 1, -1, -1):
            opened_in, first, kind, names = self._open[position]
            if name is None or name in names:
                del self._open[position]
                self._closed.append((Span(first, max(first, last), kind), opened_in))
                return
        raise self._refusal(row, value, "an opening bracket of that name before it in the same sentence")

    def _names(self, name: str) -> tuple[str, frozenset[str]]:
        """Return an entity's type, and by what names it may be closed."""
        plain = _PART.sub("", name)
        parts = plain.split("-")
        if self._fields:
            by_field = dict(zip(self._fields, parts, strict=False))
            kind = by_field.get("etype", "")
        elif leading := _LEADING_ID.fullmatch(plain):
            kind = leading[1].split("-")[0]
        else:
            trailing = _TRAILING_ID.fullmatch(plain)
            kind = trailing[1] if trailing else plain
        identity, *_ = name.split("-")
        return kind, frozenset({name, kind, identity, f"{kind}-{identity}"} - {""})

    def _refusal(self, row: int, value: str, expected: str) -> TandemError:
        return TandemError(
            f"{self._place}, line {row}: entity {value!r}; expected {expected}. Correct the line, or name another key "
            "of MISC under corpora.*.tags"
        )
