"""Cleaning a table that holds one text a row, with its labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tandem.corpora.clean_report import CleanReport
from tandem.corpora.label_checks import label_checks
from tandem.corpora.records import Record
from tandem.corpora.text_cleaning import is_blank, text_cleaner
from tandem.params import Clean, Corpus, Task

Rows = Iterator[tuple[Any, ...]]


def clean_texts(
    rows: Rows, corpus: Corpus, tasks: Mapping[str, Task], rules: Clean, report: CleanReport
) -> Iterator[Record]:
    """Yield a record for each row (number, text, labels, group if any) that has a text and a label.

    Raises `TandemError` for a faulty pattern at once, and for an unknown label where the rules refuse it.
    """
    clean = text_cleaner(removes_html=rules.html == "remove", drop_characters=rules.drop_characters)
    labels_of = label_checks(corpus, tasks, rules, report).read
    report.dropped.update({"missing_text": 0, "empty_text": 0, "missing_label": 0, "unknown_label": 0})
    report.altered.update({"html": 0, "dropped_characters": 0, "white_space": 0})
    labels_end = 2 + len(corpus.labels)

    def records() -> Iterator[Record]:
        for row in rows:
            report.rows_in += 1
            number, original = row[:2]
            if not original:
                report.dropped["missing_text"] += 1
                continue
            text, changes = clean(original)
            if is_blank(text):
                report.dropped["empty_text"] += 1
                continue
            labels = labels_of(number, row[2:labels_end])
            if labels is None:
                continue
            report.altered.update(changes)
            yield Record(row=number, text=text, labels=labels, group="".join(row[labels_end:]) or None)

    return records()
