"""The raw tags of a corpus: which scheme they are in, and which are none."""

from __future__ import annotations

from tandem.corpora.inspection.findings import Findings, shown
from tandem.corpora.readers.entries import Entry
from tandem.corpora.schema.tag_schemes import Scheme, SchemeGuess, malformed


class TagWatch:
    """Looks at a task's tags as they stand in the file; `scheme` is the one that they are read in."""

    def __init__(self, task: str, scheme: Scheme) -> None:
        self.task = task
        self.scheme = scheme
        self.has_tags = self.has_entities = False
        self._guess = SchemeGuess()
        self._familiar = {"O", ""}

    @property
    def recognised(self) -> Scheme | None:
        """The scheme that all tags together look like, None if there are no entities."""
        return self._guess.scheme() if self.has_entities else None

    def see(self, entry: Entry, split: str | None, findings: Findings) -> bool:
        """Take in a sentence's tags, and say whether cleaning can read them."""
        if self.task not in entry.tags:
            return True
        tags = [tag.strip() for tag in entry.tags[self.task]]
        self._guess.see(tags)
        self.has_tags = self.has_tags or any(tags)
        self.has_entities = self.has_entities or not {"O", ""}.issuperset(tags)
        if self._familiar.issuperset(tags):
            return True
        is_fine = True
        for place, tag in enumerate(tags):
            if tag and malformed(tag, self.scheme):
                row = entry.rows[place] if len(entry.rows) == len(tags) else entry.row
                kind = "numbered_tags" if tag.isdecimal() else "malformed_tags"
                findings.add(kind, row, split, task=self.task, example=shown(repr(tag)))
                is_fine = False
        if is_fine:
            self._familiar.update(tags)
        return is_fine

    def report(self, findings: Findings, *, is_declared: bool) -> None:
        """When all tags were seen: tell of a scheme that is not the one that the params say."""
        if is_declared and self.recognised not in (None, self.scheme):
            example = f"tasks.{self.task}.scheme is {self.scheme}, the file's tags look like {self.recognised}"
            findings.add("scheme_differs", task=self.task, example=example)
