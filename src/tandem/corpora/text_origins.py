"""Cleaning a text so that each character left knows where in the original it came from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandem.corpora.cleaning.text_cleaning import text_cleaner
from tandem.corpora.cleaning.text_edits import Edit, cleaning_steps

Places = NDArray[np.int64]


class TracedText(NamedTuple):
    """A cleaned text; its character i came from the original's characters `starts[i]` up to, not including, `ends[i]`.

    Without `starts` and `ends` nothing was changed.
    """

    text: str
    starts: Sequence[int] | None = None
    ends: Sequence[int] | None = None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Where in the original the characters from `start` up to, not including, `end` stand; at least one."""
        if self.starts is None or self.ends is None:
            return start, end
        return int(self.starts[start]), int(self.ends[end - 1])


def traced_text_cleaner(*, removes_html: bool, drop_characters: str | None) -> Callable[[str], TracedText]:
    """Return a function that cleans a text as `text_cleaner` does, and tells where all that is left came from.

    Raises `TandemError` if `drop_characters` is not a regular expression.
    """
    clean = text_cleaner(removes_html=removes_html, drop_characters=drop_characters)
    steps = cleaning_steps(removes_html=removes_html, drop_characters=drop_characters)

    def clean_and_trace(original: str) -> TracedText:
        if clean(original).text == original:
            return TracedText(original)
        text, starts, ends = original, np.arange(len(original)), np.arange(1, len(original) + 1)
        for step in steps:
            edits = [edit for edit in step(text) if edit.start < edit.end]
            text, starts, ends = _edited(text, edits), _moved(starts, edits, 0), _moved(ends, edits, -1)
        return TracedText(text, starts.tolist(), ends.tolist())

    return clean_and_trace


def _edited(text: str, edits: Sequence[Edit]) -> str:
    kept = [0, *(edit.end for edit in edits)]
    parts = [text[end : edit.start] + edit.replacement for end, edit in zip(kept, edits, strict=False)]
    return "".join([*parts, text[kept[-1] :]])


def _moved(places: Places, edits: Sequence[Edit], side: int) -> Places:
    """The characters' places after edits; a replacement stands where the first (0) or last (-1) replaced one stood."""
    parts, last = [], 0
    for edit in edits:
        parts += [places[last : edit.start], np.repeat(places[edit.start : edit.end][side], len(edit.replacement))]
        last = edit.end
    return np.concatenate([*parts, places[last:]])
