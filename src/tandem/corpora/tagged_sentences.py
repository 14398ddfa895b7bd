"""Cleaning a table that holds one word a row, with its tags, sentence after sentence.

A row whose sentence mark is empty belongs to the sentence above; a mark that differs from the last one begins a
new sentence, also if the same mark stood further up (noted as `repeated_marks`): sentences keep the file's order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tandem.corpora.clean_report import CleanReport
from tandem.corpora.label_checks import LabelChecks, label_checks
from tandem.corpora.records import Record
from tandem.corpora.tag_schemes import repair_iob2
from tandem.corpora.text_cleaning import is_blank
from tandem.errors import TandemError
from tandem.params import Clean, Corpus, Task

Row = tuple[Any, ...]
"""(spreadsheet row, mark, word, a tag a task, a label a task, group if any)"""


def clean_sentences(
    rows: Iterator[Row], corpus: Corpus, tasks: Mapping[str, Task], rules: Clean, report: CleanReport
) -> Iterator[Record]:
    """Yield a record for each sentence that the rules keep.

    Raises `TandemError` with the row for words before any sentence mark, a malformed tag, and whatever the rules
    refuse.
    """
    reasons = ("missing_tag", "unknown_tag", "without_words", "missing_word")
    report.dropped.update({"rows_missing_word": 0, "rows_empty_word": 0})
    report.dropped.update({f"sentences_{reason}": 0 for reason in reasons})
    report.altered.update({"tags_repaired": 0, "tags_missing_as_outside": 0, "words_stripped": 0})
    cleaner = _SentenceCleaner(
        columns=corpus.tags,
        types={task: _type_set(tasks[task]) for task in corpus.tags},
        rules=rules,
        labels=label_checks(corpus, tasks, rules, report),
        report=report,
    )
    return filter(None, map(cleaner.record_of, _sentences(rows, report)))


def _type_set(task: Task) -> frozenset[str] | None:
    return None if task.labels is None else frozenset(task.labels)


def _sentences(rows: Iterator[Row], report: CleanReport) -> Iterator[list[Row]]:
    """Cut the rows where a new mark stands."""
    marks: set[str] = set()
    current = ""
    sentence: list[Row] = []
    for row in rows:
        mark = row[1]
        if mark and mark != current:
            if sentence:
                yield sentence
            report.noted["repeated_marks"] += mark in marks
            marks.add(mark)
            current, sentence = mark, []
        elif not current:
            raise TandemError(
                f"{report.sheet.place}, row {row[0]}: a word stands before any sentence mark; expected one in the "
                "column that `corpora.*.sentence` names, on the first row of each sentence"
            )
        sentence.append(row)
    if sentence:
        yield sentence


@dataclass(frozen=True, kw_only=True)
class _SentenceCleaner:
    """Turns a sentence's rows into a record, or counts why not."""

    columns: Mapping[str, str]
    types: Mapping[str, frozenset[str] | None]
    rules: Clean
    labels: LabelChecks
    report: CleanReport
    familiar: dict[str, set[str]] = field(default_factory=dict)

    def record_of(self, rows: list[Row]) -> Record | None:
        """Apply the rules to words, then tags, then labels."""
        self.report.rows_in += len(rows)
        first = rows[0]
        kept = self._rows_with_words(rows)
        if kept is None:
            return None
        numbers, _, words, *columns = zip(*kept, strict=True)
        tags = {}
        for task, column in zip(self.columns, columns, strict=False):
            checked = self._checked(task, numbers, column)
            if checked is None:
                return None
            tags[task] = checked
        labels_start = 3 + len(self.columns)
        labels_end = labels_start + len(self.labels.allowed)
        labels = self.labels.read(first[0], first[labels_start:labels_end], is_optional=bool(tags))
        if labels is None:
            return None
        group = "".join(first[labels_end:]) or None
        return Record(row=first[0], words=words, labels=labels, tags=tags, group=group)

    def _rows_with_words(self, rows: list[Row]) -> list[Row] | None:
        """Strip the words and treat the rows without one as the rules say."""
        words = [row[2] for row in rows]
        joined = " ".join(words)
        if joined.split() == words and (joined.isascii() or not any(map(is_blank, words))):
            return rows
        kept = [row for row in map(self._stripped, rows) if row is not None]
        if len(kept) < len(rows) and self.rules.missing_word == "drop_sentence":
            self.report.dropped["sentences_missing_word"] += 1
            return None
        if not kept:
            self.report.dropped["sentences_without_words"] += 1
        return kept or None

    def _stripped(self, row: Row) -> Row | None:
        word = row[2]
        if is_blank(word):
            self._count_blank(row[0], word)
            return None
        stripped = word.strip()
        self.report.altered["words_stripped"] += stripped != word
        return (*row[:2], stripped, *row[3:])

    def _count_blank(self, number: int, word: str) -> None:
        if self.rules.missing_word == "error":
            raise TandemError(
                f"{self.report.sheet.place}, row {number}: no word, found {word!r}; fill the cell, delete the row, "
                "or set clean.missing_word to drop_row or drop_sentence"
            )
        if self.rules.missing_word == "drop_row":
            self.report.dropped["rows_empty_word" if word else "rows_missing_word"] += 1

    def _checked(self, task: str, numbers: Sequence[int], column: Sequence[str]) -> tuple[str, ...] | None:
        """Return a sentence's tags as strict IOB2, or None if the rules drop the sentence."""
        familiar = self.familiar.setdefault(task, {"O"})
        if not familiar.issuperset(column):
            column = [tag.strip() for tag in column]
            if "" in column and not self._is_missing_allowed(task, numbers, column):
                return None
            column = [tag or "O" for tag in column]
            if self._has_unknown(task, numbers, column):
                return None
            familiar.update(column)
        tags, repaired = repair_iob2(column)
        if repaired and self.rules.illegal_tags == "error":
            row, tag = next((row, old) for row, old, new in zip(numbers, column, tags, strict=True) if old != new)
            raise self._refusal(
                task, row, f"tag {tag!r} continues nothing; expected B-{tag[2:]}", "set clean.illegal_tags to repair"
            )
        self.report.altered["tags_repaired"] += repaired
        return tags

    def _is_missing_allowed(self, task: str, numbers: Sequence[int], column: Sequence[str]) -> bool:
        if self.rules.missing_tag == "error":
            row = numbers[column.index("")]
            raise self._refusal(task, row, "no tag", "set clean.missing_tag to outside or drop_sentence")
        if self.rules.missing_tag == "outside":
            self.report.altered["tags_missing_as_outside"] += column.count("")
            return True
        self.report.dropped["sentences_missing_tag"] += 1
        return False

    def _has_unknown(self, task: str, numbers: Sequence[int], tags: Sequence[str]) -> bool:
        types = self.types[task]
        unknown: Counter[str] = Counter()
        for row, tag in zip(numbers, tags, strict=True):
            if tag != "O" and (tag[:2] not in ("B-", "I-") or len(tag) == 2):
                raise self._refusal(task, row, f"tag {tag!r}; expected O, B-<type> or I-<type>", "")
            if tag != "O" and types is not None and tag[2:] not in types:
                if self.rules.unknown_tag == "error":
                    allowed = ", ".join(sorted(types))
                    raise self._refusal(
                        task, row, f"tag {tag!r} is unknown; types allowed: {allowed}", "set clean.unknown_tag to drop"
                    )
                unknown[tag[2:]] += 1
        if unknown:
            self.report.unknown.setdefault(task, Counter()).update(unknown)
            self.report.dropped["sentences_unknown_tag"] += 1
        return bool(unknown)

    def _refusal(self, task: str, row: int, found: str, remedy: str) -> TandemError:
        mend = f"Correct the cell or {remedy}" if remedy else "Correct the cell"
        return TandemError(f"{self.report.sheet.place}, row {row}, column {self.columns[task]!r}: {found}. {mend}")
