"""The names of a corpus's labels and tags, numbered in a stable order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tandem.corpora.schema.records import SPLITS, Record, read_records
from tandem.corpora.schema.tag_schemes import tag_names
from tandem.errors import TandemError
from tandem.tokens.storage.ragged import IGNORED

Kind = Literal["classification", "tagging"]

_NAMES_AT_MOST = 2**15 - 1


@dataclass(frozen=True, kw_only=True)
class Vocabularies:
    """By task: its kind, its names over all splits, and those met in train.

    Labels are sorted; tags are `O`, then `B-` and `I-` of each type in sorted order.
    """

    kinds: Mapping[str, Kind]
    names: Mapping[str, tuple[str, ...]]
    train_names: Mapping[str, tuple[str, ...]]


def collect_vocabularies(splits: Path) -> Vocabularies:
    """Read a split corpus once for the names of its labels and tags.

    Raises `TandemError` if a split is missing, or a task has more names than a 16-bit number can tell apart.
    """
    labels: dict[str, dict[str, set[str]]] = {split: {} for split in SPLITS}
    tags: dict[str, dict[str, set[str]]] = {split: {} for split in SPLITS}
    for split in SPLITS:
        for record in read_records(splits / f"{split}.jsonl"):
            for task, label in record.labels.items():
                labels[split].setdefault(task, set()).add(label)
            for task, column in record.tags.items():
                tags[split].setdefault(task, set()).update(column)
    return _numbered(labels, tags)


def _numbered(labels: Mapping[str, Mapping[str, set[str]]], tags: Mapping[str, Mapping[str, set[str]]]) -> Vocabularies:
    names: dict[str, tuple[str, ...]] = {}
    train_names: dict[str, tuple[str, ...]] = {}
    kinds: dict[str, Kind] = {}
    for task in sorted({task for split in labels.values() for task in split}):
        kinds[task] = "classification"
        names[task] = tuple(sorted(set().union(*(split.get(task, set()) for split in labels.values()))))
        train_names[task] = tuple(sorted(labels["train"].get(task, set())))
    for task in sorted({task for split in tags.values() for task in split}):
        kinds[task] = "tagging"
        names[task] = tag_names(_types(set().union(*(split.get(task, set()) for split in tags.values()))))
        train_names[task] = tag_names(_types(tags["train"].get(task, set())))
    for task, column in names.items():
        if len(column) > _NAMES_AT_MOST:
            raise TandemError(f"task {task} has {len(column)} different names; at most {_NAMES_AT_MOST} are possible")
    return Vocabularies(kinds=kinds, names=names, train_names=train_names)


def _types(tags: set[str]) -> list[str]:
    return sorted({tag[2:] for tag in tags if tag != "O"})


def label_numbers(records: Sequence[Record], task: str, names: Sequence[str]) -> NDArray[np.int16]:
    """The label of each text, `IGNORED` where it has none: (texts)."""
    numbers = {name: number for number, name in enumerate(names)}
    found = (numbers[record.labels[task]] if task in record.labels else IGNORED for record in records)
    return np.fromiter(found, dtype=np.int16, count=len(records))


def tag_numbers(records: Sequence[Record], task: str, names: Sequence[str]) -> NDArray[np.int16]:
    """The tag of each word, `IGNORED` where its text has none: (words)."""
    numbers = {name: number for number, name in enumerate(names)}
    columns = (
        map(numbers.__getitem__, record.tags[task]) if task in record.tags else [IGNORED] * len(record.words or ())
        for record in records
    )
    return np.fromiter(chain.from_iterable(columns), dtype=np.int16)


def continuing_tags(names: Sequence[str]) -> NDArray[np.int16]:
    """The tag that goes on from each tag: I- from B- and I-, O from O: (tags)."""
    return np.array([names.index(f"I-{name[2:]}") if name != "O" else 0 for name in names], dtype=np.int16)
