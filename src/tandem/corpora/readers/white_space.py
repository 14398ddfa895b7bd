"""What parts words that stand side by side in one line or cell."""

from __future__ import annotations


def split_white(text: str) -> list[str]:
    """Split at spaces, tabs and line ends alone: other white space, such as U+00A0, may be in a word or be one."""
    for other in "\t\n\r":
        text = text.replace(other, " ")
    return [part for part in text.split(" ") if part]
