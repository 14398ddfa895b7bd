"""Columns that a table has and that still cannot be meant: data for a header, tags that are the words."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from tandem.corpora.readers.tables import Block, Table
from tandem.errors import TandemError
from tandem.params.schema import Corpus

CHARACTERS_SHOWN = 40


def check_tags(table: Table, corpus: Corpus) -> None:
    """Raise `TandemError` if the tags of a task stand in the column of the words."""
    for task, name in corpus.tags.items():
        if corpus.words is not None and table.position(name) == table.position(corpus.words):
            raise TandemError(
                f"{table.place}: corpora.*.tags.{task} = {name!r} is the column of the words; columns found: "
                f"{table.found()}. Name the column of the tags; if there is one column alone, see whether another "
                "character parts the fields (corpora.*.delimiter), or the format is another (corpora.*.format)"
            )


def checked_header(table: Table, corpus: Corpus, blocks: Iterator[Block], labels_at: int) -> Iterator[Block]:
    """Pass the blocks on if the first row can be a header: where all columns are known by number, nothing else tells.

    A number is no column's name, unless it is the column's own; nor is what the rows below hold as a label or a tag,
    which stand in a block's columns from `labels_at` on. Raises `TandemError` at once, or with the first block.
    """
    text = corpus.text if isinstance(corpus.text, tuple) else (corpus.text,)
    marked = [*corpus.tags.values(), *corpus.labels.values()]
    named = [name for name in (*text, corpus.words, corpus.sentence, *marked) if name is not None]
    if corpus.columns is not None or any(isinstance(name, str) for name in named):
        return blocks
    for position in map(table.position, named):
        if _is_number(table.header[position]) and table.header[position] != str(position):
            raise _no_header(table, position, "is a number")
    return _without_repeated_names(table, [table.position(name) for name in marked], blocks, labels_at)


def _without_repeated_names(
    table: Table, positions: list[int], blocks: Iterator[Block], labels_at: int
) -> Iterator[Block]:
    first = next(blocks, None)
    if first is None:
        return
    for position, cells in zip(positions, first.columns[labels_at:], strict=False):
        if table.header[position] and table.header[position] in cells:
            raise _no_header(table, position, "stands among the values below it as well")
    yield from chain([first], blocks)


def _no_header(table: Table, position: int, reason: str) -> TandemError:
    return TandemError(
        f"{table.place}: the first row seems to be data, not names: {table.header[position][:CHARACTERS_SHOWN]!r}, "
        f"over column {position}, {reason}. If there is no header, name all columns in "
        "corpora.*.columns; if there is one, give the columns by name instead of by number"
    )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
