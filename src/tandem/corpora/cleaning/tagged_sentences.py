"""Cleaning sentences of words, with their tags and their labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tandem.corpora.cleaning.clean_report import CleanReport
from tandem.corpora.cleaning.label_checks import LabelChecks, label_checks
from tandem.corpora.cleaning.tag_checks import TagChecks, tag_checks
from tandem.corpora.cleaning.text_cleaning import is_blank
from tandem.corpora.readers.entries import Entry
from tandem.corpora.schema.records import Record
from tandem.errors import TandemError
from tandem.params import Clean, Corpus, Task


@dataclass(frozen=True, kw_only=True)
class SentenceCleaner:
    """Turns sentences into records, or counts why not; `without` are tasks of which none holds an entity."""

    tags: Sequence[TagChecks]
    labels: LabelChecks
    without: Sequence[str]
    rules: Clean
    report: CleanReport

    def record_of(self, entry: Entry, split: str | None) -> Record | None:
        """Apply the rules to words, then tags, then labels.

        Raises `TandemError` with the row for a malformed tag, and for whatever the rules refuse.
        """
        self.report.rows_in += len(entry.rows) or 1
        originals = entry.words or ()
        rows = entry.rows or (entry.row,) * len(originals)
        words, kept = self._words(originals, rows)
        if not words:
            return None
        tags = {}
        for checks in self.tags:
            if checks.task in entry.tags:
                checked = self._tags(checks, entry, rows, kept)
                if checked is None:
                    return None
                tags[checks.task] = checked
        if self.without:
            tags |= dict.fromkeys(self.without, ("O",) * len(words))
        labels = self.labels.read(entry.row, entry.labels, is_optional=bool(tags))
        if labels is None:
            return None
        return Record(
            row=entry.row, words=tuple(words), labels=labels, tags=tags, group=entry.group or None, split=split
        )

    def _tags(
        self, checks: TagChecks, entry: Entry, rows: Sequence[int], kept: Sequence[int] | None
    ) -> tuple[str, ...] | None:
        raw = entry.tags[checks.task]
        if len(raw) != len(rows):
            raise TandemError(
                f"{self.report.at(entry.row)}: {len(rows)} words but {len(raw)} tags of task {checks.task}; expected "
                "one tag a word. Correct the file"
            )
        if kept is None:
            return checks.read(rows, raw)
        return checks.read([rows[place] for place in kept], [raw[place] for place in kept])

    def _words(self, words: Sequence[str], rows: Sequence[int]) -> tuple[Sequence[str], Sequence[int] | None]:
        """Return the words to keep, without space around them, and their places (None: all); no word drops all."""
        joined = " ".join(words)
        if words and joined.split() == list(words) and (joined.isascii() or not any(map(is_blank, words))):
            return words, None
        kept = [
            place
            for place, (word, row) in enumerate(zip(words, rows, strict=True))
            if not self._counts_as_blank(row, word)
        ]
        if len(kept) < len(words) and self.rules.missing_word == "drop_sentence":
            self.report.dropped["sentences_missing_word"] += 1
            return [], None
        self.report.dropped["sentences_without_words"] += not kept
        stripped = [words[place].strip() for place in kept]
        self.report.altered["words_stripped"] += sum(
            words[place] != word for place, word in zip(kept, stripped, strict=True)
        )
        return stripped, kept

    def _counts_as_blank(self, row: int, word: str) -> bool:
        if not is_blank(word):
            return False
        if self.rules.missing_word == "error":
            raise TandemError(
                f"{self.report.at(row)}: no word, found {word!r}; fill the cell, delete the row, "
                "or set clean.missing_word to drop_row or drop_sentence"
            )
        if self.rules.missing_word == "drop_row":
            self.report.dropped["rows_empty_word" if word else "rows_missing_word"] += 1
        return True


def make_sentence_cleaner(
    corpus: Corpus, tasks: Mapping[str, Task], rules: Clean, report: CleanReport
) -> SentenceCleaner:
    """Build the cleaner of a corpus of sentences, and begin its counts."""
    reasons = ("missing_word", "without_words", "missing_tag", "unknown_tag")
    report.dropped.update({"rows_missing_word": 0, "rows_empty_word": 0})
    report.dropped.update({f"sentences_{reason}": 0 for reason in reasons})
    report.altered.update({"words_stripped": 0, "tags_repaired": 0, "tags_missing_as_outside": 0})
    return SentenceCleaner(
        tags=tag_checks(corpus, tasks, rules, report),
        labels=label_checks(corpus, tasks, rules, report),
        without=corpus.without,
        rules=rules,
        report=report,
    )
