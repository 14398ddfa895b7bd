"""What a text, or an entity in it, shows of itself: a wrong encoding, loose ends, next to nothing in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from tandem.corpora.readers.entries import Entry
from tandem.corpora.records import Record
from tandem.corpora.tag_schemes import spans_of

LEAST_WORD_CHARACTERS = 3

_LATER_BYTES = "\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"  # 80 to BF as Latin-1 and as cp1252 read them
_MOJIBAKE = re.compile(
    rf"[ÂÃÄÅÐÑ][{_LATER_BYTES}]"  # UTF-8 of European letters, read byte by byte
    rf"|â[€\x80„‚][{_LATER_BYTES}]|ï[»¿¼][{_LATER_BYTES}]|ðŸ|ð\x9f"  # of quotes, dashes and emoji
    "|\N{REPLACEMENT CHARACTER}|[\x80-\x84\x86-\x9f]"  # nothing that anyone types, but for U+0085
)
_AROUND = 12  # characters
_WORD_CHARACTER = re.compile(r"[^\W_]")
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
    found = _WORD_CHARACTER.finditer(text)
    return sum(1 for _, _ in zip(range(LEAST_WORD_CHARACTERS), found, strict=False)) < LEAST_WORD_CHARACTERS


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
    """Yield the task and the words of each entity of a record whose words are all that there is of its text."""
    if record.words is None or record.text is not None:
        return
    for task, tags in record.tags.items():
        for start, end, _ in spans_of(tags):
            yield task, " ".join(record.words[start:end])


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] == "P"
