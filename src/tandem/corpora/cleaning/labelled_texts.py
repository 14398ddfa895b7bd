"""Cleaning running texts, with their labels and with what is marked in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

from tandem.corpora.cleaning.clean_report import CleanReport
from tandem.corpora.cleaning.label_checks import KnownLabels, LabelChecks, label_checks
from tandem.corpora.cleaning.span_checks import SpanChecks, span_checks
from tandem.corpora.cleaning.text_cleaning import CleanText, is_blank, text_cleaner, unchanged_check
from tandem.corpora.cleaning.text_edits import MarkedText, marked_text_cleaner, trimmed
from tandem.corpora.readers.entries import Entry, TextColumns
from tandem.corpora.schema.records import Record
from tandem.corpora.schema.span_tags import Span, cut_words, tag_words
from tandem.params import Clean, Corpus, Task

Tags = dict[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class TextCleaner:
    """Turns texts into records, or counts why not; `without` are tasks of which no text holds an entity."""

    clean: Callable[[str], CleanText]
    is_unchanged: Callable[[str], bool]
    clean_marked: Callable[[str, Sequence[Span]], MarkedText]
    labels: LabelChecks
    spans: Sequence[SpanChecks]
    without: Sequence[str]
    report: CleanReport

    @property
    def takes_columns(self) -> bool:
        """Say whether labels are all that texts come with, so that `records_of` can do."""
        return not self.spans and not self.without

    def record_of(self, entry: Entry, split: str | None) -> Record | None:
        """Apply the rules to the text, then to its spans, then to its labels.

        Raises `TandemError` for what the rules refuse.
        """
        self.report.rows_in += 1
        original = entry.text
        if not original:
            self.report.dropped["missing_text"] += 1
            return None
        text, changes = self.clean(original)
        if is_blank(text):
            self.report.dropped["empty_text"] += 1
            return None
        tags = self._tags(entry, original, text) if self.spans or self.without else {}
        if tags is None:
            return None
        labels = self.labels.read(entry.row, entry.labels, is_optional=bool(tags))
        if labels is None:
            return None
        self.report.altered.update(changes)
        words, starts = cut_words(text) if tags else (None, None)
        return Record(
            row=entry.row,
            text=text,
            words=words,
            starts=starts,
            labels=labels,
            tags=tags,
            group=entry.group or None,
            split=split,
        )

    def records_of(self, columns: TextColumns, split: str | None) -> Iterator[Record]:
        """Do and count the same for many texts; those with nothing to alter and all labels known take a short way."""
        tasks, groups = tuple(columns.labels), columns.groups or repeat(None)
        rows_labels = zip(*columns.labels.values(), strict=True) if tasks else repeat(())
        known: dict[tuple[str, ...], KnownLabels | None] = {}
        rows = zip(columns.rows, columns.texts, rows_labels, groups, strict=False)
        for row, text, raw, group in rows:
            found = None
            if self.is_unchanged(text):  # else its labels may never be read
                if raw not in known:
                    known[raw] = self.labels.known(dict(zip(tasks, raw, strict=True)))
                found = known[raw]
            if found is None:
                labels = dict(zip(tasks, raw, strict=True))
                record = self.record_of(Entry(row=row, text=text, labels=labels, group=group), split)
                if record is not None:
                    yield record
                continue
            labels, altered = found
            self.report.rows_in += 1
            for change, count in altered.items():
                self.report.altered[change] += count
            yield Record(row=row, text=text, labels=labels, group=group or None, split=split)

    def _tags(self, entry: Entry, original: str, text: str) -> Tags | None:
        """The tags of the cleaned text's words by task; None drops the text."""
        tags = {}
        for checks in self.spans:
            if checks.task not in entry.spans:
                continue
            spans = checks.read(entry.row, original, entry.spans[checks.task])
            if spans is None:
                return None
            if spans and text != original:
                spans = [trimmed(text, span) for span in self.clean_marked(original, spans).spans]
            tagged = tag_words(text, spans)
            tags[checks.task] = tagged.tags
            self.report.dropped.update({f"spans_{reason}": count for reason, count in tagged.dropped.items()})
        if self.without:
            outside = ("O",) * len(cut_words(text).words)
            tags |= dict.fromkeys(self.without, outside)
        return tags


def make_text_cleaner(corpus: Corpus, tasks: Mapping[str, Task], rules: Clean, report: CleanReport) -> TextCleaner:
    """Build the cleaner of a corpus of texts, and begin its counts; raises `TandemError` for a faulty pattern."""
    report.dropped.update({"missing_text": 0, "empty_text": 0, "missing_label": 0, "unknown_label": 0})
    report.altered.update({"html": 0, "dropped_characters": 0, "white_space": 0})
    removes_html = rules.html == "remove"
    return TextCleaner(
        clean=text_cleaner(removes_html=removes_html, drop_characters=rules.drop_characters),
        is_unchanged=unchanged_check(removes_html=removes_html, drop_characters=rules.drop_characters),
        clean_marked=marked_text_cleaner(removes_html=removes_html, drop_characters=rules.drop_characters),
        labels=label_checks(corpus, tasks, rules, report),
        spans=span_checks(corpus, tasks, rules, report),
        without=corpus.without,
        report=report,
    )
