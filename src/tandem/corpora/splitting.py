"""Train, valid and test: exact sizes, the same label balance, and no text on both sides.

Copies of a text (equal after normalisation) and texts of one group form a unit, which is never divided. Where a
unit goes depends on the seed and on its texts, not on where they stand in the file.
"""

from __future__ import annotations

import hashlib
import unicodedata
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from shutil import copyfileobj

import numpy as np
from numpy.typing import NDArray

from tandem.artifacts import atomic_folder
from tandem.corpora.allocation import Ints, Texts, allocate, connect, shuffled_ranks
from tandem.corpora.records import Record, write_records
from tandem.corpora.split_report import Annotation, SplitReport
from tandem.errors import TandemError
from tandem.params import Split

SPLITS = ("train", "valid", "test")
_DROPPED = -1
_RECORDS_AT_ONCE = 20_000


def text_key(record: Record) -> int:
    """An unsigned 64-bit number that is equal for equal texts, whatever their case, spacing and code points."""
    surface = record.surface
    if surface.isascii() and surface.isprintable() and "  " not in surface:
        normalised = surface.lower().strip(" ")  # the same, much faster
    else:
        normalised = " ".join(unicodedata.normalize("NFKC", surface).casefold().split())
    digest = hashlib.blake2b(normalised.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def assign_splits(records: Iterable[Record], settings: Split, seed: int) -> tuple[list[str | None], SplitReport]:
    """Say for each record which split it belongs to, or None if it is not sampled.

    Raises `TandemError` if there are too few texts for the sizes asked for.
    """
    corpus = _survey(records)
    texts = _described(corpus, stratify=settings.stratify)
    chosen = _sample(texts, corpus.keys, settings.sample, seed)
    sizes = _sizes(settings, len(chosen), len(corpus.keys))
    parts = np.full(len(corpus.keys), _DROPPED)
    parts[chosen] = _allocate(texts, chosen, corpus.keys, sizes, seed)
    report = SplitReport.of(
        parts=parts,
        names=SPLITS,
        keys=corpus.keys,
        units=texts.units,
        annotations=corpus.annotations,
        annotation_names=corpus.annotation_names,
        n_groups=corpus.n_groups,
    )
    _check_filled(sizes, report)
    return [None if part == _DROPPED else SPLITS[part] for part in parts.tolist()], report


def write_splits(folder: Path, records: Iterable[Record], assignment: Sequence[str | None]) -> None:
    """Write `train.jsonl`, `valid.jsonl` and `test.jsonl` into a new folder, in one pass over the records."""
    pairs = zip(records, assignment, strict=True)
    with atomic_folder(folder) as whole:
        for split in SPLITS:
            (whole / f"{split}.jsonl").touch()
        while batch := list(islice(pairs, _RECORDS_AT_ONCE)):
            for split in SPLITS:
                part = whole / f"{split}.part"
                write_records(part, (record for record, its_split in batch if its_split == split))
                with part.open("rb") as source, (whole / f"{split}.jsonl").open("ab") as target:
                    copyfileobj(source, target)
                part.unlink()


@dataclass(frozen=True, kw_only=True, eq=False)
class _Corpus:
    """What splitting remembers: (texts) keys, groups (-1: none) and numbers of annotations."""

    keys: NDArray[np.uint64]
    groups: Ints
    n_groups: int
    annotations: Ints
    annotation_names: Sequence[Annotation]

    def strata(self) -> Ints:
        """Texts with the same labels and the same rarest entity type are of one stratum: (texts)."""
        frequency: dict[tuple[str, str], int] = {}
        for annotation, count in zip(self.annotation_names, np.bincount(self.annotations).tolist(), strict=True):
            for name in annotation.types:
                frequency[name] = frequency.get(name, 0) + count
        kinds = [
            (annotation.labels, min(annotation.types, key=lambda name: (frequency[name], name), default=None))
            for annotation in self.annotation_names
        ]
        numbers = {kind: number for number, kind in enumerate(sorted(set(kinds), key=repr))}
        return np.array([numbers[kind] for kind in kinds], dtype=np.int64)[self.annotations]

    def features(self) -> NDArray[np.float64]:
        """Which labels and types an annotation holds, after a first one that all hold: (annotations, features)."""
        found = sorted(
            {feature for annotation in self.annotation_names for feature in (*annotation.labels, *annotation.types)}
        )
        columns = {feature: number for number, feature in enumerate(found, start=1)}
        features = np.zeros((len(self.annotation_names), len(columns) + 1))
        features[:, 0] = 1
        for row, annotation in enumerate(self.annotation_names):
            features[row, [columns[feature] for feature in (*annotation.labels, *annotation.types)]] = 1
        return features


def _survey(records: Iterable[Record]) -> _Corpus:
    """Read the records once; raises `TandemError` if there are none."""
    keys, groups, annotations = array("Q"), array("q"), array("q")
    group_numbers: dict[str, int] = {}
    annotation_numbers: dict[Annotation, int] = {}
    for record in records:
        keys.append(text_key(record))
        groups.append(-1 if record.group is None else group_numbers.setdefault(record.group, len(group_numbers)))
        annotations.append(annotation_numbers.setdefault(Annotation.of(record), len(annotation_numbers)))
    if not keys:
        raise TandemError("there is no text to split: cleaning left none (see data/metrics/clean)")
    return _Corpus(
        keys=np.frombuffer(keys, dtype=np.uint64),
        groups=np.frombuffer(groups, dtype=np.int64),
        n_groups=len(group_numbers),
        annotations=np.frombuffer(annotations, dtype=np.int64),
        annotation_names=list(annotation_numbers),
    )


def _described(corpus: _Corpus, *, stratify: bool) -> Texts:
    """The corpus as allocation sees it; without `stratify`, all texts are alike."""
    units = connect(corpus.keys, corpus.groups)
    if stratify:
        return Texts(units, corpus.strata(), corpus.annotations, corpus.features())
    return Texts(units, np.zeros_like(units), np.zeros_like(units), np.ones((1, 1)))


def _sample(texts: Texts, keys: NDArray[np.uint64], fraction: float, seed: int) -> Ints:
    """The texts of a stratified share of the units, in order."""
    n_texts = len(keys)
    if fraction == 1:
        return np.arange(n_texts)
    n_kept = _rounded(fraction * n_texts)
    parts = _allocate(texts, np.arange(n_texts), keys, np.array([n_texts - n_kept, n_kept]), seed)
    return np.flatnonzero(parts == 1)


def _allocate(texts: Texts, chosen: Ints, keys: NDArray[np.uint64], sizes: Ints, seed: int) -> Ints:
    """Divide the chosen texts, as if there were no others: (chosen)."""
    _, units = np.unique(texts.units[chosen], return_inverse=True)
    own = Texts(units, texts.strata[chosen], texts.annotations[chosen], texts.features)
    return allocate(own, shuffled_ranks(units, keys[chosen], seed), sizes)


def _sizes(settings: Split, n_texts: int, n_before: int) -> Ints:
    """Texts asked for in each split; raises `TandemError` if that is impossible."""
    there = f"{n_texts} texts" + ("" if n_texts == n_before else f" ({settings.sample:g} of {n_before})")
    asked = {name: _size(f"split.{name}", getattr(settings, name), n_texts, there) for name in SPLITS[1:]}
    n_train = n_texts - sum(asked.values())
    if n_train < 1:
        wanted = " and ".join(f"{size} for {name}" for name, size in asked.items())
        raise TandemError(
            f"there are {there}, and {wanted} were asked for, which leaves none for train: "
            "lower split.valid or split.test, or give more texts"
        )
    return np.array([n_train, *asked.values()])


def _size(key: str, asked: float, n_texts: int, there: str) -> int:
    if asked >= 1:
        if asked != int(asked):
            raise TandemError(f"{key} must be a fraction below 1 or a whole number of texts, got {asked:g}")
        return int(asked)
    size = _rounded(asked * n_texts)
    if asked > 0 and size == 0:
        raise TandemError(f"{key} = {asked:g} of {there} would be empty: raise it, set it to 0, or give more texts")
    return size


def _rounded(number: float) -> int:
    """Halves go up, where Python's own rounding goes to the even neighbour."""
    return int(number + 0.5)


def _check_filled(sizes: Ints, report: SplitReport) -> None:
    """Raise `TandemError` if a split got nothing because the units are too large for it."""
    for name, size in zip(SPLITS, sizes.tolist(), strict=True):
        if size and not report.sizes[name]:
            raise TandemError(
                f"{name} would be empty where {size} texts were asked for: copies and groups stay together, and the "
                f"{report.n_units} groups hold up to {report.largest_unit} texts; change split.valid and split.test, "
                "or the corpus's group column"
            )
