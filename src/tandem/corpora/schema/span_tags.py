"""Character spans of a text as IOB2 tags of its words.

Words are cut by one rule that knows nothing of the spans: a run of letters with their marks, digits and underscores,
or a single other visible character; where a script sets no spaces, a single letter. A span that does not begin and
end where words do cannot be said in tags; it is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import regex

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = regex.compile(
    rf"[{_UNSPACED}][\p{{M}}\p{{Join_Control}}]*"
    rf"|[\w\p{{No}}--[{_UNSPACED}]]+"
    r"|[^\w\p{No}\s\x1c-\x1f]\p{M}*",
    regex.VERSION1,
)


class Span(NamedTuple):
    """The characters from `start` up to, not including, `end` name something of a kind."""

    start: int
    end: int
    kind: str


class Words(NamedTuple):
    """The words of a text and the character where each begins; it ends as many further on as it has."""

    words: tuple[str, ...]
    starts: tuple[int, ...]


class TaggedWords(NamedTuple):
    """The words of a text, where each begins, a tag for each, and how many spans the tags lack by reason."""

    words: tuple[str, ...]
    starts: tuple[int, ...]
    tags: tuple[str, ...]
    dropped: Counter[str]


def cut_words(text: str) -> Words:
    """Cut a text into words."""
    matches = list(_WORD.finditer(text))
    return Words(tuple(match[0] for match in matches), tuple(match.start() for match in matches))


def tag_words(text: str, spans: Sequence[Span]) -> TaggedWords:
    """Cut a text into words and tag them.

    Of spans that overlap, the one that begins first stands; of those that begin together, the longest.
    """
    words, word_starts = cut_words(text)
    starts = {start: position for position, start in enumerate(word_starts)}
    ends = {start + len(word): position for position, (start, word) in enumerate(zip(word_starts, words, strict=True))}
    tags = ["O"] * len(words)
    dropped: Counter[str] = Counter()
    previous: Span | None = None
    for span in sorted(spans, key=lambda span: (span.start, -span.end, span.kind)):
        reason = _flaw(span, text, previous)
        if reason is None and (span.start not in starts or span.end not in ends):
            reason = "inside_word"
        if reason is not None:
            dropped[reason] += 1
            continue
        first, last = starts[span.start], ends[span.end]
        tags[first : last + 1] = [f"B-{span.kind}", *[f"I-{span.kind}"] * (last - first)]
        previous = span
    return TaggedWords(words, word_starts, tuple(tags), dropped)


def _flaw(span: Span, text: str, previous: Span | None) -> str | None:
    if not 0 <= span.start <= span.end <= len(text):
        return "out_of_range"
    if not text[span.start : span.end].strip():
        return "empty"
    if span == previous:
        return "duplicate"
    return "overlapping" if previous is not None and span.start < previous.end else None
