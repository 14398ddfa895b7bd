"""Train, valid and test: exact sizes, the same label balance, and no text on both sides.

Copies of a text (equal after normalisation) and texts of one group form a unit, which is never divided. Where a
unit goes depends on the seed and on its texts, not on where they stand in the file. What the corpus came split into
stays so, copies or not; a part that it lacks is drawn from train.
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
from tandem.corpora.schema.records import SPLITS, Record, write_records
from tandem.corpora.splitting.allocation import Ints, Texts, allocate, connect, shuffled_ranks
from tandem.corpora.splitting.split_report import Annotation, SplitReport
from tandem.corpora.splitting.split_sizes import check_filled, rounded, sizes_of
from tandem.errors import TandemError
from tandem.params import Split

_DROPPED = -1
_RECORDS_AT_ONCE = 20_000


def text_key(record: Record) -> int:
    """An unsigned 64-bit number that is equal for equal texts, whatever their case, spacing and code points."""
    surface = record.surface
    if surface.isascii() and surface.isprintable() and "  " not in surface:
        normalised = surface.lower().strip(" ")  # the same, much faster
    else:
        normalised = " ".join(_folded(surface).split())
    return _hashed(normalised)


def spaceless_key(record: Record) -> int:
    """As `text_key`, and the same wherever the spaces are: for a running text and for the words of the same."""
    return _hashed("".join(_folded(record.surface).split()))


def _folded(surface: str) -> str:
    return surface.lower() if surface.isascii() else unicodedata.normalize("NFKC", surface).casefold()


def _hashed(normalised: str) -> int:
    digest = hashlib.blake2b(normalised.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def assign_splits(records: Iterable[Record], settings: Split) -> tuple[list[str | None], SplitReport]:
    """Say for each record which split it belongs to, or None if it is not sampled.

    A record that came with a split goes there. Raises `TandemError` if there are too few texts for the sizes asked
    for, or for the sample.
    """
    corpus = _survey(records)
    texts = _described(corpus, stratify=settings.stratify)
    parts = np.full(len(corpus.keys), _DROPPED)
    for part in corpus.given_parts:
        if part > 0:
            members = np.flatnonzero(corpus.given == part)
            parts[_sample(texts, members, corpus.keys, settings.sample, settings.seed)] = part
    pool = np.flatnonzero(corpus.given <= 0)
    chosen = _sample(texts, pool, corpus.keys, settings.sample, settings.seed)
    sizes = sizes_of(settings, len(chosen), len(pool), given=[SPLITS[part] for part in corpus.given_parts])
    parts[chosen] = _allocate(texts, chosen, corpus.keys, sizes, settings.seed)
    report = SplitReport.of(
        parts=parts,
        names=SPLITS,
        keys=corpus.keys,
        units=texts.units,
        annotations=corpus.annotations,
        annotation_names=corpus.annotation_names,
        n_groups=corpus.n_groups,
        given=[SPLITS[part] for part in corpus.given_parts],
    )
    check_filled(sizes, report, settings.sample)
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
    """What splitting remembers: (texts) keys, given parts and groups (-1: none), and numbers of annotations."""

    keys: NDArray[np.uint64]
    given: NDArray[np.int8]
    groups: Ints
    n_groups: int
    annotations: Ints
    annotation_names: Sequence[Annotation]

    @property
    def given_parts(self) -> list[int]:
        """The parts that the corpus came with."""
        return [part for part in range(len(SPLITS)) if (self.given == part).any()]

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
    keys, given, groups, annotations = array("Q"), array("b"), array("q"), array("q")
    group_numbers: dict[str, int] = {}
    annotation_numbers: dict[Annotation, int] = {}
    for record in records:
        keys.append(text_key(record))
        given.append(-1 if record.split is None else SPLITS.index(record.split))
        groups.append(-1 if record.group is None else group_numbers.setdefault(record.group, len(group_numbers)))
        annotations.append(annotation_numbers.setdefault(Annotation.of(record), len(annotation_numbers)))
    if not keys:
        raise TandemError("there is no text to split: cleaning left none (see data/metrics/clean)")
    return _Corpus(
        keys=np.frombuffer(keys, dtype=np.uint64),
        given=np.frombuffer(given, dtype=np.int8),
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


def _sample(texts: Texts, members: Ints, keys: NDArray[np.uint64], fraction: float, seed: int) -> Ints:
    """The texts of a stratified share of the units that the texts `members` form, in order."""
    if fraction == 1 or not len(members):
        return members
    n_kept = rounded(fraction * len(members))
    parts = _allocate(texts, members, keys, np.array([len(members) - n_kept, n_kept]), seed)
    kept: Ints = members[parts == 1]
    return kept


def _allocate(texts: Texts, chosen: Ints, keys: NDArray[np.uint64], sizes: Ints, seed: int) -> Ints:
    """Divide the chosen texts, as if there were no others: (chosen)."""
    if len(chosen) < len(keys):
        _, units = np.unique(texts.units[chosen], return_inverse=True)
        texts = Texts(units, texts.strata[chosen], texts.annotations[chosen], texts.features)
        keys = keys[chosen]
    return allocate(texts, shuffled_ranks(texts.units, keys, seed), sizes)
