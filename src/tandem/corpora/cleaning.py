"""Cleaning a corpus: from a raw file, as it was found, to the records that every later stage reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from tandem.corpora.clean_report import CleanReport, GroupColumn
from tandem.corpora.labelled_texts import clean_texts
from tandem.corpora.records import Record
from tandem.corpora.tagged_sentences import clean_sentences
from tandem.corpora.xlsx import Sheet, open_sheet
from tandem.errors import TandemError
from tandem.params import Clean, Corpus, Task


def clean_corpus(corpus: Corpus, tasks: Mapping[str, Task], rules: Clean) -> tuple[Iterator[Record], CleanReport]:
    """Return the corpus as a stream of records, and the report that is complete when the stream ends.

    Raises `TandemError` at once if the file cannot be read or lacks a column, and from the stream for a cell that
    the rules refuse, if no record is left, or if a classification task is left with one label.
    """
    sheet = open_sheet(Path(corpus.path))
    group = _group_column(corpus, sheet)
    report = CleanReport(sheet=sheet, unit="sentences" if corpus.words else "texts", group=group)
    report.labels.update({task: Counter() for task in (*corpus.labels, *corpus.tags)})
    blocks = sheet.read_columns(_columns(corpus, group))
    clean = clean_sentences if corpus.words else clean_texts
    return _counted(clean(blocks, corpus, tasks, rules, report), corpus, report), report


def _group_column(corpus: Corpus, sheet: Sheet) -> GroupColumn:
    if corpus.group is None:
        return "none"
    return "named" if corpus.group in sheet.header else "absent"


def _columns(corpus: Corpus, group: GroupColumn) -> list[str]:
    """The columns to read, in the order that the two layouts expect."""
    names = [corpus.sentence, corpus.words, *corpus.tags.values()] if corpus.words else [corpus.text]
    names += corpus.labels.values()
    names += [corpus.group] if group == "named" else []
    return [name for name in names if name is not None]


def _counted(records: Iterator[Record], corpus: Corpus, report: CleanReport) -> Iterator[Record]:
    for record in records:
        report.keep(record)
        yield record
    if not report.kept:
        raise TandemError(
            f"{report.sheet.place}: no record is left of {report.rows_in} rows ({report.summary()}); "
            "check the columns that `corpora` names and the rules of `clean`"
        )
    for task in corpus.labels:
        _check_classes(task, report)


def _check_classes(task: str, report: CleanReport) -> None:
    counts = report.labels[task]
    if len(counts) < 2:
        found = ", ".join(f"{label!r} ({count} {report.unit})" for label, count in counts.items()) or "no label"
        raise TandemError(
            f"{report.sheet.place}: task {task} needs at least two classes, found only {found}; "
            "add texts of another class, or correct tasks and columns"
        )
