"""Columns of plain JSON records, many at once: of each record only what a corpus asks for becomes an object.

msgspec parses. In what nobody asks for, it lets a number of thousands of digits pass that `json_parsing` refuses, and
bytes that are not UTF-8, which are looked for here; what else it refuses is read as before, or refused there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from operator import attrgetter
from typing import Annotated, Any

from tandem.corpora.readers.entries import Notes
from tandem.corpora.readers.json_keys import Keys
from tandem.corpora.readers.json_parsing import LARGEST_WHOLE, Batch
from tandem.corpora.readers.json_streams import batches_of_block
from tandem.corpora.readers.tables import Block
from tandem.corpora.readers.text_files import TextFile

SMALL_BYTES = 1 << 19
"""So much of a file is read as batches in any case: a small one costs no import."""

Columns = list[list[str]]

_NEWLINE, _OPENING, _CLOSING = b"\n{}"


def columns_of_lines(file: TextFile, keys: Keys, notes: Notes) -> Iterator[Block | Batch]:
    """Yield the records of JSON Lines as columns of texts, labels and groups, and as batches where that fails."""
    first, n_bytes = 1, 0
    parse: Callable[[bytes], Columns | None] | None = None
    for block in file.whole_lines():
        n_bytes += len(block)
        if first > 1 and n_bytes > SMALL_BYTES and parse is None:
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
    others = (*keys.labels.values(), *([] if keys.group is None else [keys.group]))
    names = {key: f"key_{number}" for number, key in enumerate(dict.fromkeys((*keys.text, *others)))}
    try:
        decode = _decoder(names, set(keys.text))
    except ValueError:  # a key that needs escapes
        return lambda _: None
    columns = [attrgetter(names[key]) for key in (*keys.text, *others)]
    is_plain = keys.words is None and not keys.spans

    def parse(block: bytes) -> Columns | None:
        block = block.replace(b"\r\n", b"\n") if b"\r" in block else block
        n_lines = _n_objects(block) if is_plain and b"\r" not in block and _is_utf8(block) else 0
        if not n_lines:
            return None
        records, are_texts = decode(block)
        if len(records) != n_lines:
            return None
        found = [list(map(column, records)) for column in columns]
        return found if are_texts else list(map(_texts, found))

    return parse


def _decoder(names: dict[str, str], texts: set[str]) -> Callable[[bytes], tuple[Sequence[Any], bool]]:
    """Return a function from lines to objects, none if that fails, and whether all that they hold is text.

    `names` are the objects' attributes, by key; `texts` are the keys that hold no numbers.
    """
    import msgspec  # noqa: PLC0415 - small files do without

    whole = Annotated[int, msgspec.Meta(ge=-LARGEST_WHOLE, le=LARGEST_WHOLE)]

    def decoder(kinds: dict[str, Any]) -> Callable[[bytes], Sequence[Any]]:
        fields = [(name, kinds[key], msgspec.field(name=key)) for key, name in names.items()]
        return msgspec.json.Decoder(msgspec.defstruct("Plain", fields, gc=False)).decode_lines

    as_texts = decoder(dict.fromkeys(names, str))
    as_any = decoder({key: str | None if key in texts else str | whole | None for key in names})

    def decode(block: bytes) -> tuple[Sequence[Any], bool]:
        for lines, are_texts in ((as_texts, True), (as_any, False)):
            with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                return lines(block), are_texts
        return (), False

    return decode


def _n_objects(block: bytes) -> int:
    """The number of lines if each begins with an opening brace and ends with a closing one, or else 0.

    Then none goes on in the next: within a value, no line's end stands between two braces. So if there are as many
    values as lines, each line is one.
    """
    import numpy as np  # noqa: PLC0415

    if not (block.startswith(b"{") and block.endswith(b"}\n")):
        return 0
    codes = np.frombuffer(block, np.uint8)
    ends = (codes == _NEWLINE).nonzero()[0]
    are_closed, are_opened = codes[ends - 1] == _CLOSING, codes[ends[:-1] + 1] == _OPENING
    return len(ends) if are_closed.all() and are_opened.all() else 0


def _is_utf8(block: bytes) -> bool:
    try:
        return block.isascii() or bool(block.decode())
    except UnicodeDecodeError:
        return False


def _texts(column: list[Any]) -> list[str]:
    return ["" if value is None else str(value) for value in column]
