"""Reading JSON Lines and JSON: an object a text, with its labels, its words and tags, or its character spans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tandem.corpora.readers.entries import Entry, Notes, Source, TextColumns, one_by_one
from tandem.corpora.readers.json_columns import columns_of_lines
from tandem.corpora.readers.json_keys import Keys
from tandem.corpora.readers.json_layouts import Layout, find_layout
from tandem.corpora.readers.json_parsing import Batch, RawRecord, is_missing, kind_of, scalar_text, unexpected
from tandem.corpora.readers.json_spans import read_spans
from tandem.corpora.readers.json_streams import batches_of_values
from tandem.corpora.readers.table_entries import text_columns
from tandem.corpora.readers.tables import Block
from tandem.corpora.readers.text_files import open_text
from tandem.corpora.readers.white_space import split_white
from tandem.errors import TandemError
from tandem.params import Corpus

RECORDS_TRIED = 100
"""If the first so many all lack the text, its key is taken for wrong."""
KEYS_LISTED = 30
LINES_SUFFIXES = (".jsonl", ".ndjson", ".jsonlines")


def open_json(path: Path, corpus: Corpus) -> Source:
    """Open JSON Lines, or JSON with one array of objects; content tells which, unless `corpus.format` does.

    A key may be dotted (`meta.lang`) to reach into nested objects. Raises `TandemError` at once if the file cannot
    be read, and from the entries, with line or record, for what is not JSON, a value of the wrong kind, words and
    tags of different number, and a key that no record has.
    """
    if corpus.sentence is not None:
        raise TandemError(
            f"{path}: corpora.*.sentence must be null for JSON, where a record is a sentence, got {corpus.sentence!r}"
        )
    file = open_text(path, corpus.encoding)
    keys = Keys.of(corpus)
    notes = Notes()
    is_lines = corpus.format == "jsonl" or (corpus.format != "json" and file.name.suffix.lower() in LINES_SUFFIXES)
    tops = {top for name in keys.texts for top in (name, name.partition(".")[0])}
    layout = Layout("lines") if is_lines else find_layout(file, tops)
    if corpus.format == "json" and layout.kind == "lines":
        layout = Layout("objects")
    is_lines = layout.kind == "lines"
    batches = columns_of_lines(file, keys, notes) if is_lines else batches_of_values(file, layout, notes)
    pieces = _Reader(place=file.place, keys=keys, notes=notes).pieces(batches)
    return Source(
        place=file.place,
        unit="line" if is_lines else "record",
        facts={"format": "jsonl" if is_lines else "json", **file.facts},
        entries=one_by_one(pieces),
        notes=notes,
        pieces=pieces,
    )


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """Makes entries of records; `unseen` are the keys that no record had so far, `found` those of the first records."""

    place: str
    keys: Keys
    notes: Notes
    unseen: set[str] = field(default_factory=set)
    found: dict[str, None] = field(default_factory=dict)

    def pieces(self, batches: Iterator[Block | Batch]) -> Iterator[TextColumns | Entry]:
        """Yield an entry for each record, or columns of many."""
        keys = self.keys
        needed = {*keys.texts, *keys.labels.values(), *keys.tags.values(), *keys.spans.values()}
        self.unseen.update(needed)
        if keys.group is not None:
            self.unseen.add(keys.group)
        n_records = 0
        for batch in batches:
            block = batch if isinstance(batch, Block) else keys.plain_block(batch)
            if block is not None:
                self.unseen.clear()
                yield text_columns(block, len(keys.text), tuple(keys.labels))
            elif isinstance(batch, Batch):
                yield from self._each(batch, n_records)
            n_records += len(batch.rows)
        if not n_records:
            raise TandemError(f"{self.place}: holds no record; expected objects, one a line or all in one array")
        if missing := sorted(self.unseen & needed):
            raise self._missing_keys(missing, "no record has")
        if self.unseen:
            self.notes.counts["group_absent"] = 1

    def _each(self, batch: Batch, n_before: int) -> Iterator[Entry]:
        for number, record in enumerate(batch.records(), start=n_before + 1):
            if not isinstance(record.value, dict):
                raise TandemError(
                    f"{record.where}: expected an object in braces, found {kind_of(record.value)}. Records must be "
                    "objects: one a line, or all in one array (then set corpora.*.format to json)"
                )
            if number <= RECORDS_TRIED:
                self._list_keys(record.value)
            yield self._entry(record, record.value)
            if number == RECORDS_TRIED and self.unseen.issuperset(self.keys.texts):
                raise self._missing_keys(self.keys.texts, f"the first {RECORDS_TRIED} records lack")

    def _entry(self, record: RawRecord, fields: Mapping[str, object]) -> Entry:
        keys = self.keys
        text = words = None
        tags: dict[str, list[str]] = {}
        spans = {}
        if keys.words is not None:
            words = self._column(fields, record, keys.words) or []
            tags = self._tags(fields, record, len(words))
        else:
            texts = [self._text(fields, record, key) for key in keys.text]
            text = texts[0] if len(texts) == 1 else " ".join(filter(None, texts))
            for task, key in keys.spans.items():
                if not is_missing(marked := self._value(fields, key)):
                    spans[task] = read_spans(marked, text, record, key, self.notes)
        labels = {task: scalar_text(self._value(fields, key), record, key) for task, key in keys.labels.items()}
        group = None if keys.group is None else scalar_text(self._value(fields, keys.group), record, keys.group)
        return Entry(
            row=record.row,
            text=text,
            words=words,
            labels={task: label for task, label in labels.items() if label},
            tags=tags,
            spans=spans,
            group=group or None,
        )

    def _text(self, fields: Mapping[str, object], record: RawRecord, key: str) -> str:
        value = self._value(fields, key)
        if isinstance(value, str):
            return value
        if is_missing(value):
            return ""
        raise unexpected(record, key, "a text", value)

    def _column(self, fields: Mapping[str, object], record: RawRecord, key: str) -> list[str] | None:
        """Words or tags: an array, or a text in which white space parts them."""
        value = self._value(fields, key)
        if is_missing(value):
            return None
        if isinstance(value, str):
            return split_white(value)
        if not isinstance(value, list):
            raise unexpected(record, key, "an array of texts", value)
        if {str}.issuperset(map(type, value)):
            return value
        if key != self.keys.words:
            return [scalar_text(one, record, f"{key}[{number}]") for number, one in enumerate(value)]
        for number, word in enumerate(value):
            if not isinstance(word, str) and word is not None:
                raise unexpected(record, f"{key}[{number}]", "a text", word)
        return ["" if word is None else word for word in value]

    def _tags(self, fields: Mapping[str, object], record: RawRecord, n_words: int) -> dict[str, list[str]]:
        tags = {}
        for task, key in self.keys.tags.items():
            column = self._column(fields, record, key)
            if column is None:
                continue
            if len(column) != n_words:
                raise TandemError(
                    f"{record.where}: {self.keys.words!r} holds {n_words} words, {key!r} holds {len(column)} tags; "
                    "expected a tag for each word. Correct the record or take it out"
                )
            tags[task] = column
        return tags

    def _value(self, fields: Mapping[str, object], name: str) -> object:
        """The value under a key, or inside nested objects along its dots; None if there is none."""
        if name in fields:
            self.unseen.discard(name)
            return fields[name]
        value: object = fields
        for part in name.split("."):
            if not isinstance(value, dict) or part not in value:
                return None
            value = value[part]
        self.unseen.discard(name)
        return value

    def _list_keys(self, fields: Mapping[str, object]) -> None:
        for key, value in fields.items():
            inner = [f"{key}.{below}" for below in value] if isinstance(value, dict) else []
            self.found.update(dict.fromkeys([key, *inner][: KEYS_LISTED - len(self.found)]))

    def _missing_keys(self, names: tuple[str, ...] | list[str], what: str) -> TandemError:
        found = ", ".join(repr(key[:40]) for key in self.found) or "none"
        return TandemError(
            f"{self.place}: {what} the key {', '.join(map(repr, names))}; keys found: {found}. "
            "Rename the key, or name yours under `corpora` in params.yaml"
        )
