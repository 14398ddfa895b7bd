"""The comments of column files: `# key = value` or `# key: value` lines with a sentence's class or document."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tandem.corpora.readers.entries import Notes
from tandem.errors import TandemError

KEYS_LISTED = 12
DOCUMENT_GROUPS = ("document", "newdoc")

_SEPARATOR = re.compile(r"\s=(?:\s|$)|:(?:\s|$)|=")


class SentenceComments:
    """Takes in comments and says the labels of the sentence under them, and its group.

    `labels` are keys by task, which hold for one sentence. `group` is a key, which holds until it stands again;
    `document` or `newdoc` is the document's name, or its number in the file.
    """

    def __init__(self, place: str, labels: Mapping[str, str], group: str | None, notes: Notes) -> None:
        self.group = "document 0" if group in DOCUMENT_GROUPS else None  # for what stands before the first one
        self._place = place
        self._labels = labels
        self._group_key = group
        self._notes = notes
        self._values: dict[str, str] = {}
        self._keys: set[str] = set()
        self._wanted = {*labels.values(), *([] if group is None else [group])}

    def read(self, row: int, line: str) -> None:
        """Take in a comment line."""
        self._notes.add("comments", row)
        content = line[1:].strip()
        found = _SEPARATOR.search(content, 1)
        key, value = (content[: found.start()].rstrip(), content[found.end() :].strip()) if found else (content, "")
        if key in self._wanted or len(self._keys) < KEYS_LISTED:
            self._keys.add(key)
        if key in self._wanted:
            self._values[key] = value
        if key in ("newdoc", "newdoc id"):
            self.begin_document(row, value)
        elif key == self._group_key:
            self.group = value or None

    def begin_document(self, row: int, name: str = "") -> None:
        """Count a document."""
        self._notes.add("documents", row)
        if self._group_key in DOCUMENT_GROUPS:
            self._keys.add(self._group_key)
            self.group = name or f"document {self._notes.counts['documents']}"

    def take_labels(self) -> dict[str, str]:
        """Return the labels by task, and forget them."""
        labels = {task: self._values[key] for task, key in self._labels.items() if key in self._values}
        self._values.clear()
        return labels

    def check_found(self) -> None:
        """At the end of the file: raise `TandemError` if a key that the params name stood in no comment."""
        for key in sorted(self._wanted - self._keys):
            asked = "group" if key == self._group_key else "labels"
            found = ", ".join(map(repr, sorted(self._keys)[:KEYS_LISTED])) or "none"
            expected = f"a comment line `# {key} = <value>`"
            if key == self._group_key and key in DOCUMENT_GROUPS:
                expected = "lines `-DOCSTART-` or `# newdoc id = <name>`"
            raise TandemError(
                f"{self._place}: corpora.*.{asked} names {key!r}, expected {expected}; keys found in its comments: "
                f"{found}. Name one of these, or a column by its number"
            )
