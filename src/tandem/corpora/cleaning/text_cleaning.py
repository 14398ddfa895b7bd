"""Cleaning a running text: HTML, unwanted characters and white space, each change told by name.

Only HTML is taken for HTML: an element's name must be one that HTML knows and its attributes must look like
attributes, so `<3`, `a < b` and `<Brad Pitt>` are text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.entities import html5
from typing import NamedTuple
from unicodedata import category

from tandem.errors import TandemError

# Elements that break a line or show something leave a space, the others nothing: `un<b>do</b>` is one word.
_BREAKING = (
    "address|article|aside|audio|blockquote|body|br|button|canvas|caption|center|col|colgroup|dd|details|dialog|"
    "dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset|h1|h2|h3|h4|h5|h6|head|header|hgroup|hr|"
    "html|iframe|img|input|legend|li|link|main|menu|meta|nav|noframes|noscript|object|ol|optgroup|option|p|pre|"
    "script|section|select|style|summary|table|tbody|td|template|textarea|tfoot|th|thead|title|tr|ul|video"
)
_INLINE = (
    "a|abbr|acronym|applet|area|b|base|basefont|bdi|bdo|big|cite|code|data|datalist|del|dfn|em|embed|font|i|ins|"
    "kbd|label|map|mark|marquee|meter|nobr|output|param|picture|progress|q|rp|rt|ruby|s|samp|slot|small|source|"
    "span|strike|strong|sub|sup|svg|time|track|tt|u|var|wbr"
)
_LONE_ATTRIBUTES = (
    "allowfullscreen|async|autofocus|autoplay|checked|compact|controls|defer|disabled|hidden|ismap|loop|multiple|"
    "muted|nohref|noshade|novalidate|nowrap|open|readonly|required|reversed|selected"
)

_VALUE = r"""\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s"'<>=`]++)"""
_ATTRIBUTE = rf"\s++(?:{_LONE_ATTRIBUTES}|[a-z_:][-\w:.]*+{_VALUE})(?=[\s/>])"
_END = rf"(?:{_ATTRIBUTE})*+\s*+/?+\s*+>"


def _tags(names: str) -> re.Pattern[str]:
    return re.compile(rf"</?+(?:{names})(?=[\s/>]){_END}", re.IGNORECASE)


_BREAKING_TAG = _tags(_BREAKING)
_INLINE_TAG = _tags(_INLINE)
_DECLARATION = re.compile(r"<!doctype\b[^<>]*+>", re.IGNORECASE)
TAGS = ((_DECLARATION, " "), (_BREAKING_TAG, " "), (_INLINE_TAG, ""))
"""What is replaced by what, in this order."""
ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
HIDDEN = (
    (re.compile("<!--"), re.compile("-->")),
    (re.compile(rf"<script(?=[\s/>]){_END}", re.IGNORECASE), re.compile(r"</script\s*+>", re.IGNORECASE)),
    (re.compile(rf"<style(?=[\s/>]){_END}", re.IGNORECASE), re.compile(r"</style\s*+>", re.IGNORECASE)),
)


class CleanText(NamedTuple):
    """A text after cleaning and the names of what changed it."""

    text: str
    changes: tuple[str, ...]


def unchanged_check(*, removes_html: bool, drop_characters: str | None) -> Callable[[str], bool]:
    """Return a function that says, fast, of most texts which `text_cleaner` leaves as they are that it does.

    Of no other, nor of a blank one. Raises `TandemError` as `text_cleaner` does.
    """
    dropped = None if drop_characters is None else dropped_pattern(drop_characters)

    def is_unchanged(text: str) -> bool:
        return (
            text.isprintable()  # so U+0020 is its only white space, and no character is without width
            and text[:1] not in ("", " ")
            and text[-1] != " "
            and "  " not in text
            and not (removes_html and ("<" in text or "&" in text))
            and (dropped is None or dropped.search(text) is None)
        )

    return is_unchanged


def text_cleaner(*, removes_html: bool, drop_characters: str | None) -> Callable[[str], CleanText]:
    """Return a function that cleans a text; the changes are `html`, `dropped_characters` and `white_space`.

    Raises `TandemError` if `drop_characters` is not a regular expression.
    """
    return _Cleaner(removes_html, None if drop_characters is None else dropped_pattern(drop_characters)).clean


@dataclass(frozen=True)
class _Cleaner:
    removes_html: bool
    dropped: re.Pattern[str] | None

    def clean(self, original: str) -> CleanText:
        changes = []
        text = normalise_white_space(original)
        if text != original:
            changes.append("white_space")
        if self.removes_html and (plain := remove_html(text)) != text:
            changes.append("html")
            text = normalise_white_space(plain)
        if self.dropped is not None and (kept := self.dropped.sub("", text)) != text:
            changes.append("dropped_characters")
            text = normalise_white_space(kept)
        return CleanText(text, tuple(changes))


def normalise_white_space(text: str) -> str:
    """Turn every run of Unicode white space (also U+0085, U+00A0, U+2028) into one space, none at the ends."""
    if _has_odd_space(text):
        return " ".join(text.split())
    while "  " in text:
        text = text.replace("  ", " ")
    return text.strip()


def _has_odd_space(text: str) -> bool:
    """Say whether there may be white space other than U+0020; all of it is unprintable."""
    if text.isascii():
        return any(space in text for space in "\t\n\r\x0b\x0c\x1c\x1d\x1e\x1f")
    return not text.isprintable()


def is_blank(text: str) -> bool:
    """Say whether a text shows nothing: white space and zero-width characters alone."""
    return all(character.isspace() or category(character) == "Cf" for character in text)


def remove_html(text: str) -> str:
    """Return the text that a browser would show: no tags, comments, scripts or styles; entities decoded."""
    if "<" in text:
        for opening, closing in HIDDEN:
            text = _without_hidden(text, opening, closing)
        for pattern, replacement in TAGS:
            text = pattern.sub(replacement, text)
    return ENTITY.sub(decoded, text) if "&" in text else text


def hidden_parts(text: str, opening: re.Pattern[str], closing: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Yield where what stands between the two marks begins and ends; what is never closed is not hidden."""
    position = 0
    while (start := opening.search(text, position)) and (end := closing.search(text, start.end())):
        position = end.end()
        yield start.start(), position


def _without_hidden(text: str, opening: re.Pattern[str], closing: re.Pattern[str]) -> str:
    parts = []
    position = 0
    for start, end in hidden_parts(text, opening, closing):
        parts.append(text[position:start])
        position = end
    return "".join([*parts, text[position:]])


def decoded(entity: re.Match[str]) -> str:
    """The character that an HTML entity stands for, or itself where HTML knows none."""
    is_known = entity[0][1] == "#" or entity[0][1:] in html5
    return html.unescape(entity[0]) if is_known else entity[0]


def dropped_pattern(pattern: str) -> re.Pattern[str]:
    """Compile `clean.drop_characters`; raises `TandemError` if it is not a regular expression."""
    try:
        return re.compile(pattern)
    except re.error as error:
        raise TandemError(
            f"params.yaml: clean.drop_characters must be a regular expression such as '[^\\w\\s]', "
            f"got {pattern!r} ({error})"
        ) from error
