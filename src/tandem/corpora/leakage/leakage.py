"""Held-out texts that stand in a training split, exactly or nearly, of their own corpus or of another.

Tasks share the encoder, so a test text of one corpus that another corpus trains on was seen, whatever its task.
Splitting keeps the copies of a text together within a corpus alone; this looks at all corpora side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tandem.corpora.leakage.near_duplicates import MOST_TEXTS, Sketches, sketch_of
from tandem.corpora.schema.records import SPLITS, Record, read_records
from tandem.corpora.schema.span_tags import cut_words
from tandem.corpora.splitting.splitting import spaceless_key

if TYPE_CHECKING:
    from datasketch import MinHash


class Leaks(NamedTuple):
    """How many of some held-out texts stand in a training split, and how many more nearly do."""

    exact: int
    near: int


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """A split that is not trained on: its texts, and those in the training split of each corpus, and in any."""

    texts: int
    by_corpus: Mapping[str, Leaks]
    anywhere: Leaks

    def as_dict(self) -> dict[str, Any]:
        """The counts as JSON takes them."""
        by_corpus = {name: leaks._asdict() for name, leaks in self.by_corpus.items()}
        return {"texts": self.texts, "in_train": by_corpus, "anywhere": self.anywhere._asdict()}


@dataclass(frozen=True, kw_only=True)
class LeakageReport:
    """By corpus and split what stands in training splits; by corpus its training texts, and those searched.

    `near_in_train` are by corpus the training texts, of those searched, that are nearly an earlier one.
    """

    held_out: Mapping[str, Mapping[str, HeldOut]]
    train_texts: Mapping[str, int]
    near_searched: Mapping[str, int]
    near_in_train: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON takes it."""
        return {
            "exact": self._total("exact"),
            "near": self._total("near"),
            "held_out": {
                name: {split: part.as_dict() for split, part in parts.items()} for name, parts in self.held_out.items()
            },
            "train_texts": dict(self.train_texts),
            "near_searched": dict(self.near_searched),
            "near_in_train": dict(self.near_in_train),
        }

    def summary(self) -> str:
        """One line for the log."""
        found = [
            f"{split} of {name}: {_told(leaks)} in train of {other}"
            for name, parts in self.held_out.items()
            for split, part in parts.items()
            for other, leaks in part.by_corpus.items()
            if any(leaks)
        ]
        capped = [
            f"sought near ones among the first {n_searched:,} different training texts of {name}"
            for name, n_searched in self.near_searched.items()
            if n_searched >= MOST_TEXTS // len(self.near_searched)
        ]
        alike = [
            f"{count:,} training texts of {name} are nearly another"
            for name, count in self.near_in_train.items()
            if count
        ]
        if not found:
            return "; ".join(["no held-out text stands in a training split, exactly or nearly", *alike, *capped])
        return "; ".join([*found, "train leaves out the same texts, not those nearly the same", *alike, *capped])

    def _total(self, kind: str) -> int:
        return sum(getattr(part.anywhere, kind) for parts in self.held_out.values() for part in parts.values())


class Fingerprint(NamedTuple):
    """What tells a text from others: a number that is equal for equal texts, and a sketch, unless it is too short."""

    key: int
    sketch: MinHash | None


def fingerprint_of(record: Record) -> Fingerprint:
    """A text's fingerprint, the same for a running text and for the list of its words."""
    evenly_spaced = " ".join(cut_words(record.surface).words)
    return Fingerprint(spaceless_key(record), sketch_of(evenly_spaced))


class TextSet:
    """The fingerprints of texts; sketches of the first `most_sketches` different ones alone.

    `n_near` counts those of them that are nearly an earlier one.
    """

    def __init__(self, most_sketches: int = MOST_TEXTS) -> None:
        self.n_texts = 0
        self.n_near = 0
        self._keys: set[int] = set()
        self._sketches = Sketches()
        self._most_sketches = most_sketches

    @property
    def n_sketches(self) -> int:
        """Among how many texts near ones are sought."""
        return len(self._sketches)

    def add(self, text: Fingerprint) -> None:
        """Take in a text."""
        self.n_texts += 1
        if text.key not in self._keys and self.n_sketches < self._most_sketches:
            self.n_near += self._sketches.nearest(text.sketch) is not None
            self._sketches.add(self.n_texts, text.sketch)
        self._keys.add(text.key)

    def holds(self, text: Fingerprint) -> str:
        """How a text is among them: `exact`, `near`, or empty for not at all."""
        if text.key in self._keys:
            return "exact"
        return "" if self._sketches.nearest(text.sketch) is None else "near"


def find_leakage(splits: Path, corpora: Iterable[str]) -> LeakageReport:
    """Compare the valid and test texts of every corpus under `splits` with the training texts of all.

    Raises `TandemError` if a split is missing or damaged.
    """
    names = list(corpora)
    trained = {name: TextSet(MOST_TEXTS // len(names)) for name in names}
    for name, texts in trained.items():
        for record in read_records(splits / name / f"{SPLITS[0]}.jsonl"):
            texts.add(fingerprint_of(record))
    held_out = {
        name: {split: _compare(read_records(splits / name / f"{split}.jsonl"), trained) for split in SPLITS[1:]}
        for name in names
    }
    return LeakageReport(
        held_out=held_out,
        train_texts={name: texts.n_texts for name, texts in trained.items()},
        near_searched={name: texts.n_sketches for name, texts in trained.items()},
        near_in_train={name: texts.n_near for name, texts in trained.items()},
    )


_KINDS = ("", "near", "exact")


def _compare(records: Iterable[Record], trained: Mapping[str, TextSet]) -> HeldOut:
    rows = [[texts.holds(text) for texts in trained.values()] for text in map(fingerprint_of, records)]
    columns = [_leaks([row[place] for row in rows]) for place in range(len(trained))]
    anywhere = _leaks([max(row, key=_KINDS.index) for row in rows])
    return HeldOut(texts=len(rows), by_corpus=dict(zip(trained, columns, strict=True)), anywhere=anywhere)


def _leaks(kinds: Sequence[str]) -> Leaks:
    return Leaks(kinds.count("exact"), kinds.count("near"))


def _told(leaks: Leaks) -> str:
    told = [f"{leaks.exact:,}"] if leaks.exact else []
    return ", ".join([*told, f"{leaks.near:,} nearly"] if leaks.near else told)
