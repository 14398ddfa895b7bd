"""Large CSV and JSON files of the default data's reviews, repeated, each time with two other of their words at the end.

So no two texts are equal, which pandas would keep once, and no words are new, which tokenizing would have to learn.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import orjson
from python_calamine import CalamineWorkbook

from tandem.params import Corpus
from tests.benchmarks import Request

CORPUS = Corpus(
    path="",
    format="auto",
    text="review",
    words=None,
    sentence=None,
    group=None,
    labels={"sentiment": "sentiment"},
    tags={},
)

Rows = Iterator[tuple[str, str]]


def reviews(request: Request, n_rows: int) -> Rows:
    """So many reviews with their labels."""
    return islice(_endless(request), n_rows)


def reviews_of_size(request: Request, megabytes: float) -> Rows:
    """So many reviews as make about that much."""
    n_bytes = 0
    for text, label in _endless(request):
        yield text, label
        n_bytes += len(text.encode()) + len(label)
        if n_bytes >= megabytes * 1e6:
            break


def write(path: Path, rows: Rows, *, in_array: bool = False) -> Path:
    """Write a table or records, by the path's ending; records one a line, or in one array."""
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("review", "sentiment"))
            writer.writerows(rows)
        return path
    start, between, end = (b"[", b",\n", b"]\n") if in_array else (b"", b"\n", b"\n")
    with path.open("wb") as file:
        for number, (text, label) in enumerate(rows):
            file.write((between if number else start) + orjson.dumps({"review": text, "sentiment": label}))
        file.write(end)
    return path


def _endless(request: Request) -> Rows:
    path = request.data / "classification_dataset.xlsx"
    _, *rows = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
    words = sorted({word for text, *_ in rows for word in str(text).split()})
    for number in count():
        text, label, *_ = rows[number % len(rows)]
        yield f"{text} {words[number // len(words) % len(words)]} {words[number % len(words)]}", str(label)
