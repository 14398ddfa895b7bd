"""Reading WikiNER's files: a sentence a line, its words as `word|POS|tag`, spaces between (Nothman et al. 2013)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from tandem.corpora.readers.column_files import check_words_only, word_columns
from tandem.corpora.readers.entries import Entry, Source
from tandem.corpora.readers.text_files import open_text
from tandem.corpora.readers.white_space import split_white
from tandem.errors import TandemError
from tandem.params import Corpus

HEAD_LINES = 100
SHOWN = 60


def open_wikiner(path: Path, corpus: Corpus) -> Source:
    """Open the file at `path`; `|` may be another `delimiter`, and the word itself may hold it.

    Raises `TandemError` at once if its words are not of such parts or lack the columns named, and from the entries
    for a word of too few parts.
    """
    file = open_text(path, corpus.encoding)
    lines = enumerate(file.lines(), start=1)
    head = list(islice(lines, HEAD_LINES))
    layout = _layout(file.place, head, corpus)
    return Source(
        place=file.place,
        unit="line",
        facts={"format": "wikiner", **file.facts, "columns": layout.n_columns, "delimiter": layout.delimiter},
        entries=_entries(layout, chain(head, lines)),
    )


@dataclass(frozen=True, kw_only=True)
class _Layout:
    place: str
    delimiter: str
    n_columns: int
    words: int
    tags: Mapping[str, int]

    def parts(self, row: int, number: int, token: str) -> list[str]:
        parts = token.rsplit(self.delimiter, self.n_columns - 1)
        if len(parts) != self.n_columns:
            raise TandemError(
                f"{self.place}, line {row}, word {number}: {token[:SHOWN]!r} has {len(parts)} parts, expected "
                f"{self.n_columns} separated by {self.delimiter!r}, as most words of the file have. Correct the line"
            )
        return parts


def _layout(place: str, head: Iterable[tuple[int, str]], corpus: Corpus) -> _Layout:
    check_words_only(place, corpus, "wikiner")
    for key, value in (("labels", corpus.labels), ("group", corpus.group)):
        if value not in (None, {}):
            raise TandemError(f"{place}: corpora.*.{key} is {value!r}, but a wikiner file has none; remove `{key}`")
    delimiter = corpus.delimiter or "|"
    tokens = [(row, token) for row, line in head for token in split_white(line)]
    sizes = Counter(token.count(delimiter) + 1 for _, token in tokens)
    n_columns = min(sizes, key=lambda size: (-sizes[size], size), default=0)
    row, token = next(((row, token) for row, token in tokens if token.count(delimiter) + 1 == n_columns), (1, ""))
    if n_columns < 2:
        raise TandemError(
            f"{place}, line {row}: {token[:SHOWN]!r} is not of the form word{delimiter}tag or "
            f"word{delimiter}POS{delimiter}tag; expected a sentence of such words a line. Correct the format, or "
            "name what stands between a word and its tag by corpora.*.delimiter"
        )
    at, first, names = f"{place}, line {row}", token.split(delimiter), corpus.columns or ()
    if names and len(names) != n_columns:
        raise TandemError(f"{at}: {token!r} has {n_columns} parts, corpora.*.columns names {len(names)}")
    words, tags = word_columns(at, corpus, names, first)
    return _Layout(
        place=place,
        delimiter=delimiter,
        n_columns=n_columns,
        words=words,
        tags=tags,
    )


def _entries(layout: _Layout, lines: Iterable[tuple[int, str]]) -> Iterator[Entry]:
    for row, line in lines:
        tokens = split_white(line)
        if line.isspace() or not tokens:
            continue
        words = [layout.parts(row, number, token) for number, token in enumerate(tokens, start=1)]
        columns = list(zip(*words, strict=True))
        yield Entry(
            row=row,
            words=columns[layout.words],
            tags={task: columns[column] for task, column in layout.tags.items()},
        )
