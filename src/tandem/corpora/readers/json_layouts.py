"""How the records lie in a JSON text: told from its beginning by its brackets and its outermost keys."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Literal, NamedTuple

from tandem.corpora.readers.text_files import TextFile

HEAD_CHARACTERS = 1 << 20

TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
"""A whole text, a bracket, or a text that is cut off at the end."""

_SPACE = re.compile(r"[ \t\r\n]*+")


class Layout(NamedTuple):
    """How the records lie in a file; `array` is at which byte of UTF-8 theirs begins in an object `wrapped` around."""

    kind: Literal["lines", "objects", "array", "wrapped"]
    array: int = 0


def find_layout(file: TextFile, names: Collection[str]) -> Layout:
    """Tell a file's layout from its beginning; a record is known from a wrapping object by a key in `names`."""
    with file.stream() as stream:
        head = stream.read(HEAD_CHARACTERS)
    start = _after_space(head, 0)
    if head[start : start + 1] == "[":
        return Layout("array")
    if head[start : start + 1] != "{":
        return Layout("lines")
    outline = _outline(head, start)
    rest = "" if outline.end is None else head[outline.end :]
    if outline.array is not None and outline.keys.isdisjoint(names) and not rest.strip():
        return Layout("wrapped", len(head[: outline.array].encode(errors="replace")))
    is_line = outline.end is not None and "\n" not in head[start : outline.end] and not rest.partition("\n")[0].strip()
    return Layout("lines" if is_line else "objects")


def _after_space(text: str, position: int) -> int:
    space = _SPACE.match(text, position)
    assert space is not None, "it matches nothing, too"
    return space.end()


class _Outline(NamedTuple):
    """What a text's first object looks like from above: its end, its keys, its first array of objects."""

    end: int | None
    keys: set[str]
    array: int | None


def _outline(text: str, start: int) -> _Outline:
    keys: set[str] = set()
    array = None
    depth = 0
    for token in TOKEN.finditer(text, start):
        mark = token[0]
        following = _after_space(text, token.end())
        if depth == 1 and mark[0] == '"' and text[following : following + 1] == ":":
            keys.add(_unescaped(mark))
        if depth == 1 and mark == "[" and array is None and text[following : following + 1] == "{":
            array = token.start()
        depth += (mark in "[{") - (mark in "]}")
        if depth == 0:
            return _Outline(token.end(), keys, array)
    return _Outline(None, keys, array)


def _unescaped(token: str) -> str:
    try:
        return str(json.loads(token))
    except ValueError:
        return token
