"""What can be wrong with a corpus: the kinds of findings, how grave they are, and collecting them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from tandem.corpora.readers.entries import Notes

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
ROWS_LISTED = 5
EXAMPLES_LISTED = 3
EXAMPLE_CHARACTERS = 60


class Kind(NamedTuple):
    """How grave a kind of finding is, and what to say of it."""

    severity: Severity
    message: str


KINDS: Mapping[str, Kind] = {
    "unreadable": Kind("error", "the file cannot be read, or not further"),
    "nothing_left": Kind("error", "no text is left to learn from"),
    "no_task": Kind("error", "no label, tag or span is named: there is nothing to learn"),
    "no_labels": Kind("error", "no text has a label"),
    "one_class": Kind("error", "all labels are the same: nothing to tell apart"),
    "no_tags": Kind("error", "no text has tags"),
    "no_entities": Kind("error", "no entity is marked in any text"),
    "malformed_tags": Kind("error", "tags that are none in the file's scheme"),
    "numbered_tags": Kind("error", "tags that are numbers: write the names that the numbers stand for"),
    "refused": Kind("error", "cleaning stops at this text"),
    "unknown_labels": Kind("warning", "labels that tasks.*.labels does not list: their texts are dropped"),
    "unknown_tags": Kind("warning", "entity types that tasks.*.labels does not list: their texts are dropped"),
    "scheme_differs": Kind("warning", "tags look like another scheme than tasks.*.scheme says"),
    "tags_repaired": Kind("warning", "tags that cannot stand where they do: repaired"),
    "tags_missing_as_outside": Kind("warning", "words without a tag: they count as O"),
    "sentences_missing_tag": Kind("warning", "sentences with a word without a tag: dropped"),
    "sentences_missing_word": Kind("warning", "sentences with an empty word: dropped"),
    "sentences_without_words": Kind("warning", "sentences without words: dropped"),
    "rows_missing_word": Kind("warning", "empty words: their rows are dropped"),
    "rows_empty_word": Kind("warning", "words of white space alone: their rows are dropped"),
    "empty_texts": Kind("warning", "empty texts: dropped"),
    "near_empty": Kind("warning", "texts with fewer than 3 letters or digits"),
    "missing_label": Kind("warning", "texts without a label: dropped"),
    "duplicates": Kind("warning", "copies of a text further up (but for case and spacing)"),
    "near_duplicates": Kind("warning", "texts nearly the same as one further up (Jaccard >= 0.8)"),
    "conflicting_labels": Kind("warning", "texts that stand there with different labels"),
    "conflicting_tags": Kind("warning", "texts that stand there with different tags"),
    "leakage": Kind("warning", "texts that an earlier split holds as well"),
    "near_leakage": Kind("warning", "texts nearly the same as one in an earlier split"),
    "exact_elsewhere": Kind(
        "warning", "texts that a corpus before this one holds as well: the encoder sees them twice"
    ),
    "near_elsewhere": Kind("warning", "texts nearly the same as one of a corpus before this one"),
    "unseen_labels": Kind("warning", "labels in valid or test that train lacks"),
    "labels_differ": Kind(
        "warning",
        "labels that only this corpus has, or only the one before: rename them by `map`, or list all in tasks.*.labels",
    ),
    "unused_map": Kind("warning", "names in `map` that no label or entity type has: in another case, maybe"),
    "rare_labels": Kind("warning", "labels that are rare (below 10, or below 0.5 %)"),
    "mojibake": Kind("warning", "text that looks as if read in a wrong encoding"),
    "edge_space": Kind("warning", "entities with white space at an end: trimmed"),
    "edge_punctuation": Kind("warning", "entities with punctuation at an end"),
    "spans_inside_word": Kind("warning", "spans that begin or end inside a word: dropped"),
    "spans_overlapping": Kind("warning", "spans that overlap another: dropped"),
    "spans_out_of_range": Kind("warning", "spans beyond the text: dropped"),
    "spans_empty": Kind("warning", "spans of nothing or white space: dropped"),
    "spans_duplicate": Kind("warning", "spans given twice: dropped"),
    "span_text_differs": Kind("warning", "spans whose own text is not what stands there: off by some characters?"),
    "errors": Kind("warning", "cells that hold a spreadsheet error: read as empty"),
    "fields_in_quotes": Kind(
        "warning",
        "fields in quotes, which this file is read without, as its first rows do not pair them: if they are not part "
        "of the text, save it as .csv",
    ),
    "lone_surrogates": Kind("warning", "broken characters (half of a surrogate pair)"),
    "beyond_max_length": Kind("info", "texts longer than tokenize_align.max_length: read in windows"),
    "unknown_pieces": Kind("info", "texts with characters that the tokenizer does not know ([UNK])"),
    "html": Kind("info", "texts with HTML: removed"),
    "white_space": Kind("info", "texts with odd white space: made single spaces"),
    "dropped_characters": Kind("info", "texts with characters of clean.drop_characters: deleted"),
    "words_stripped": Kind("info", "words with white space around them: stripped"),
    "labels_mapped": Kind("info", "labels renamed by `map`"),
    "labels_stripped": Kind("info", "labels with white space around them: stripped"),
    "tags_mapped": Kind("info", "tags renamed by `map`"),
    "spans_mapped": Kind("info", "spans renamed by `map`"),
    "repeated_marks": Kind("info", "sentence marks that stood further up already"),
    "without_answer": Kind("info", "texts that say nothing for this task: only the others learn from them"),
    "group_absent": Kind("info", "the group's column or key is not there: each text is alone"),
    "comments": Kind("info", "comment lines: passed over"),
    "documents": Kind("info", "marks of a document's beginning"),
    "multiword_tokens": Kind("info", "multiword tokens: their words are read"),
}
"""In the order of the report, within a severity. A kind that is not here is a reader's note: info."""

TOLD_BY_EXAMPLE = ("unreadable", "refused")
"""Kinds whose examples are whole messages."""


@dataclass(kw_only=True)
class Finding:
    """Something about a corpus that its user should know, how often it is so, and where first.

    A row is preceded by its split where the corpus comes split.
    """

    kind: str
    severity: Severity
    message: str
    task: str | None
    count: int = 0
    rows: list[int | str] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """What was found, and in which task."""
        return self.message + (f" ({self.task})" if self.task else "")

    @property
    def reason(self) -> str:
        """The same, or what a reader or cleaning has said itself."""
        return self.examples[0] if self.kind in TOLD_BY_EXAMPLE and self.examples else self.title

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON takes it."""
        values = {name: getattr(self, name) for name in ("kind", "severity", "message", "count", "rows", "examples")}
        return values if self.task is None else {**values, "task": self.task}


class Findings:
    """Collects findings by kind and task; `severities` are those that differ from the usual, by kind."""

    def __init__(self, severities: Mapping[str, Severity]) -> None:
        self._severities = severities
        self._found: dict[tuple[str, str | None], Finding] = {}

    def add(
        self,
        kind: str,
        row: int | None = None,
        split: str | None = None,
        *,
        count: int = 1,
        example: str | None = None,
        task: str | None = None,
    ) -> None:
        """Count something found, at a row of a split."""
        finding = self._found.get((kind, task))
        if finding is None:
            finding = self._found[kind, task] = self._begun(kind, task)
        finding.count += count
        if row is not None and len(finding.rows) < ROWS_LISTED:
            place = place_of(row, split)
            if place not in finding.rows:
                finding.rows.append(place)
        if example is not None and len(finding.examples) < EXAMPLES_LISTED and example not in finding.examples:
            finding.examples.append(example)

    @property
    def has_errors(self) -> bool:
        """Whether something was found already that would make training fail."""
        return any(finding.severity == "error" for finding in self._found.values())

    def worsen(self, kind: str) -> None:
        """Make an info a warning."""
        for finding in self._found.values():
            if finding.kind == kind and finding.severity == "info":
                finding.severity = "warning"

    def add_notes(self, notes: Notes, split: str | None) -> None:
        """Take over what a reader met."""
        for kind, count in notes.counts.items():
            for row in notes.first_rows.get(kind, ()) if count else ():
                self.add(kind, row, split, count=0)
            if count:
                self.add(kind, count=count)

    def sorted(self) -> list[Finding]:
        """Return what was found, the gravest first."""
        return gravest_first(self._found.values())

    def _begun(self, kind: str, task: str | None) -> Finding:
        known = KINDS.get(kind, Kind("info", kind.replace("_", " ")))
        return Finding(kind=kind, severity=self._severities.get(kind, known.severity), message=known.message, task=task)


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Sort by severity, then as the kinds are listed."""
    ranks = {kind: rank for rank, kind in enumerate(KINDS)}
    return sorted(
        findings,
        key=lambda found: (
            SEVERITIES.index(found.severity),
            ranks.get(found.kind, len(ranks)),
            found.kind,
            found.task or "",
        ),
    )


def place_of(row: int, split: str | None) -> int | str:
    """A row, with its split if the corpus comes split."""
    return row if split is None else f"{split} {row}"


def shown(text: str, most: int = EXAMPLE_CHARACTERS) -> str:
    """Return a text as it may be printed: what cannot be seen escaped, cut where too long."""
    text = text if len(text) <= most else text[: most - 3] + "..."
    return text if text.isprintable() else repr(text)[1:-1]
