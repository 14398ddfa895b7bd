"""The one schema of a text on disk: what every reader yields and every later stage takes.

A record holds a running `text`, a list of `words`, or a text with its words and where they begin in it; labels and
tags by task, any of which may lack.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from tandem.artifacts import Format, read_jsonl, write_jsonl
from tandem.errors import TandemError

SPLITS = ("train", "valid", "test")
FORMAT = Format(version=2, remedy="run `dvc repro`, whose stages clean and split write it anew")


@dataclass(slots=True, kw_only=True)  # not frozen: that would treble the time to make one
class Record:
    """One text with what is known of it.

    `row` is where it begins in its file (1 is the first line or spreadsheet row); `tags[task]` holds one
    IOB2 tag a word; with both text and words, `starts` says at which character of the text each word begins.
    Records that share a `group` stay in one split; `split` is the one that the corpus came with.
    """

    row: int
    text: str | None = None
    words: tuple[str, ...] | None = None
    starts: tuple[int, ...] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    group: str | None = None
    split: str | None = None

    @property
    def surface(self) -> str:
        """The text as one string: words are joined by a space."""
        return self.text if self.text is not None else " ".join(self.words or ())


def write_records(path: Path, records: Iterable[Record]) -> int:
    """Write records as JSON Lines, as they arrive; return how many."""
    return write_jsonl(path, map(_as_row, records), FORMAT)


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of a file that `write_records` wrote.

    Raises `TandemError` if it has another format, and at a row with other fields.
    """
    for number, row in enumerate(read_jsonl(path, FORMAT), start=1):
        if not {"row"} <= row.keys() <= _FIELDS:
            raise TandemError(
                f"{path}, line {number} is no record (its fields are {_listed(row)}; expected row, and of these what "
                f"is known: {_listed(_FIELDS - {'row'})}): {FORMAT.remedy}"
            )
        yield _from_row(row)


def _as_row(record: Record) -> dict[str, Any]:
    row: dict[str, Any] = {"row": record.row}
    if record.text is not None:
        row["text"] = record.text
    if record.words is not None:
        row["words"] = record.words
    if record.starts is not None:
        row["starts"] = record.starts
    if record.labels:
        row["labels"] = record.labels
    if record.tags:
        row["tags"] = record.tags
    if record.group is not None:
        row["group"] = record.group
    if record.split is not None:
        row["split"] = record.split
    return row


_FIELDS = {item.name for item in fields(Record)}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _from_row(row: dict[str, Any]) -> Record:
    for key in row.keys() & {"words", "starts"}:
        row[key] = tuple(row[key])
    tags = {task: tuple(column) for task, column in row.pop("tags", {}).items()}
    return Record(tags=tags, **row)
