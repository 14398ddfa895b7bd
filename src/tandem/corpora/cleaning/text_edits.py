"""Cleaning a text in which spans are marked: where the spans are after each step of `text_cleaning`.

Every step is a row of edits from left to right, none overlapping. A span's place moves with the text before it; where
an edit cuts through its edge, the span takes in all that stands there now.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from typing import NamedTuple

from tandem.corpora.cleaning.text_cleaning import ENTITY, HIDDEN, TAGS, decoded, dropped_pattern, hidden_parts
from tandem.corpora.schema.span_tags import Span

_WHITE_SPACE = re.compile(r"\s+")


class Edit(NamedTuple):
    """The characters from `start` up to, not including, `end` become `replacement`."""

    start: int
    end: int
    replacement: str


class MarkedText(NamedTuple):
    """A text and what is marked in it."""

    text: str
    spans: list[Span]


Step = Callable[[str], Iterable[Edit]]


def marked_text_cleaner(
    *, removes_html: bool, drop_characters: str | None
) -> Callable[[str, Sequence[Span]], MarkedText]:
    """Return a function that cleans a text as `text_cleaner` does, and moves its spans (their order stays).

    Spans beyond the text stay as they are. Raises `TandemError` if `drop_characters` is not a regular expression.
    """
    steps = cleaning_steps(removes_html=removes_html, drop_characters=drop_characters)

    def clean(text: str, spans: Sequence[Span]) -> MarkedText:
        inside = [is_inside(text, span) for span in spans]
        marked = MarkedText(text, [span for span, is_in in zip(spans, inside, strict=True) if is_in])
        for step in steps:
            marked = _edited(marked, [edit for edit in step(marked.text) if edit.start < edit.end])
        moved = iter(marked.spans)
        return MarkedText(
            marked.text, [next(moved) if is_in else span for span, is_in in zip(spans, inside, strict=True)]
        )

    return clean


def cleaning_steps(*, removes_html: bool, drop_characters: str | None) -> list[Step]:
    """The steps of `text_cleaner`, each as the edits that it makes; some of these may be empty.

    Raises `TandemError` if `drop_characters` is not a regular expression.
    """
    steps: list[Step] = [_white_space]
    if removes_html:
        steps += [partial(_hidden, opening=opening, closing=closing) for opening, closing in HIDDEN]
        steps += [partial(_replaced, pattern=pattern, by=replacement) for pattern, replacement in TAGS]
        steps += [partial(_replaced, pattern=ENTITY, by=decoded), _white_space]
    if drop_characters is not None:
        steps += [partial(_replaced, pattern=dropped_pattern(drop_characters), by=""), _white_space]
    return steps


def is_inside(text: str, span: Span) -> bool:
    """Say whether a span's places are places of the text."""
    return 0 <= span.start <= span.end <= len(text)


def trimmed(text: str, span: Span) -> Span:
    """Take the white space off both ends of a span; one that marks nothing else, or lies beyond, stays as it is."""
    surface = text[span.start : span.end] if is_inside(text, span) else ""
    core = surface.strip()
    if len(core) in (0, len(surface)):
        return span
    start = span.start + len(surface) - len(surface.lstrip())
    return span._replace(start=start, end=start + len(core))


def _edited(marked: MarkedText, edits: Sequence[Edit]) -> MarkedText:
    """Apply edits to a text, and move its spans."""
    if not edits:
        return marked
    kept = [0, *(edit.end for edit in edits)]
    parts = [marked.text[end : edit.start] + edit.replacement for end, edit in zip(kept, edits, strict=False)]
    growth = [0, *accumulate(len(edit.replacement) - (edit.end - edit.start) for edit in edits)]
    firsts, lasts = [edit.start for edit in edits], [edit.end for edit in edits]

    def moved_start(place: int) -> int:
        before = bisect_right(lasts, place)  # so many edits end before it
        return min([place, *firsts[before : before + 1]]) + growth[before]

    def moved_end(place: int) -> int:
        before = bisect_left(firsts, place)  # so many edits begin before it
        return max([place, *lasts[max(0, before - 1) : before]]) + growth[before]

    def moved(span: Span) -> Span:
        start = moved_start(span.start)
        return span._replace(start=start, end=start if span.start == span.end else moved_end(span.end))

    return MarkedText("".join([*parts, marked.text[kept[-1] :]]), [moved(span) for span in marked.spans])


def _white_space(text: str) -> Iterator[Edit]:
    """Every run of white space becomes one space, none at the ends."""
    for run in _WHITE_SPACE.finditer(text):
        replacement = " " if run.start() > 0 and run.end() < len(text) else ""
        if run[0] != replacement:
            yield Edit(run.start(), run.end(), replacement)


def _hidden(text: str, *, opening: re.Pattern[str], closing: re.Pattern[str]) -> Iterator[Edit]:
    for start, end in hidden_parts(text, opening, closing):
        yield Edit(start, end, "")


def _replaced(text: str, *, pattern: re.Pattern[str], by: str | Callable[[re.Match[str]], str]) -> Iterator[Edit]:
    for match in pattern.finditer(text):
        replacement = by if isinstance(by, str) else by(match)
        if match[0] != replacement:
            yield Edit(match.start(), match.end(), replacement)
