"""Sources made by hand, and their cleaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tandem.corpora.cleaning.clean_report import CleanReport
from tandem.corpora.cleaning.cleaning import clean_sources
from tandem.corpora.readers.entries import Entry, Source
from tandem.corpora.schema.records import Record
from tandem.params import Corpus, Task
from tests.corpora.conftest import RULES, TASKS


def source_of(entries: Sequence[Entry], place: str = "file.jsonl", **facts: Any) -> Source:
    """An open source of some entries."""
    return Source(place=place, unit="record", facts={"format": "jsonl", **facts}, entries=iter(entries))


def clean_entries(
    entries: Sequence[Entry] | Mapping[str, Sequence[Entry]],
    tasks: Mapping[str, Task] = TASKS,
    rules: Mapping[str, Any] | None = None,
    **corpus: Any,
) -> tuple[list[Record], CleanReport]:
    """Clean entries, or entries by split, of the corpus that the keys describe (texts if they name no words)."""
    fields: dict[str, Any] = {"path": "file.jsonl", "format": "auto", "words": None, "sentence": None, "group": None}
    fields |= {"text": None if "words" in corpus else "text", "labels": {}, "tags": {}, **corpus}
    sources: dict[str | None, Source] = (
        {split: source_of(own, f"{split}.jsonl") for split, own in entries.items()}
        if isinstance(entries, Mapping)
        else {None: source_of(entries)}
    )
    records, report = clean_sources(sources, Corpus(**fields), tasks, replace(RULES, **(rules or {})))
    return list(records), report
