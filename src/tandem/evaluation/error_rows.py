"""The texts that a model got wrong, with what it got wrong in them, the surest mistakes first.

They are read off the rows of the predictions files and the texts in `data/split`, so that they can be made again
from what is on disk.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

from tandem.corpora.schema.records import Record, read_records
from tandem.corpora.schema.tag_schemes import spans_of
from tandem.errors import TandemError
from tandem.evaluation.errors import Outcome, Span, match_entities

Row = Mapping[str, Any]
"""A line of a predictions file: `corpus`, `row`, `gold`, `predicted`, `confidence`."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """An entity in a text: begin and end count characters, `confidence` is the mean over its words."""

    kind: str
    gold: Span | None
    predicted: Span | None
    confidence: float


@dataclass(frozen=True, kw_only=True)
class ErrorRow:
    """A text with at least one error: a wrong label (`gold`, `predicted`), or marks of which one is wrong."""

    corpus: str
    row: int
    text: str
    confidence: float
    gold: str | None = None
    predicted: str | None = None
    marks: Sequence[Mark] = field(default_factory=tuple)


def outcomes_of(row: Row) -> list[Outcome]:
    """What became of the entities of one text's prediction."""
    return match_entities(spans_of(row["gold"]), spans_of(row["predicted"]))


def error_rows(rows: Iterable[Row], splits: Path, split: str = "test") -> list[ErrorRow]:
    """The texts of a task's prediction rows that hold an error, the surest mistake first.

    Raises `TandemError` if `splits` (`data/split`) does not hold a text, or holds another one.
    """
    wrong = [row for row in rows if row["gold"] != row["predicted"]]
    texts = _texts(wrong, splits, split)
    found: list[ErrorRow] = []
    for row in wrong:
        path = splits / row["corpus"] / f"{split}.jsonl"
        record = texts.get((row["corpus"], row["row"]))
        if record is None:
            raise TandemError(f"{path} has no text of row {row['row']}, which was predicted: run `dvc repro`")
        found += [_label_error(row, record)] if isinstance(row["gold"], str) else _entity_errors(row, record, path)
    return sorted(found, key=lambda error: (-error.confidence, error.corpus, error.row))


def _texts(rows: Sequence[Row], splits: Path, split: str) -> dict[tuple[str, int], Record]:
    wanted = defaultdict(set)
    for row in rows:
        wanted[row["corpus"]].add(row["row"])
    return {
        (corpus, record.row): record
        for corpus, numbers in wanted.items()
        for record in read_records(splits / corpus / f"{split}.jsonl")
        if record.row in numbers
    }


def _label_error(row: Row, record: Record) -> ErrorRow:
    return ErrorRow(
        corpus=row["corpus"],
        row=row["row"],
        text=record.surface,
        confidence=row["confidence"],
        gold=row["gold"],
        predicted=row["predicted"],
    )


def _entity_errors(row: Row, record: Record, path: Path) -> Iterator[ErrorRow]:
    """One row, or none: tags may differ where no entity does (an `I-x` that continues nothing)."""
    words = record.words or ()
    if len(words) != len(row["gold"]):
        raise TandemError(
            f"{path}: row {record.row} has {len(words)} words, and {len(row['gold'])} were predicted: run `dvc repro`"
        )
    begins = record.starts or tuple(accumulate((len(word) + 1 for word in words[:-1]), initial=0))
    ends = [begin + len(word) for begin, word in zip(begins, words, strict=True)]
    marks = [
        Mark(
            kind=outcome.kind,
            gold=_in_characters(outcome.gold, begins, ends),
            predicted=_in_characters(outcome.predicted, begins, ends),
            confidence=entity_confidence(row, outcome.predicted or outcome.gold),
        )
        for outcome in outcomes_of(row)
    ]
    wrong = [mark.confidence for mark in marks if mark.kind != "correct"]
    if wrong:
        yield ErrorRow(
            corpus=row["corpus"], row=record.row, text=record.surface, confidence=max(wrong), marks=tuple(marks)
        )


def entity_confidence(row: Row, span: Span | None) -> float:
    """How sure the answers to an entity's words were, on average: for a missed one, how sure the miss was."""
    assert span is not None, "an outcome has a gold or a predicted side"
    answers = row["confidence"][span[0] : span[1]]
    return float(sum(answers) / len(answers))


def _in_characters(span: Span | None, begins: Sequence[int], ends: Sequence[int]) -> Span | None:
    return span and (begins[span[0]], ends[span[1] - 1], span[2])
