"""Cleaning a table that holds one word a row, with its tags, sentence after sentence.

A row whose sentence mark is empty belongs to the sentence above; a mark that differs from the last one begins a
new sentence, also if the same mark stood further up (noted as `repeated_marks`): sentences keep the file's order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tandem.corpora.clean_report import CleanReport
from tandem.corpora.label_checks import LabelChecks, label_checks
from tandem.corpora.records import Record
from tandem.corpora.tag_checks import TagChecks
from tandem.corpora.text_cleaning import is_blank
from tandem.corpora.xlsx import Block
from tandem.errors import TandemError
from tandem.params import Clean, Corpus, Task


def clean_sentences(
    blocks: Iterator[Block], corpus: Corpus, tasks: Mapping[str, Task], rules: Clean, report: CleanReport
) -> Iterator[Record]:
    """Yield a record for each sentence that the rules keep; columns: mark, word, tags, labels, group if any.

    Raises `TandemError` with the row for words before any sentence mark, a malformed tag, and whatever the rules
    refuse.
    """
    reasons = ("missing_word", "without_words", "missing_tag", "unknown_tag")
    report.dropped.update({"rows_missing_word": 0, "rows_empty_word": 0})
    report.dropped.update({f"sentences_{reason}": 0 for reason in reasons})
    report.altered.update({"words_stripped": 0, "tags_repaired": 0, "tags_missing_as_outside": 0})
    cleaner = _SentenceCleaner(
        tags=[_tag_checks(task, corpus, tasks, rules, report) for task in corpus.tags],
        labels=label_checks(corpus, tasks, rules, report),
        rules=rules,
        report=report,
    )
    return filter(None, map(cleaner.record_of, _sentences(blocks, report)))


def _tag_checks(task: str, corpus: Corpus, tasks: Mapping[str, Task], rules: Clean, report: CleanReport) -> TagChecks:
    types = tasks[task].labels
    return TagChecks(
        task=task,
        column=corpus.tags[task],
        types=None if types is None else frozenset(types),
        rules=rules,
        report=report,
    )


def _sentences(blocks: Iterator[Block], report: CleanReport) -> Iterator[Block]:
    """Cut the rows where a new mark stands."""
    seen: set[str] = set()
    rest: Block | None = None
    for block in blocks:
        joined = block if rest is None else _joined(rest, block)
        starts = _starts(joined.columns[0])
        if starts[:1] != [0]:
            raise TandemError(
                f"{report.sheet.place}, row {joined.first_row}: a word stands before any sentence mark; expected one "
                "in the column that `corpora.*.sentence` names, on the first row of each sentence"
            )
        for start, end in pairwise(starts):
            yield _counted(_part(joined, start, end), seen, report)
        rest = _part(joined, starts[-1], None)
    if rest is not None:
        yield _counted(rest, seen, report)


def _starts(marks: Sequence[str]) -> list[int]:
    starts = []
    current = ""
    for position, mark in enumerate(marks):
        if mark and mark != current:
            starts.append(position)
            current = mark
    return starts


def _joined(upper: Block, lower: Block) -> Block:
    columns = [above + below for above, below in zip(upper.columns, lower.columns, strict=True)]
    return Block(upper.first_row, columns)


def _part(block: Block, start: int, end: int | None) -> Block:
    return Block(block.first_row + start, [column[start:end] for column in block.columns])


def _counted(sentence: Block, seen: set[str], report: CleanReport) -> Block:
    mark = sentence.columns[0][0]
    report.rows_in += len(sentence.columns[0])
    report.noted["repeated_marks"] += mark in seen
    seen.add(mark)
    return sentence


@dataclass(frozen=True, kw_only=True)
class _SentenceCleaner:
    """Turns a sentence's rows into a record, or counts why not."""

    tags: Sequence[TagChecks]
    labels: LabelChecks
    rules: Clean
    report: CleanReport

    def record_of(self, sentence: Block) -> Record | None:
        """Apply the rules to words, then tags, then labels."""
        first_row, (_, original_words, *columns) = sentence
        words, rows = self._words(first_row, original_words)
        if not words:
            return None
        tags = {}
        for checks, column in zip(self.tags, columns, strict=False):
            checked = checks.read(rows, _chosen(column, rows, first_row))
            if checked is None:
                return None
            tags[checks.task] = checked
        labels_end = len(self.tags) + len(self.labels.allowed)
        first_cells = [column[0] for column in columns]
        labels = self.labels.read(first_row, first_cells[len(self.tags) : labels_end], is_optional=bool(tags))
        if labels is None:
            return None
        group = "".join(first_cells[labels_end:]) or None
        return Record(row=first_row, words=tuple(words), labels=labels, tags=tags, group=group)

    def _words(self, first_row: int, words: list[str]) -> tuple[list[str], Sequence[int]]:
        """Return the words to keep, without space around them, and their rows; none drops the sentence."""
        numbers = range(first_row, first_row + len(words))
        joined = " ".join(words)
        if joined.split() == words and (joined.isascii() or not any(map(is_blank, words))):
            return words, numbers
        kept = {row: word for row, word in zip(numbers, words, strict=True) if not self._counts_as_blank(row, word)}
        if len(kept) < len(words) and self.rules.missing_word == "drop_sentence":
            self.report.dropped["sentences_missing_word"] += 1
            return [], []
        self.report.dropped["sentences_without_words"] += not kept
        self.report.altered["words_stripped"] += sum(word != word.strip() for word in kept.values())
        return [word.strip() for word in kept.values()], list(kept)

    def _counts_as_blank(self, row: int, word: str) -> bool:
        if not is_blank(word):
            return False
        if self.rules.missing_word == "error":
            raise TandemError(
                f"{self.report.sheet.place}, row {row}: no word, found {word!r}; fill the cell, delete the row, "
                "or set clean.missing_word to drop_row or drop_sentence"
            )
        if self.rules.missing_word == "drop_row":
            self.report.dropped["rows_empty_word" if word else "rows_missing_word"] += 1
        return True


def _chosen(column: list[str], rows: Sequence[int], first_row: int) -> list[str]:
    return column if len(rows) == len(column) else [column[row - first_row] for row in rows]
