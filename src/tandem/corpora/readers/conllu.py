"""Reading CoNLL-U files: ten columns separated by tabs, comments, multiword tokens and empty nodes.

Tags stand in a column, or in the last one, MISC, under a key: a tag a word (`NER=B-PER`), or brackets
(`Entity=(person-1`). https://universaldependencies.org/format.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tandem.corpora.readers.bracketed_entities import BracketedEntities
from tandem.corpora.readers.column_files import check_words_only, column_number
from tandem.corpora.readers.entries import Entry, Notes, Source
from tandem.corpora.readers.sentence_comments import SentenceComments
from tandem.corpora.readers.text_files import open_text
from tandem.errors import TandemError
from tandem.params import Corpus

COLUMNS = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
KEYS_LISTED = 12
SHOWN = 60

_FORM, _MISC = 1, 9
_RANGE = re.compile(r"[0-9]+-[0-9]+")
_EMPTY_NODE = re.compile(r"[0-9]+\.[0-9]+")


def open_conllu(path: Path, corpus: Corpus) -> Source:
    """Open the CoNLL-U file at `path`; a corpus's `labels` and `group` are keys of comments.

    Raises `TandemError` at once for params that do not fit, and from the entries for a line that is no CoNLL-U, or
    if a key of tags, labels or group stood nowhere.
    """
    file = open_text(path, corpus.encoding)
    check_words_only(file.place, corpus, "conllu")
    for task, key in corpus.labels.items():
        if isinstance(key, int):
            raise TandemError(
                f"{file.place}: corpora.*.labels.{task} is {key}; expected the key of a comment, such as `intent` "
                "for lines `# intent = <label>`"
            )
    words = _FORM if corpus.words is None else column_number(file.place, "words", corpus.words, COLUMNS, COLUMNS)
    columns = {
        task: column_number(file.place, f"tags.{task}", name, COLUMNS, COLUMNS)
        for task, name in corpus.tags.items()
        if isinstance(name, int) or name in COLUMNS
    }
    keys = {task: str(name) for task, name in corpus.tags.items() if task not in columns}
    notes = Notes()
    labels = {task: str(key) for task, key in corpus.labels.items()}
    group = None if corpus.group is None else str(corpus.group)
    comments = SentenceComments(file.place, labels, group, notes)
    reader = _Reader(place=file.place, words=words, columns=columns, keys=keys, notes=notes, comments=comments)
    return Source(
        place=file.place,
        unit="line",
        facts={"format": "conllu", **file.facts},
        entries=reader.entries(enumerate(file.lines(), start=1)),
        notes=notes,
    )


@dataclass(kw_only=True)
class _Reader:
    """Makes entries of lines; `columns` and `keys` say by task where its tags stand."""

    place: str
    words: int
    columns: Mapping[str, int]
    keys: Mapping[str, str]
    notes: Notes
    comments: SentenceComments
    entity_fields: list[str] = field(default_factory=list)
    keys_met: set[str] = field(default_factory=set)

    def entries(self, lines: Iterator[tuple[int, str]]) -> Iterator[Entry]:
        sentence: list[tuple[int, list[str]]] = []
        n_words, n_sentences = 0, 0
        for row, line in lines:
            if not line or line.isspace():
                if n_words:
                    yield self._entry(sentence)
                    n_sentences += 1
                self.comments.take_labels()
                sentence, n_words = [], 0
            elif line[0] == "#":
                self._read_comment(row, line)
            else:
                fields = self._fields(row, line)
                n_words += self._is_word(row, fields, n_words)
                sentence.append((row, fields))
        if n_words:
            yield self._entry(sentence)
        elif not n_sentences:
            raise TandemError(f"{self.place}: no words; expected CoNLL-U, ten columns separated by tabs")
        self._check_found()

    def _read_comment(self, row: int, line: str) -> None:
        self.comments.read(row, line)
        name, _, value = line[1:].partition("=")
        if name.strip() == "global.Entity":
            self.entity_fields = value.strip().split("-")

    def _fields(self, row: int, line: str) -> list[str]:
        fields = line.split("\t")
        if len(fields) != len(COLUMNS):
            raise TandemError(
                f"{self.place}, line {row}: expected the {len(COLUMNS)} columns of CoNLL-U separated by tabs, found "
                f"{len(fields)}: {line[:SHOWN]!r}. Correct the line, or set format to conll if these are other columns"
            )
        return fields

    def _is_word(self, row: int, fields: list[str], n_words: int) -> bool:
        number = fields[0]
        if number == str(n_words + 1):
            return True
        if _RANGE.fullmatch(number):
            self.notes.add("multiword_tokens", row)
        elif _EMPTY_NODE.fullmatch(number):
            self.notes.add("empty_nodes", row)
        else:
            raise TandemError(
                f"{self.place}, line {row}: ID {number!r}, expected {n_words + 1}, a range such as 1-2 or an empty "
                "node such as 1.1. A line is missing, or the blank line before a sentence"
            )
        return False

    def _entry(self, sentence: list[tuple[int, list[str]]]) -> Entry:
        words = [(row, fields) for row, fields in sentence if fields[0].isdecimal()]
        tags = {task: self._column(words, column) for task, column in self.columns.items()}
        return Entry(
            row=words[0][0],
            rows=[row for row, _ in words],
            words=[fields[self.words] for _, fields in words],
            tags={**tags, **{task: self._of_key(sentence, key) for task, key in self.keys.items()}},
            labels=self.comments.take_labels(),
            group=self.comments.group,
        )

    def _column(self, words: list[tuple[int, list[str]]], column: int) -> list[str]:
        unsaid = "O" if column == _MISC else ""
        return [unsaid if fields[column] == "_" else fields[column] for _, fields in words]

    def _of_key(self, sentence: list[tuple[int, list[str]]], key: str) -> list[str]:
        tags: list[str] = []
        values: list[tuple[int, str, int, int]] = []
        for row, fields in sentence:
            value = self._value(fields[_MISC], key)
            is_word, position = fields[0].isdecimal(), len(tags)
            if is_word:
                tags.append(value or "O")
            if value not in ("", "O") and (is_word or _EMPTY_NODE.fullmatch(fields[0])):
                values.append((row, value, position, position + is_word))
            elif value not in ("", "O"):
                self.notes.add("tags_of_multiword_tokens", row)
        if not any("(" in value or ")" in value for _, value, _, _ in values):
            return tags
        entities = BracketedEntities(self.place, self.entity_fields, self.notes)
        for row, value, first, last in values:
            entities.read(row, value, first, last)
        return entities.tags(len(tags))

    def _value(self, misc: str, key: str) -> str:
        for part in misc.split("|"):
            name, has_value, value = part.partition("=")
            if has_value and (name == key or len(self.keys_met) < KEYS_LISTED):
                self.keys_met.add(name)
            if name == key and has_value:
                return value
        return ""

    def _check_found(self) -> None:
        self.comments.check_found()
        for task, key in self.keys.items():
            if key not in self.keys_met:
                found = ", ".join(map(repr, sorted(self.keys_met))) or "none"
                raise TandemError(
                    f"{self.place}: corpora.*.tags.{task} names {key!r}, but no word has {key}= in MISC; keys found: "
                    f"{found}; columns are {', '.join(COLUMNS)}. Name one of these"
                )
