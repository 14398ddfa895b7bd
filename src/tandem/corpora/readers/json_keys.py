"""Under which keys of a JSON record a corpus finds what, and many plain records at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter

from tandem.corpora.readers.json_parsing import Batch
from tandem.corpora.readers.tables import Block
from tandem.params import Corpus


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The names of keys in a corpus; numbers are names, too."""

    text: tuple[str, ...]
    words: str | None
    labels: Mapping[str, str]
    tags: Mapping[str, str]
    spans: Mapping[str, str]
    group: str | None

    @classmethod
    def of(cls, corpus: Corpus) -> Keys:
        """Take them from the params."""
        text = corpus.text if isinstance(corpus.text, tuple) else (corpus.text,)
        return cls(
            text=tuple(str(name) for name in text if name is not None),
            words=None if corpus.words is None else str(corpus.words),
            labels={task: str(name) for task, name in corpus.labels.items()},
            tags={task: str(name) for task, name in corpus.tags.items()},
            spans={task: str(name) for task, name in corpus.spans.items()},
            group=None if corpus.group is None else str(corpus.group),
        )

    @property
    def texts(self) -> tuple[str, ...]:
        """The keys of texts or words."""
        return self.text if self.words is None else (*self.text, self.words)

    def plain_block(self, batch: Batch) -> Block | None:
        """Return columns of texts, labels and groups; None unless all of them are texts, or whole numbers for labels.

        None as well where words or spans are asked for.
        """
        if self.words is not None or self.spans:
            return None
        columns: list[list[str]] = []
        for key in (*self.text, *self.labels.values(), *([] if self.group is None else [self.group])):
            try:
                column = list(map(itemgetter(key), batch.values))
            except (TypeError, LookupError):
                return None
            kinds = set(map(type, column))
            if kinds == {int} and len(columns) >= len(self.text):
                column = list(map(str, column))
            elif kinds != {str}:
                return None
            columns.append(column)
        return Block(batch.rows, columns)
