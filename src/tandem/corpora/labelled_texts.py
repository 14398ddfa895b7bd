"""Cleaning a table that holds one text a row, with its labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from tandem.corpora.clean_report import CleanReport
from tandem.corpora.label_checks import label_checks
from tandem.corpora.records import Record
from tandem.corpora.text_cleaning import is_blank, text_cleaner
from tandem.corpora.xlsx import Block
from tandem.params import Clean, Corpus, Task


def clean_texts(
    blocks: Iterator[Block], corpus: Corpus, tasks: Mapping[str, Task], rules: Clean, report: CleanReport
) -> Iterator[Record]:
    """Yield a record for each row (columns: text, labels, group if any) that has a text and a label.

    Raises `TandemError` for a faulty pattern at once, and for an unknown label where the rules refuse it.
    """
    clean = text_cleaner(removes_html=rules.html == "remove", drop_characters=rules.drop_characters)
    labels_of = label_checks(corpus, tasks, rules, report).read
    report.dropped.update({"missing_text": 0, "empty_text": 0, "missing_label": 0, "unknown_label": 0})
    report.altered.update({"html": 0, "dropped_characters": 0, "white_space": 0})
    n_labels = len(corpus.labels)

    def records() -> Iterator[Record]:
        for number, original, *cells in _rows(blocks):
            report.rows_in += 1
            if not original:
                report.dropped["missing_text"] += 1
                continue
            text, changes = clean(original)
            if is_blank(text):
                report.dropped["empty_text"] += 1
                continue
            labels = labels_of(number, cells[:n_labels])
            if labels is None:
                continue
            report.altered.update(changes)
            yield Record(row=number, text=text, labels=labels, group="".join(cells[n_labels:]) or None)

    return records()


def _rows(blocks: Iterator[Block]) -> Iterator[tuple[Any, ...]]:
    for first_row, columns in blocks:
        yield from zip(count(first_row), *columns, strict=False)
