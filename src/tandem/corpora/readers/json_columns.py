"""Columns of plain JSON records, many at once: of each record only what a corpus asks for becomes an object.

msgspec parses. In what nobody asks for, it lets a number of thousands of digits pass that `json_parsing` refuses, and
bytes that are not UTF-8, which are looked for here; what else it refuses is read as before, or refused there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Annotated, Any

from tandem.corpora.readers.entries import Notes
from tandem.corpora.readers.json_keys import Keys
from tandem.corpora.readers.json_parsing import LARGEST_WHOLE, Batch
from tandem.corpora.readers.json_streams import MARK, MARKED, batches_of_block
from tandem.corpora.readers.tables import Block
from tandem.corpora.readers.text_files import TextFile

Columns = list[list[str]]


def columns_of_lines(file: TextFile, keys: Keys, notes: Notes) -> Iterator[Block | Batch]:
    """Yield the records of JSON Lines as columns of texts, labels and groups, and as batches where that fails.

    The first block is a batch in any case: a small file costs no import.
    """
    first = 1
    parse: Callable[[bytes], Columns | None] | None = None
    for block in file.whole_lines():
        if first > 1 and parse is None:
            parse = columns_parser(keys)
        columns = None if parse is None else parse(block)
        if columns is None:
            lines = block.splitlines(keepends=True)
            yield from batches_of_block(file, first, lines, notes)
            first += len(lines)
        else:
            rows = range(first, first + len(columns[0]))
            yield Block(rows, columns)
            first = rows.stop


def columns_parser(keys: Keys) -> Callable[[bytes], Columns | None]:
    """Return a function from whole lines to columns: texts, labels, the group; missing values are empty.

    It returns None unless each line is certainly one object, with all keys, and with texts or whole numbers or null
    under them (no number for a text); always so where words or spans are asked for.
    """
    import msgspec  # noqa: PLC0415 - small files do without

    whole = Annotated[int, msgspec.Meta(ge=-LARGEST_WHOLE, le=LARGEST_WHOLE)]
    others = (*keys.labels.values(), *([] if keys.group is None else [keys.group]))
    kinds = {**dict.fromkeys(others, str | whole | None), **dict.fromkeys(keys.text, str | None)}
    names = {key: f"key_{number}" for number, key in enumerate(kinds)}
    try:
        fields = [(names[key], kind, msgspec.field(name=key)) for key, kind in kinds.items()]
        decoder = msgspec.json.Decoder(list[msgspec.defstruct("Plain", fields, gc=False) | int])  # type: ignore[misc]
    except ValueError:  # a key that needs escapes
        return lambda _: None
    columns = [attrgetter(names[key]) for key in (*keys.text, *others)]
    is_plain = keys.words is None and not keys.spans

    def parse(block: bytes) -> Columns | None:
        block = block.replace(b"\r\n", b"\n") if b"\r" in block else block
        if not is_plain or b"\r" in block or MARK in block or block[-1:] != b"\n" or not _is_utf8(block):
            return None
        lines = block[:-1]
        marked = lines.replace(b"\n", MARKED)
        n_marks = (len(marked) - len(lines)) // (len(MARKED) - 1)
        try:
            values = decoder.decode(b"[%b]" % marked)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        records, marks = values[::2], values[1::2]  # as in `parse_together`
        if not len(marks) == marks.count(int(MARK)) == n_marks == len(records) - 1:
            return None
        try:
            return [_texts(list(map(column, records))) for column in columns]
        except AttributeError:  # a number among them
            return None

    return parse


def _is_utf8(block: bytes) -> bool:
    try:
        return block.isascii() or bool(block.decode())
    except UnicodeDecodeError:
        return False


def _texts(column: list[Any]) -> list[str]:
    are_texts = set(map(type, column)) == {str}
    return column if are_texts else ["" if value is None else str(value) for value in column]
