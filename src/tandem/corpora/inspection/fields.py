"""Guessing which fields of a file hold the texts, words, labels, tags and spans, from common names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tandem.corpora.inspection.columns import Columns, find_columns
from tandem.corpora.inspection.splits import find_splits
from tandem.errors import TandemError
from tandem.params import Corpus

TEXTS = (
    *("text", "full_text", "review", "review_text", "sentence", "content", "body", "document", "tweet", "comment"),
    *("utterance", "message", "query", "question", "headline", "description", "title", "source_text"),
)
WORDS = ("tokens", "words", "token", "word", "form")
MARKS = ("sentence_#", "sentence_id", "sent_id", "sentence_number", "sentence_idx", "sentence")
LABELS = (
    *("label", "labels", "sentiment", "intent", "category", "class", "target", "polarity", "emotion", "topic"),
    *("rating", "stars", "score"),
)
TAGS = ("ner_tags", "ner", "tags", "tag", "entities", "entity", "slots", "slot_tags", "word_labels", "iob", "bio")
SPANS = ("spans", "entities", "ents", "annotations", "label", "labels")
MISC_KEYS = ("misc.ner", "misc.entity", "misc.entities")
NAMES_LISTED = 20

_TAGGING = "entities"  # the task of guessed tags and spans
_REMEDY = (
    "Name what holds what: --text COLUMN or --words COLUMN, with --label TASK=COLUMN, --tags TASK=COLUMN or --spans "
    "TASK=KEY (a number counts the columns from 0; --columns NAME ... names those of a table without a header line)"
)

Fields = dict[str, Any]


def complete(given: Corpus) -> tuple[Corpus, list[str]]:
    """Guess the fields, and the splits of a folder, that nobody has named; what is named stays.

    Returns the corpus, and what was guessed in words, for the user to check. Raises `TandemError`, with the columns
    found and the options to name them, if no text can be found.
    """
    splits = find_splits(Path(given.path)) if given.splits is None else {}
    guessed: Fields = {"splits": splits} if splits else {}
    has_place = given.text is not None or given.words is not None
    if not (has_place and given.kinds()):
        path = Path(given.path) / splits["train"] if splits else Path(given.path)
        known = (*TEXTS, *WORDS, *LABELS, *TAGS, *SPANS)
        columns = find_columns(path, given, known)
        guessed |= _new(_guess(columns, given), given)
        if not (has_place or guessed.keys() & {"text", "words"}):
            raise TandemError(f"{path}: which column holds the texts cannot be told; {_found(columns)}. {_REMEDY}")
    told = [f"{key} = {_told(value)}" for key, value in guessed.items() if value is not None]
    corpus = replace(given, **guessed)
    if not corpus.kinds():
        told.append(f"no field for labels or tags; {_found(columns)}. {_REMEDY}")
    return corpus, told


def task_name(column: object) -> str:
    """A task's name made of a column's."""
    return re.sub(r"[^a-z0-9_-]+", "_", str(column).casefold()).strip("_") or "label"


def _new(guess: Fields, given: Corpus) -> Fields:
    """Leave out what is named, and what cannot go with it."""
    named: set[str] = set()
    if given.text is not None or given.words is not None:
        named |= {"text", "words", "sentence", "tags" if given.words is None else "spans"}
    if given.kinds():
        named |= {"labels", "tags", "spans"}
    return {key: value for key, value in guess.items() if key not in named and value not in (None, {})}


def _guess(columns: Columns, given: Corpus) -> Fields:
    """Every field that common names tell, by key."""
    names = _Names(columns)
    label = names.first(LABELS, _is_label)
    labels = {} if label is None else {task_name(label): label}
    match columns.format:
        case "conll" | "wikiner":
            return {"words": 0, "tags": {_TAGGING: -1}, "labels": labels}
        case "conllu":
            key = names.first(MISC_KEYS)
            tags = {} if key is None else {_TAGGING: key.partition(".")[2]}
            return {"words": "FORM", "tags": tags, "labels": labels}
        case "parallel":
            tags = {_TAGGING: "seq.out"} if "seq.out" in columns.values else {}
            return {"words": "seq.in", "tags": tags, "labels": {"intent": "label"} if labels else {}}
        case "folders":
            return {"text": "text", "labels": {"label": "label"}}
    return _of_names(names, labels, given)


def _of_names(names: _Names, labels: dict[str, str], given: Corpus) -> Fields:
    """Take words if there are tags for them, else a running text."""
    text, words = names.first(TEXTS, _is_text), names.first(WORDS, _is_words)
    tags, spans = names.first(TAGS, _is_tags), None if names.is_table else names.first(SPANS, _is_spans)
    if spans is not None and spans in labels.values():
        labels = {}
    has_tags = bool(given.tags) or (tags is not None and not given.spans and given.text is None)
    if has_tags and words is None and text is not None and (names.is_table or given.tags):
        words, text = text, None
    if words is not None and (has_tags or text is None):
        mark = names.first(MARKS) if names.is_table else None
        chosen_tags = {} if tags is None else {_TAGGING: tags}
        return {"words": words, "sentence": None if mark == words else mark, "tags": chosen_tags, "labels": labels}
    return {"text": text, "labels": labels, "spans": {} if spans is None else {_TAGGING: spans}}


class _Names:
    """The columns of a file by their names in small letters."""

    def __init__(self, columns: Columns) -> None:
        self.is_table = columns.format in ("xlsx", "csv", "tsv")
        self._values = columns.values
        self._names = {re.sub(r"[^\w#.]+", "_", name.strip().casefold()): name for name in columns.values}

    def first(self, wanted: Iterable[str], fits: Callable[[object], bool] | None = None) -> str | None:
        """The first of some common names that is there, and whose values, where they are known, fit."""
        for name in wanted:
            column = self._names.get(name)
            if column is not None:
                values = [value for value in self._values[column] if value is not None and value != []]
                if fits is None or not values or all(map(fits, values)):
                    return column
        return None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_label(value: object) -> bool:
    return isinstance(value, str | int | float)


def _is_words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def _is_tags(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(tag, str | int) for tag in value)


def _is_spans(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(span, dict | list) for span in value)


def _found(columns: Columns) -> str:
    names = columns.names
    if not names:
        return f"format {columns.format}"
    listed = ", ".join(repr(name[:40]) for name in names[:NAMES_LISTED]) + (
        ", ..." if len(names) > NAMES_LISTED else ""
    )
    return f"format {columns.format}, columns found: {listed}"


def _told(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {inner}" for key, inner in value.items())
    return str(value)
