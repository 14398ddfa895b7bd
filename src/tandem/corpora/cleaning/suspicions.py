"""What a text, or an entity in it, shows of itself: a wrong encoding, loose ends, next to nothing in it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator

from tandem.corpora.readers.entries import Entry
from tandem.corpora.schema.records import Record
from tandem.corpora.schema.tag_schemes import spans_of

LEAST_WORD_CHARACTERS = 3

SUSPICIONS = ("near_empty", "mojibake", "edge_punctuation")
"""What cleaning counts, and keeps as it is."""

_LATER_BYTES = "\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"  # 80 to BF as Latin-1 and as cp1252 read them
_MOJIBAKE = re.compile(
    rf"[ÂÃÄÅÐÑ][{_LATER_BYTES}]"  # UTF-8 of European letters, read byte by byte
    rf"|â[€\x80„‚][{_LATER_BYTES}]|ï[»¿¼][{_LATER_BYTES}]|ðŸ|ð\x9f"  # of quotes, dashes and emoji
    "|\N{REPLACEMENT CHARACTER}|[\x80-\x84\x86-\x9f]"  # nothing that anyone types, but for U+0085
)
_AROUND = 12  # characters
_WORD_CHARACTER = re.compile(r"[^\W_]")
_ENOUGH_CHARACTERS = re.compile(rf"(?:[\W_]*+[^\W_]){{{LEAST_WORD_CHARACTERS}}}")
_ABBREVIATION = re.compile(r"(?:\b[^\W\d]{1,4}|\.\w+|\b\w )\.$")
_MAY_LEAD = frozenset("@#$€£¥§&+-.%~/\\_¿¡<")
_MAY_END = frozenset("%&+-#*/\\_!?>°")
_PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">"}


def find_mojibake(text: str) -> str | None:
    """Return what looks as if read in a wrong encoding, with what stands around it, or None."""
    if text.isascii():
        return None
    found = _MOJIBAKE.search(text)
    return text[max(0, found.start() - _AROUND) : found.end() + _AROUND] if found else None


def is_near_empty(text: str) -> bool:
    """Say whether a text has fewer letters and digits than any word that says something."""
    return _ENOUGH_CHARACTERS.match(text) is None


def loose_edge(entity: str) -> str | None:
    """Return `edge_space` or `edge_punctuation` for what stands at an entity's end and is hardly part of it, or None.

    A full stop may end an abbreviation, a bracket may enclose a part, and signs may belong to names and numbers.
    """
    core = entity.strip()
    if core != entity:
        return "edge_space"
    if not core or not _WORD_CHARACTER.search(core):
        return None
    first, last = core[0], core[-1]
    if _is_punctuation(first) and first not in _MAY_LEAD and _PAIRS.get(first, first) not in core[1:-1]:
        return "edge_punctuation"
    if not _is_punctuation(last) or last in _MAY_END or (last == "." and _ABBREVIATION.search(core)):
        return None
    openings = [opening for opening, closing in _PAIRS.items() if closing == last]
    return None if any(opening in core[:-1] for opening in openings) else "edge_punctuation"


def marked_in(entry: Entry) -> Iterator[tuple[str, str]]:
    """Yield the task and the characters of each span that lies within the text."""
    text = entry.text or ""
    for task, spans in entry.spans.items():
        for span in spans:
            if 0 <= span.start < span.end <= len(text):
                yield task, text[span.start : span.end]


def tagged_in(record: Record) -> Iterator[tuple[str, str]]:
    """Yield the task and the characters of each entity of a record."""
    words = record.words or ()
    for task, tags in record.tags.items():
        for start, end, _ in spans_of(tags):
            if record.text is not None and record.starts is not None:
                yield task, record.text[record.starts[start] : record.starts[end - 1] + len(words[end - 1])]
            else:
                yield task, " ".join(words[start:end]).replace(" .", ".")  # as an abbreviation is written


def count_suspicions(records: Iterable[Record], counts: Counter[str]) -> None:
    """Add to `counts`, by the names of `SUSPICIONS`, how many texts look wrong, and how many entities."""
    for record in records:
        text = record.surface
        if is_near_empty(text):
            counts["near_empty"] += 1
        if find_mojibake(text) is not None:
            counts["mojibake"] += 1
        if record.tags:
            counts["edge_punctuation"] += sum(loose_edge(entity) is not None for _, entity in tagged_in(record))


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] == "P"
