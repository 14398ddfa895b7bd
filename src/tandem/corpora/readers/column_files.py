"""Reading CoNLL column files: a word a line with its tags, a blank line after each sentence.

A line that begins with `#` is a comment or a word. With as many columns as the words have it is a word, but for
`# key = value` and `# key: value` where columns are separated by white space. With more or fewer it is a comment if
it reads like these, or stands before a sentence with white space after the `#`; else it is an error like any line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from tandem.corpora.readers.entries import Entry, Notes, Source
from tandem.corpora.readers.sentence_comments import SentenceComments
from tandem.corpora.readers.text_files import open_text
from tandem.corpora.readers.white_space import split_white
from tandem.errors import TandemError
from tandem.params import Corpus

HEAD_LINES = 1000
SHOWN = 60

_COMMENT = re.compile(r"# +[^\s=:].*?(?: =|:)(?: |$)")
_COMMENT_WITHOUT_SPACE = re.compile(r"#[^\s=]+ = ")
_COMMENT_OF_WORDS = re.compile(r"# (?:id|newdoc|newpar)\b")


def open_conll(path: Path, corpus: Corpus) -> Source:
    """Open the column file at `path`; a corpus's `labels` and `group` are columns or keys of comments.

    Raises `TandemError` at once if it holds no words or not the columns named, and from the entries for a line with
    more or fewer columns than the first, or if the key of a label or group stood in no comment.
    """
    file = open_text(path, corpus.encoding)
    lines = enumerate(file.lines(), start=1)
    head = list(islice(lines, HEAD_LINES))
    layout = _layout(file.place, head, corpus)
    notes = Notes()
    keys = {task: str(key) for task, key in corpus.labels.items() if task not in layout.labels}
    group = None if corpus.group is None or layout.group is not None else str(corpus.group)
    return Source(
        place=file.place,
        unit="line",
        facts={"format": "conll", **file.facts, "columns": layout.n_columns, "delimiter": layout.delimiter},
        entries=_entries(layout, SentenceComments(file.place, keys, group, notes), chain(head, lines)),
        notes=notes,
    )


def check_words_only(place: str, corpus: Corpus, form: str) -> None:
    """Raise `TandemError` if the params ask for what a file of words cannot hold."""
    keys = (("text", corpus.text), ("sentence", corpus.sentence), ("spans", corpus.spans))
    for key, value in keys:
        if value not in (None, {}):
            raise TandemError(
                f"{place}: corpora.*.{key} is {value!r}, but a {form} file holds sentences of words; "
                f"remove `{key}` and name the column of the words by `words`"
            )


def column_number(place: str, key: str, column: str | int, names: Sequence[str], first: Sequence[str]) -> int:
    """Return which column the params mean by a number or by a name; `first` are the fields of the first word.

    Raises `TandemError` if there is none such.
    """
    found = f"{len(first)} columns ({', '.join(map(repr, first))})"
    if isinstance(column, str):
        if column in names:
            return names.index(column)
        known = f"; columns are called {', '.join(names)}" if names else ""
        raise TandemError(
            f"{place}: corpora.*.{key} is {column!r}, but the columns have no such name{known}. "
            f"Found {found}: give a number, 0 for the first, -1 for the last, or name all columns by `columns`"
        )
    if not -len(first) <= column < len(first):
        raise TandemError(
            f"{place}: corpora.*.{key} is column {column}, found {found}; expected a number from 0 to "
            f"{len(first) - 1}, or from -1 for the last to {-len(first)}"
        )
    return column % len(first)


def word_columns(place: str, corpus: Corpus, names: Sequence[str], first: Sequence[str]) -> tuple[int, dict[str, int]]:
    """Return the columns of the words and of each task's tags; raises `TandemError` if tags would be the words."""
    words = column_number(place, "words", corpus.words or 0, names, first)
    tags = {task: column_number(place, f"tags.{task}", column, names, first) for task, column in corpus.tags.items()}
    if words in tags.values():
        raise TandemError(
            f"{place}: corpora.*.words and corpora.*.tags are one column, found {len(first)} columns "
            f"({', '.join(map(repr, first))}); expected tags beside the words. Correct the numbers, or the format"
        )
    return words, tags


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """Where in a line the words, tags and labels stand."""

    place: str
    separator: str
    first_line: int
    n_columns: int
    names: Sequence[str]
    words: int
    tags: Mapping[str, int]
    labels: Mapping[str, int]
    group: int | None

    @property
    def delimiter(self) -> str:
        return {"\t": "tab", " ": "white space"}.get(self.separator, self.separator)

    def fields(self, line: str) -> list[str]:
        return _split(line, self.separator)

    def is_comment(self, line: str, fields: Sequence[str], in_sentence: bool) -> bool:
        """Whether a line that begins with `#` is no word."""
        if _COMMENT_OF_WORDS.match(line):
            return True
        if len(fields) == self.n_columns:
            return self.separator == " " and _COMMENT.match(line) is not None
        is_apart = line[1:2] in ("", " ", "\t") and not in_sentence
        return is_apart or bool(_COMMENT.match(line) or _COMMENT_WITHOUT_SPACE.match(line))

    def check(self, row: int, line: str, fields: Sequence[str]) -> None:
        if len(fields) != self.n_columns:
            raise TandemError(
                f"{self.place}, line {row}: expected {self.n_columns} columns separated by {self.delimiter} as in line "
                f"{self.first_line}, found {len(fields)}: {line[:SHOWN]!r}. Correct the line, or name the separator by "
                "corpora.*.delimiter"
            )

    def entry(self, rows: Sequence[int], words: Sequence[Sequence[str]], comments: SentenceComments) -> Entry:
        columns = list(zip(*words, strict=True))
        labels = {task: words[0][column] for task, column in self.labels.items()}
        return Entry(
            row=rows[0],
            rows=rows,
            words=columns[self.words],
            tags={task: columns[column] for task, column in self.tags.items()},
            labels={**labels, **comments.take_labels()},
            group=comments.group if self.group is None else words[0][self.group] or None,
        )


def _split(line: str, separator: str) -> list[str]:
    return split_white(line) if separator == " " else line.split(separator)


def _layout(place: str, head: Sequence[tuple[int, str]], corpus: Corpus) -> _Layout:
    check_words_only(place, corpus, "conll")
    filled = [(row, line) for row, line in head if line.strip() and not line.startswith("-DOCSTART-")]
    data = [(row, line) for row, line in filled if line[0] != "#"] or filled
    if not data:
        raise TandemError(f"{place}: no words in the first {len(head)} lines; expected a word and its tags a line")
    separator = corpus.delimiter or ("\t" if 2 * sum("\t" in line for _, line in data) >= len(data) else " ")
    row, line = data[0]
    first = _split(line, separator)
    at, names = f"{place}, line {row}", corpus.columns or ()
    if names and len(names) != len(first):
        raise TandemError(
            f"{at}: {len(first)} columns, but corpora.*.columns names {len(names)} ({', '.join(names)}); "
            f"found {line[:SHOWN]!r}"
        )
    labels = {task: column for task, column in corpus.labels.items() if isinstance(column, int) or column in names}
    words, tags = word_columns(at, corpus, names, first)
    by_column = isinstance(corpus.group, int) or corpus.group in names
    return _Layout(
        place=place,
        separator=separator,
        first_line=row,
        n_columns=len(first),
        names=names,
        words=words,
        tags=tags,
        labels={task: column_number(at, f"labels.{task}", column, names, first) for task, column in labels.items()},
        group=column_number(at, "group", corpus.group or 0, names, first) if by_column else None,
    )


def _entries(layout: _Layout, comments: SentenceComments, lines: Iterable[tuple[int, str]]) -> Iterator[Entry]:
    rows: list[int] = []
    words: list[list[str]] = []
    for row, line in lines:
        is_document = line.startswith("-DOCSTART-")
        if is_document or not line or line.isspace():
            if words:
                yield layout.entry(rows, words, comments)
                rows, words = [], []
            comments.take_labels()
            if is_document:
                comments.begin_document(row)
            continue
        fields = layout.fields(line)
        if line[0] == "#" and layout.is_comment(line, fields, bool(words)):
            comments.read(row, line)
        elif row == layout.first_line and tuple(fields) == tuple(layout.names):
            continue  # a header
        else:
            layout.check(row, line, fields)
            rows.append(row)
            words.append(fields)
    if words:
        yield layout.entry(rows, words, comments)
    comments.check_found()
