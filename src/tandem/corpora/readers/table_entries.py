"""From a table to entries: one text a row, one word a row, or one sentence a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, repeat

from tandem.corpora.readers.entries import Entry, Notes, Source, TextColumns, one_by_one
from tandem.corpora.readers.table_checks import check_tags, checked_header
from tandem.corpora.readers.tables import Block, Table
from tandem.corpora.readers.white_space import split_white
from tandem.errors import TandemError
from tandem.params.schema import Corpus, FieldName


def table_source(table: Table, corpus: Corpus) -> Source:
    """Make the entries that a corpus' params describe of a table.

    Raises `TandemError` at once for a column that is missing or ambiguous, and from the entries for words before
    any sentence mark and for a sentence with more or fewer tags than words.
    """
    if corpus.spans:
        raise TandemError(
            f"{table.place}: a table holds no character spans (corpora.*.spans); give them in a json or jsonl file, "
            "or a table with one word a row"
        )
    has_group = corpus.group is not None and (isinstance(corpus.group, int) or corpus.group in table.header)
    optional = [corpus.group] if corpus.group is not None and has_group else []
    first = _first_columns(table, corpus)
    check_tags(table, corpus)
    blocks = table.read_columns([*first, *corpus.tags.values(), *corpus.labels.values(), *optional])
    blocks = checked_header(table, corpus, blocks, labels_at=len(first))
    reader = _Reader(table=table, n_first=len(first), tags=tuple(corpus.tags), labels=tuple(corpus.labels))
    group = "none" if corpus.group is None else "named" if has_group else "absent"
    opened = partial(
        Source, place=table.place, unit=table.unit, facts={**table.facts, "group": group}, notes=table.notes
    )
    if corpus.words is None:
        texts = (text_columns(block, reader.n_first, reader.labels) for block in blocks)
        return opened(entries=one_by_one(texts), pieces=texts)
    return opened(entries=reader.sentence_rows(blocks) if corpus.sentence is None else reader.word_rows(blocks))


def _first_columns(table: Table, corpus: Corpus) -> list[FieldName]:
    if corpus.words is not None:
        return [corpus.words] if corpus.sentence is None else [corpus.sentence, corpus.words]
    if corpus.text is None:
        raise TandemError(f"{table.place}: corpora.* must name a column in `text` or `words`")
    return list(corpus.text) if isinstance(corpus.text, tuple) else [corpus.text]


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """Makes entries of blocks: `n_first` columns of text or words, then tags, labels, and the group if there is one."""

    table: Table
    n_first: int
    tags: tuple[str, ...]
    labels: tuple[str, ...]

    def sentence_rows(self, blocks: Iterator[Block]) -> Iterator[Entry]:
        """Yield the words of each row, which white space parts."""
        for rows, columns in blocks:
            cells = zip(*columns[1 : self._labels_at], strict=True) if self.tags else repeat(())
            labels, groups = _labels(columns[self._labels_at :], self.labels), _groups(columns[self._groups_at :])
            for row, words, tags, named, group in zip(rows, columns[0], cells, labels, groups, strict=False):
                parted = split_white(words)
                yield Entry(row=row, words=parted, tags=self._tags(row, parted, tags), labels=named, group=group)

    def word_rows(self, blocks: Iterator[Block]) -> Iterator[Entry]:
        """Yield the words of each sentence, which a mark in the first column begins."""
        for rows, columns in _sentences(blocks, self.table):
            first_cells = [column[:1] for column in columns]
            yield Entry(
                row=rows[0],
                words=columns[1],
                rows=rows,
                tags=dict(zip(self.tags, columns[2:], strict=False)),
                labels=next(iter(_labels(first_cells[self._labels_at :], self.labels))),
                group=next(iter(_groups(first_cells[self._groups_at :]))),
            )

    @property
    def _labels_at(self) -> int:
        return self.n_first + len(self.tags)

    @property
    def _groups_at(self) -> int:
        return self._labels_at + len(self.labels)

    def _tags(self, row: int, words: list[str], cells: Sequence[str]) -> dict[str, list[str]]:
        tags = {task: parted for task, cell in zip(self.tags, cells, strict=False) if (parted := split_white(cell))}
        for task, column in tags.items():
            if len(column) != len(words):
                raise TandemError(
                    f"{self.table.place}, {self.table.unit} {row}: {len(words)} words, but {len(column)} tags of task "
                    f"{task}; expected one tag a word, parted by white space. Correct the row"
                )
        return tags


def text_columns(block: Block, n_texts: int, tasks: Sequence[str]) -> TextColumns:
    """Take a block as running texts: its columns are texts to be joined, a label for each task, maybe the group."""
    rows, columns = block
    texts = columns[0] if n_texts == 1 else list(map(_spaced, zip(*columns[:n_texts], strict=True)))
    labels, groups = columns[n_texts : n_texts + len(tasks)], columns[n_texts + len(tasks) :]
    return TextColumns(rows, texts, dict(zip(tasks, labels, strict=True)), groups[0] if groups else None)


def _labels(columns: list[list[str]], tasks: Sequence[str]) -> Sequence[dict[str, str]] | repeat[dict[str, str]]:
    if not tasks:
        return repeat({})
    if len(tasks) == 1:
        [task] = tasks
        return [{task: cell} if cell else {} for cell in columns[0]]
    return [
        {task: cell for task, cell in zip(tasks, cells, strict=True) if cell}
        for cells in zip(*columns[: len(tasks)], strict=True)
    ]


def _groups(columns: list[list[str]]) -> Sequence[str | None] | repeat[None]:
    return [cell or None for cell in columns[0]] if columns else repeat(None)


def _spaced(cells: Sequence[str]) -> str:
    return " ".join(filter(None, cells))


def _sentences(blocks: Iterator[Block], table: Table) -> Iterator[Block]:
    """Cut the rows where a new mark stands.

    A row without a mark belongs to the sentence above; a mark that differs from the last one begins a sentence,
    also if it stood further up (noted as `repeated_marks`): sentences keep the file's order.
    """
    table.notes.counts["repeated_marks"] = 0
    seen: set[str] = set()
    rest: Block | None = None
    for block in blocks:
        joined = block if rest is None else _joined(rest, block)
        starts = _starts(joined.columns[0])
        if starts[:1] != [0]:
            raise TandemError(
                f"{table.place}, {table.unit} {joined.rows[0]}: a word stands before any sentence mark; expected one "
                "in the column that `corpora.*.sentence` names, on the first row of each sentence"
            )
        for start, end in pairwise(starts):
            yield _noted(_part(joined, start, end), seen, table.notes)
        rest = _part(joined, starts[-1], None)
    if rest is not None:
        yield _noted(rest, seen, table.notes)


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
    return Block([*upper.rows, *lower.rows], columns)


def _part(block: Block, start: int, end: int | None) -> Block:
    return Block(block.rows[start:end], [column[start:end] for column in block.columns])


def _noted(sentence: Block, seen: set[str], notes: Notes) -> Block:
    mark = sentence.columns[0][0]
    if mark in seen:
        notes.add("repeated_marks", sentence.rows[0])
    seen.add(mark)
    return sentence
