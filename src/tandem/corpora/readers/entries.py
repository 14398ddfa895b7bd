"""What every reader yields: the texts of a file as they stand there, nothing cleaned, nothing checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Literal, NamedTuple

from tandem.corpora.schema.span_tags import Span

ROWS_LISTED = 10


@dataclass(slots=True, kw_only=True)  # not frozen: that would treble the time to make one
class Entry:
    """One text: running (`text`) or as `words`; a task's key is missing where the file says nothing of it.

    `row` is where it begins, in the source's unit; `rows` is where each word stands (empty: all in `row`).
    `tags[task]` holds a raw tag for each word, `spans[task]` what is marked in the running text, maybe nothing.
    """

    row: int
    text: str | None = None
    words: Sequence[str] | None = None
    rows: Sequence[int] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, Sequence[str]] = field(default_factory=dict)
    spans: Mapping[str, Sequence[Span]] = field(default_factory=dict)
    group: str | None = None
    split: str | None = None


class TextColumns(NamedTuple):
    """Neighbouring running texts as columns, which spares an object a text; an empty label or group is none."""

    rows: Sequence[int]
    texts: Sequence[str]
    labels: Mapping[str, Sequence[str]]
    groups: Sequence[str] | None

    def entries(self) -> Iterator[Entry]:
        """Yield them one by one."""
        tasks, groups = tuple(self.labels), self.groups or repeat("")
        cells = zip(*self.labels.values(), strict=True) if tasks else repeat(())
        for row, text, found, group in zip(self.rows, self.texts, cells, groups, strict=False):
            labels = {task: cell for task, cell in zip(tasks, found, strict=True) if cell}
            yield Entry(row=row, text=text, labels=labels, group=group or None)


def one_by_one(pieces: Iterable[TextColumns | Entry]) -> Iterator[Entry]:
    """Take columns apart."""
    for piece in pieces:
        if isinstance(piece, TextColumns):
            yield from piece.entries()
        else:
            yield piece


@dataclass(kw_only=True)
class Notes:
    """What a reader met that changes no text but is worth knowing: counts, and the first rows of each kind."""

    counts: Counter[str] = field(default_factory=Counter)
    first_rows: dict[str, list[int]] = field(default_factory=dict)

    def add(self, kind: str, row: int) -> None:
        """Count one."""
        self.counts[kind] += 1
        rows = self.first_rows.setdefault(kind, [])
        if len(rows) < ROWS_LISTED:
            rows.append(row)


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file that is open, its head read, and whose entries are still to come, once.

    `place` names it in messages (a path, a sheet, a member of an archive); `facts` are what was found out about it
    (`format`, `encoding`, ...), as JSON values; `notes` are complete when the entries are. A reader of columns gives
    the same entries as `pieces`, too: either is taken, not both.
    """

    place: str
    unit: Literal["row", "line", "record"]
    facts: Mapping[str, object]
    entries: Iterator[Entry]
    notes: Notes = field(default_factory=Notes)
    pieces: Iterator[TextColumns | Entry] | None = None

    def at(self, row: int) -> str:
        """A place in the file, for messages."""
        return f"{self.place}, {self.unit} {row}"
