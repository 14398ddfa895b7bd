"""Cleaning a corpus: from a raw file, as it was found, to the records that every later stage reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path

from tandem.corpora.cleaning.clean_report import CleanReport
from tandem.corpora.cleaning.file_stamps import Stamps, check_unchanged, stamps_of
from tandem.corpora.cleaning.labelled_texts import TextCleaner, make_text_cleaner
from tandem.corpora.cleaning.suspicions import count_suspicions
from tandem.corpora.cleaning.tagged_sentences import SentenceCleaner, make_sentence_cleaner
from tandem.corpora.readers.entries import Entry, Source, TextColumns
from tandem.corpora.readers.formats import open_source
from tandem.corpora.schema.records import SPLITS, Record
from tandem.corpora.schema.tag_schemes import SchemeGuess
from tandem.errors import TandemError
from tandem.params import Clean, Corpus, Task

ENTRIES_GUESSED_FROM = 1000


def clean_corpus(corpus: Corpus, tasks: Mapping[str, Task], rules: Clean) -> tuple[Iterator[Record], CleanReport]:
    """Return the corpus as a stream of records, and the report that is complete when the stream ends.

    Raises `TandemError` at once if a file cannot be read or lacks a column, and from the stream for what the rules
    refuse, if no record is left (of the corpus, or of a part of it), if a classification task is left with one
    label, or if a file changed meanwhile.
    """
    stamps = stamps_of(corpus)
    records, report = clean_sources(_open_all(corpus), corpus, tasks, rules)
    return _watched(records, corpus, stamps), report


def clean_sources(
    sources: Mapping[str | None, Source], corpus: Corpus, tasks: Mapping[str, Task], rules: Clean
) -> tuple[Iterator[Record], CleanReport]:
    """Clean sources that are open already, by the split that they are; a single one that is none under None."""
    report = CleanReport.begun(sources, corpus)
    make_cleaner = make_text_cleaner if corpus.words is None else make_sentence_cleaner
    cleaner = make_cleaner(corpus, tasks, rules, report)
    unguessed = []
    for task in corpus.tags:
        scheme = tasks[task].scheme
        if scheme is None or scheme == "auto":
            unguessed.append(task)
        else:
            report.schemes[task] = scheme
    return _checked(_records(cleaner, unguessed, report), corpus, report), report


def _watched(records: Iterator[Record], corpus: Corpus, stamps: Stamps) -> Iterator[Record]:
    yield from records
    check_unchanged(corpus, stamps)


def _open_all(corpus: Corpus) -> dict[str | None, Source]:
    path = Path(corpus.path)
    if corpus.splits is None:
        return {None: open_source(path, corpus)}
    return {split: open_source(path / corpus.splits[split], corpus) for split in SPLITS if split in corpus.splits}


def _records(cleaner: TextCleaner | SentenceCleaner, unguessed: Sequence[str], report: CleanReport) -> Iterator[Record]:
    """Yield the records of all sources, and count them; the first source's beginning tells the tag schemes."""
    for split, source in report.sources.items():
        report.source = source
        n_before = report.kept
        if source.pieces is not None and isinstance(cleaner, TextCleaner) and cleaner.takes_columns:
            yield from _records_of_pieces(cleaner, source.pieces, split, report)
        else:
            entries = source.entries
            if not report.schemes.keys() >= set(unguessed):
                entries = _with_schemes(entries, unguessed, report)
            yield from _records_of_entries(cleaner, entries, split, report)
        if split is not None and report.kept == n_before:
            raise _nothing_left(report, f"of {split} ")


def _records_of_pieces(
    cleaner: TextCleaner, pieces: Iterable[TextColumns | Entry], split: str | None, report: CleanReport
) -> Iterator[Record]:
    for piece in pieces:
        if isinstance(piece, Entry):
            yield from _records_of_entries(cleaner, [piece], split, report)
        else:
            records = list(cleaner.records_of(piece, split))
            report.keep_texts(records)
            count_suspicions(records, report.suspect)
            yield from records


def _records_of_entries(
    cleaner: TextCleaner | SentenceCleaner, entries: Iterable[Entry], split: str | None, report: CleanReport
) -> Iterator[Record]:
    for entry in entries:
        record = cleaner.record_of(entry, split or _own_split(entry, report))
        if record is not None:
            report.keep(record)
            count_suspicions([record], report.suspect)
            yield record


def _with_schemes(entries: Iterator[Entry], unguessed: Iterable[str], report: CleanReport) -> Iterator[Entry]:
    """Guess the tag schemes from the first entries, and give all entries back."""
    first = list(islice(entries, ENTRIES_GUESSED_FROM))
    for task in unguessed:
        guess = SchemeGuess()
        for entry in first:
            guess.see(filter(None, map(str.strip, entry.tags.get(task, ()))))
        report.schemes[task] = guess.scheme()
    return chain(first, entries)


def _own_split(entry: Entry, report: CleanReport) -> str | None:
    if entry.split is not None and entry.split not in SPLITS:
        raise TandemError(
            f"{report.at(entry.row)}: split {entry.split!r} is none of {', '.join(SPLITS)}; correct the file"
        )
    return entry.split


def _checked(records: Iterator[Record], corpus: Corpus, report: CleanReport) -> Iterator[Record]:
    yield from records
    if not report.kept:
        raise _nothing_left(report, "")
    for task in corpus.labels:
        _check_classes(task, report)


def _nothing_left(report: CleanReport, part: str) -> TandemError:
    return TandemError(
        f"{report.source.place}: no record {part}is left of {report.rows_in} {report.source.unit}s "
        f"({report.summary()}); check the columns that `corpora` names and the rules of `clean`"
    )


def _check_classes(task: str, report: CleanReport) -> None:
    counts = report.labels[task]
    if len(counts) < 2:
        found = ", ".join(f"{label!r} ({count} {report.unit})" for label, count in counts.items()) or "no label"
        raise TandemError(
            f"{report.source.place}: task {task} needs at least two classes, found only {found}; "
            "add texts of another class, or correct tasks and columns"
        )
