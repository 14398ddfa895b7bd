"""What cleaning a corpus did, in numbers: the metrics of the stage `clean`."""

from __future__ import annotations

import statistics
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

from tandem.corpora.records import Record
from tandem.corpora.xlsx import Sheet

LABELS_LISTED = 10

GroupColumn = Literal["named", "absent", "none"]


@dataclass(kw_only=True)
class CleanReport:
    """Counts that grow while records are read, complete when the last one is.

    `unit` is what is kept or dropped; lengths are in characters for texts and in words for sentences; `group` says
    whether the params name a group column and the file has it.
    """

    sheet: Sheet
    unit: Literal["texts", "sentences"]
    group: GroupColumn
    rows_in: int = 0
    kept: int = 0
    words: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    altered: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)
    labels: dict[str, Counter[str]] = field(default_factory=dict)
    unknown: dict[str, Counter[str]] = field(default_factory=dict)
    lengths: array[int] = field(default_factory=lambda: array("q"))

    def keep(self, record: Record) -> None:
        """Count a record that goes on to the next stage."""
        self.kept += 1
        self.lengths.append(len(record.surface) if record.words is None else len(record.words))
        self.words += len(record.words or ())
        for task, label in record.labels.items():
            self.labels[task][label] += 1
        for task, tags in record.tags.items():
            self.labels[task].update(tag[2:] for tag in tags if tag[0] == "B")

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as metrics."""
        counted = {"words": self.words} if self.unit == "sentences" else {}
        return {
            "rows_in": self.rows_in,
            "kept": self.kept,
            **counted,
            "dropped": dict(self.dropped),
            "altered": dict(self.altered),
            "labels": {task: dict(counts) for task, counts in self.labels.items()},
            "unknown_labels": {task: dict(_first(counts)) for task, counts in self.unknown.items()},
            "length": self._length(),
            "group": self.group,
            "noted": {**self.noted, **self.sheet.notes.counts},
            "noted_rows": self.sheet.notes.first_rows,
            "sheet": self.sheet.name,
            "other_sheets": len(self.sheet.other_names),
            "engine": self.sheet.engine,
        }

    def summary(self) -> str:
        """Return one line: rows in, kept, dropped and altered by reason."""
        parts = [f"{self.rows_in:,} rows, {self.kept:,} {self.unit} kept"]
        if self.unit == "sentences":
            parts.append(f"{self.words:,} words")
        parts += [_listed(verb, counts) for verb, counts in (("dropped", self.dropped), ("altered", self.altered))]
        parts += [_listed("noted", self.noted + self.sheet.notes.counts)]
        parts += ["group: absent"] if self.group == "absent" else []
        if self.sheet.other_names:
            parts.append(f"read sheet {self.sheet.name!r} alone of {1 + len(self.sheet.other_names)}")
        return "; ".join(filter(None, parts))

    def _length(self) -> dict[str, float | str]:
        ordered = sorted(self.lengths)
        unit = "characters" if self.unit == "texts" else "words"
        if not ordered:
            return {"unit": unit}
        return {
            "unit": unit,
            "min": ordered[0],
            "median": statistics.median(ordered),
            "mean": statistics.fmean(ordered),
            "p95": ordered[-(len(ordered) * 5 // 100) - 1],
            "max": ordered[-1],
        }


def _first(counts: Counter[str]) -> list[tuple[str, int]]:
    """The most frequent few, ties in the order of the alphabet."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:LABELS_LISTED]


def _listed(verb: str, counts: Counter[str]) -> str:
    reasons = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count)
    return f"{verb} {reasons}" if reasons else ""
