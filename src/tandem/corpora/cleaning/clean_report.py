"""What cleaning a corpus did, in numbers: the metrics of the stage `clean`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tandem.corpora.cleaning.suspicions import SUSPICIONS
from tandem.corpora.readers.entries import Source
from tandem.corpora.schema.records import Record
from tandem.corpora.schema.tag_schemes import Scheme
from tandem.params import Corpus

LABELS_LISTED = 10
RARE_BELOW = 10
RARE_SHARE = 0.005

_OWN_FACTS = ("sheet", "other_sheets", "engine")
"""Facts of a workbook that stand among the metrics themselves."""


class Renaming:
    """New names of labels or entity types, by the old ones, of which `unmet` have not come by yet."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self.unmet = set(names)

    def __bool__(self) -> bool:
        return bool(self._names)

    def __call__(self, name: str) -> str:
        """Return the new name, or the old one if it keeps that."""
        self.unmet.discard(name)
        return self._names.get(name, name)


@dataclass(kw_only=True)
class CleanReport:
    """Counts that grow while records are read, complete when the last one is.

    `sources` are by split, or a single one under None, and `source` is the one that is being read; `unit` is what is
    kept or dropped; lengths are in characters for texts and in words for sentences; `names_group` says whether the
    params name a group column; `renamings` are by task what their `map` says; `schemes` are those that the tags of
    each task are read in.
    """

    sources: Mapping[str | None, Source]
    source: Source
    unit: Literal["texts", "sentences"]
    names_group: bool
    renamings: Mapping[str, Renaming]
    rows_in: int = 0
    kept: int = 0
    kept_by_split: Counter[str] = field(default_factory=Counter)
    words: int = 0
    groups: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    altered: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)
    suspect: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(SUSPICIONS, 0)))
    labels: dict[str, Counter[str]] = field(default_factory=dict)
    unknown: dict[str, Counter[str]] = field(default_factory=dict)
    schemes: dict[str, Scheme] = field(default_factory=dict)
    lengths: Counter[int] = field(default_factory=Counter)

    @classmethod
    def begun(cls, sources: Mapping[str | None, Source], corpus: Corpus) -> CleanReport:
        """The report of a corpus of which nothing has been read."""
        return cls(
            sources=sources,
            source=next(iter(sources.values())),
            unit="texts" if corpus.words is None else "sentences",
            names_group=corpus.group is not None,
            renamings={task: Renaming(corpus.map.get(task, {})) for task in corpus.kinds()},
            labels={task: Counter() for task in corpus.kinds()},
        )

    def at(self, row: int) -> str:
        """A place in the source that is being read, for messages."""
        return self.source.at(row)

    def keep(self, record: Record) -> None:
        """Count a record that goes on to the next stage."""
        self.kept += 1
        if record.split is not None:
            self.kept_by_split[record.split] += 1
        n_words = len(record.words or ())
        self.lengths[n_words if self.unit == "sentences" else len(record.surface)] += 1
        self.words += n_words
        self.groups += record.group is not None
        for task, label in record.labels.items():
            self.labels[task][label] += 1
        for task, tags in record.tags.items():
            self.labels[task].update(tag[2:] for tag in tags if tag[0] == "B")
        if len(record.labels) + len(record.tags) < len(self.labels):
            self.noted.update(
                f"without_{task}" for task in self.labels if task not in record.labels and task not in record.tags
            )

    def keep_texts(self, records: Sequence[Record]) -> None:
        """Count records of texts without words, many at once."""
        self.kept += len(records)
        self.kept_by_split.update(record.split for record in records if record.split is not None)
        self.lengths.update([len(record.text or "") for record in records])
        self.groups += sum(record.group is not None for record in records)
        for task, counts in self.labels.items():
            counts.update([record.labels[task] for record in records if task in record.labels])
            lacking = sum(task not in record.labels for record in records)
            if lacking:
                self.noted[f"without_{task}"] += lacking

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as metrics."""
        return {
            "rows_in": self.rows_in,
            "kept": self.kept,
            **({"kept_by_split": dict(self.kept_by_split)} if self.kept_by_split else {}),
            **({"words": self.words} if self.words or self.unit == "sentences" else {}),
            "dropped": dict(self.dropped),
            "altered": dict(self.altered),
            "labels": {task: dict(counts) for task, counts in self.labels.items()},
            "rare_labels": {task: list(rare_labels(counts)) for task, counts in self.labels.items()},
            "unknown_labels": {task: dict(_first(counts)) for task, counts in self.unknown.items()},
            **({"unused_map": unused} if (unused := self.unused_map()) else {}),
            "schemes": dict(self.schemes),
            "length": self._length(),
            "group": self._group(),
            "suspect": dict(self.suspect),
            "noted": dict(self._noted()),
            "noted_rows": self._noted_rows(),
            **self._facts(),
        }

    def unused_map(self) -> dict[str, list[str]]:
        """What the params' `map` would rename and nobody has met, by task."""
        return {task: sorted(renaming.unmet) for task, renaming in self.renamings.items() if renaming.unmet}

    def summary(self) -> str:
        """Return one line: rows in, kept, dropped and altered by reason."""
        parts = [f"{self.rows_in:,} {self.source.unit}s, {self.kept:,} {self.unit} kept"]
        parts += [", ".join(f"{count:,} {split}" for split, count in self.kept_by_split.items())]
        if self.words or self.unit == "sentences":
            parts.append(f"{self.words:,} words")
        parts += [f"{task} tags read as {scheme}" for task, scheme in self.schemes.items() if scheme != "iob2"]
        parts += [_listed(verb, counts) for verb, counts in (("dropped", self.dropped), ("altered", self.altered))]
        parts += [f"map of {task} met no {', '.join(map(repr, names))}" for task, names in self.unused_map().items()]
        parts += [_listed("suspect", self.suspect), _listed("noted", self._noted())]
        parts += ["group: absent"] if self._group() == "absent" else []
        if others := self.source.facts.get("other_sheets"):
            parts.append(f"read sheet {self.source.facts['sheet']!r} alone of {1 + int(str(others))}")
        return "; ".join(filter(None, parts))

    def _noted(self) -> Counter[str]:
        noted = Counter(self.noted)
        for source in self.sources.values():
            noted.update(source.notes.counts)
        return noted

    def _group(self) -> object:
        """Whether a group column is named in the params and there (by the source's word, or a record's)."""
        if not self.names_group:
            return "none"
        return self.source.facts.get("group", "named" if self.groups else "absent")

    def _noted_rows(self) -> dict[str, Any]:
        """The first rows of each kind of note; where the corpus comes split, by split."""
        rows = {split: source.notes.first_rows for split, source in self.sources.items()}
        return dict(rows[None]) if None in rows else {str(split): first for split, first in rows.items()}

    def _facts(self) -> dict[str, Any]:
        if None not in self.sources:
            return {"source": {split: dict(source.facts) for split, source in self.sources.items()}}
        facts = dict(self.sources[None].facts)
        facts.pop("group", None)
        own = {key: facts.pop(key) for key in _OWN_FACTS if key in facts}
        return {**own, "source": facts}

    def _length(self) -> dict[str, float | str]:
        unit = "characters" if self.unit == "texts" else "words"
        if not self.kept:
            return {"unit": unit}
        half = self.kept // 2
        median = self._length_at(half)
        return {
            "unit": unit,
            "min": min(self.lengths),
            "median": median if self.kept % 2 else (self._length_at(half - 1) + median) / 2,
            "mean": sum(length * count for length, count in self.lengths.items()) / self.kept,
            "p95": self._length_at(self.kept - self.kept * 5 // 100 - 1),
            "max": max(self.lengths),
        }

    def _length_at(self, place: int) -> int:
        """The length of the record at a place, were they in the order of their lengths."""
        for length in sorted(self.lengths):
            place -= self.lengths[length]
            if place < 0:
                break
        return length


def rare_labels(counts: Mapping[str, int]) -> dict[str, int]:
    """The labels with so few texts or entities that a task will hardly learn them, with their counts, rarest first."""
    few = max(RARE_BELOW, RARE_SHARE * sum(counts.values()))
    return {label: count for count, label in sorted((count, label) for label, count in counts.items()) if count < few}


def _first(counts: Counter[str]) -> list[tuple[str, int]]:
    """The most frequent few, ties in the order of the alphabet."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:LABELS_LISTED]


def _listed(verb: str, counts: Counter[str]) -> str:
    reasons = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count)
    return f"{verb} {reasons}" if reasons else ""
