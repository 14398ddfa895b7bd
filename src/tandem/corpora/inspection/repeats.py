"""Texts that stand in a corpus more than once: how often, with which labels, in which splits."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from tandem.corpora.inspection.findings import ROWS_LISTED, Findings, place_of
from tandem.corpora.leakage.near_duplicates import NearDuplicates
from tandem.corpora.schema.records import SPLITS, Record
from tandem.corpora.splitting.splitting import text_key

_NO_SPLIT = len(SPLITS)

Bools = NDArray[np.bool_]


class Repeats:
    """Remembers of each text a hash, its row, its split and a hash of each task's answer: some 30 bytes.

    Near duplicates are sought among the first texts alone.
    """

    def __init__(self, labels: Sequence[str], tags: Sequence[str]) -> None:
        self._keys, self._rows, self._splits = array("Q"), array("q"), array("b")
        self._answers = {task: array("Q") for task in (*labels, *tags)}
        self._labels = labels
        self._near = NearDuplicates()
        self._compared: set[int] = set()
        self._near_splits: dict[int, set[int]] = {}

    @property
    def n_compared(self) -> int:
        """Among how many different texts near duplicates were sought."""
        return self._near.n_seen

    @property
    def is_near_search_full(self) -> bool:
        """Whether near duplicates were sought among the first texts alone."""
        return self._near.is_full

    def add(self, record: Record, findings: Findings) -> None:
        """Take in a text; that it is nearly the same as one before is told at once."""
        key = text_key(record)
        split = _NO_SPLIT if record.split is None else SPLITS.index(record.split)
        for task, answers in self._answers.items():
            answers.append(_hashed(record, task))
        if key not in self._compared and not self._near.is_full:
            self._compared.add(key)
            self._compare(len(self._keys), record, split, findings)
        self._keys.append(key)
        self._rows.append(record.row)
        self._splits.append(split)

    def report(self, findings: Findings) -> None:
        """Tell of exact copies, when all texts are in."""
        if not self._keys:
            return
        keys, splits = np.frombuffer(self._keys, dtype=np.uint64), np.frombuffer(self._splits, dtype=np.int8)
        order = np.argsort(keys, kind="stable")
        is_copy = np.zeros(len(keys), dtype=bool)
        is_copy[order[1:]] = keys[order[1:]] == keys[order[:-1]]
        self._tell("duplicates", is_copy, findings)
        for task, answers in self._answers.items():
            kind = "conflicting_labels" if task in self._labels else "conflicting_tags"
            self._tell(kind, _conflicting(keys, np.frombuffer(answers, dtype=np.uint64)), findings, task=task)
        for earlier, later in combinations(range(len(SPLITS)), 2):
            is_later = splits == later
            is_leak = is_later & np.isin(keys, keys[splits == earlier])
            self._tell("leakage", is_leak, findings, example=f"{SPLITS[later]} in {SPLITS[earlier]}")

    def _compare(self, number: int, record: Record, split: int, findings: Findings) -> None:
        near = self._near.find(number, record.surface)
        if near is None:
            self._near_splits[number] = {split}
            return
        row, own_split = record.row, record.split
        like = f"{place_of(row, own_split)} like {place_of(self._rows[near], self._split_at(near))}"
        findings.add("near_duplicates", row, own_split, example=like)
        its_splits = self._near_splits[near]
        earlier = min(its_splits)
        if earlier < split < _NO_SPLIT:
            findings.add("near_leakage", row, own_split, example=f"{SPLITS[split]} in {SPLITS[earlier]}")
        its_splits.add(split)

    def _tell(
        self, kind: str, chosen: Bools, findings: Findings, *, task: str | None = None, example: str | None = None
    ) -> None:
        places = np.flatnonzero(chosen).tolist()
        for place in places[:ROWS_LISTED]:
            findings.add(kind, self._rows[place], self._split_at(place), count=0, task=task)
        if places:
            told = None if example is None else f"{len(places):,} {example}"
            findings.add(kind, count=len(places), task=task, example=told)

    def _split_at(self, place: int) -> str | None:
        split = self._splits[place]
        return None if split == _NO_SPLIT else SPLITS[split]


def _hashed(record: Record, task: str) -> int:
    """A number for what a task should answer, 0 where that is not known."""
    answer = record.labels[task] if task in record.labels else " ".join(record.tags.get(task, ()))
    return int.from_bytes(hashlib.blake2b(answer.encode(errors="surrogatepass"), digest_size=8).digest()) * bool(answer)


def _conflicting(keys: NDArray[np.uint64], answers: NDArray[np.uint64]) -> Bools:
    """Which texts have another answer than a copy of them further up: (texts)."""
    known = np.flatnonzero(answers != 0)
    order = known[np.argsort(keys[known], kind="stable")]
    is_first = np.concatenate(([True], keys[order[1:]] != keys[order[:-1]]))
    firsts = np.flatnonzero(is_first)
    answers_of_first = answers[order[firsts[np.cumsum(is_first) - 1]]] if len(order) else answers[order]
    conflicting = np.zeros(len(keys), dtype=bool)
    conflicting[order] = answers[order] != answers_of_first
    return conflicting
