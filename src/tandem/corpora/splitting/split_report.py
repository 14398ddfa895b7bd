"""What splitting found and did, in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from tandem.corpora.schema.records import Record

Ints = NDArray[np.int64]


class Annotation(NamedTuple):
    """What a text is labelled with: (task, label) pairs, and (task, entity type) pairs.

    A text whose words are all outside has the type `O`.
    """

    labels: tuple[tuple[str, str], ...]
    types: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, record: Record) -> Self:
        """Read a record's labels and the entity types in its tags."""
        types = {
            (task, name) for task, tags in record.tags.items() for name in {tag[2:] for tag in tags} - {""} or {"O"}
        }
        return cls(tuple(sorted(record.labels.items())), tuple(sorted(types)))


@dataclass(frozen=True, kw_only=True)
class SplitReport:
    """Counts of texts; `leakage` is counted on the finished splits, and `balance` is in shares of a split's texts.

    `given` are the splits that the corpus came with; `unseen` are by task and split the labels and entity types that
    train lacks.
    """

    sizes: Mapping[str, int]
    not_sampled: int
    n_units: int
    largest_unit: int
    n_groups: int
    duplicates: int
    conflicting_labels: int
    leakage: Mapping[str, int]
    balance: Mapping[str, Mapping[str, Mapping[str, float]]]
    given: Sequence[str]
    unseen: Mapping[str, Mapping[str, Sequence[str]]]

    @classmethod
    def of(
        cls,
        *,
        parts: Ints,
        names: Sequence[str],
        keys: NDArray[np.uint64],
        units: Ints,
        annotations: Ints,
        annotation_names: Sequence[Annotation],
        n_groups: int,
        given: Sequence[str] = (),
    ) -> Self:
        """Count over (texts) parts (-1: not sampled), keys, units and annotations."""
        unit_sizes = np.bincount(units)
        n_keys = len(np.unique(keys))
        counts = {
            name: np.bincount(annotations[parts == part], minlength=len(annotation_names))
            for part, name in enumerate(names)
        }
        return cls(
            sizes={name: int(np.sum(parts == part)) for part, name in enumerate(names)},
            not_sampled=int(np.sum(parts < 0)),
            n_units=len(unit_sizes),
            largest_unit=int(unit_sizes.max()),
            n_groups=n_groups,
            duplicates=len(keys) - n_keys,
            conflicting_labels=_conflicting(keys, annotations),
            leakage={
                f"{later}_in_{earlier}": int(
                    np.isin(keys[parts == names.index(later)], keys[parts == names.index(earlier)]).sum()
                )
                for number, earlier in enumerate(names)
                for later in names[number + 1 :]
            },
            balance={name: _balance(own, annotation_names) for name, own in counts.items()},
            given=given,
            unseen=_unseen({name: _held(own, annotation_names) for name, own in counts.items()}),
        )

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON takes it."""
        return {
            "sizes": dict(self.sizes),
            "not_sampled": self.not_sampled,
            "units": {"n": self.n_units, "largest": self.largest_unit},
            "groups": self.n_groups,
            "duplicates": self.duplicates,
            "conflicting_labels": self.conflicting_labels,
            "leakage": dict(self.leakage),
            "given": list(self.given),
            "unseen_labels": self.unseen,
            "label_balance": self.balance,
        }

    def summary(self) -> str:
        """One line for the log."""
        sizes = ", ".join(f"{size} {name}" for name, size in self.sizes.items())
        skipped = f", {self.not_sampled} not sampled" if self.not_sampled else ""
        return "; ".join([sizes + skipped, self._told_copies(), *self._told_unseen()])

    def _told_copies(self) -> str:
        if not self.given:
            return f"{self.duplicates} copies kept together, {sum(self.leakage.values())} leaked"
        leaked = ", ".join(f"{count} {pair.replace('_', ' ')}" for pair, count in self.leakage.items() if count)
        return f"{', '.join(self.given)} as given; {self.duplicates} copies, leaked: {leaked or 'none'}"

    def _told_unseen(self) -> list[str]:
        return [
            f"{split} holds labels of {task} that train lacks: {', '.join(labels)}"
            for task, by_split in self.unseen.items()
            for split, labels in by_split.items()
        ]


def _conflicting(keys: NDArray[np.uint64], annotations: Ints) -> int:
    """How many different texts occur with different labels (or entity types)."""
    order = np.lexsort((annotations, keys))
    keys, annotations = keys[order], annotations[order]
    differs = (keys[1:] == keys[:-1]) & (annotations[1:] != annotations[:-1])
    return len(np.unique(keys[1:][differs]))


def _balance(counts: Ints, annotations: Sequence[Annotation]) -> dict[str, dict[str, float]]:
    """By task, the share of its texts that have each label or hold each entity type."""
    having: dict[str, dict[str, int]] = {}
    texts: dict[str, int] = {}
    for annotation, count in zip(annotations, counts.tolist(), strict=True):
        for task, name in (*annotation.labels, *annotation.types):
            names = having.setdefault(task, {})
            names[name] = names.get(name, 0) + count
        for task in {task for task, _ in (*annotation.labels, *annotation.types)}:
            texts[task] = texts.get(task, 0) + count
    return {
        task: {name: count / max(1, texts[task]) for name, count in names.items()} for task, names in having.items()
    }


def _held(counts: Ints, annotations: Sequence[Annotation]) -> set[tuple[str, str]]:
    """The (task, label) and (task, entity type) pairs that occur; none for words outside."""
    held = (annotation for annotation, count in zip(annotations, counts.tolist(), strict=True) if count)
    return {
        pair
        for annotation in held
        for pair in (*annotation.labels, *(pair for pair in annotation.types if pair[1] != "O"))
    }


def _unseen(held: Mapping[str, set[tuple[str, str]]]) -> dict[str, dict[str, list[str]]]:
    """By task and split, what is held there and not in the first split."""
    first, *later = held
    unseen: dict[str, dict[str, list[str]]] = {}
    for name in later:
        for task, label in sorted(held[name] - held[first]):
            unseen.setdefault(task, {}).setdefault(name, []).append(label)
    return unseen
