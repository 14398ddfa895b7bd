from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tandem.corpora.cleaning.clean_report import CleanReport
from tandem.corpora.cleaning.cleaning import clean_corpus
from tandem.corpora.schema.records import Record
from tandem.params import Clean, Corpus, Task
from tests.corpora.workbooks import save_workbook

Cleaned = tuple[list[Record], CleanReport]

RULES = Clean(
    html="remove",
    drop_characters=None,
    unknown_label="drop",
    unknown_tag="drop",
    illegal_tags="repair",
    missing_word="drop_row",
    missing_tag="drop_sentence",
)
TASKS = {
    "sentiment": Task(kind="classification", labels=("negative", "positive"), scheme=None),
    "entities": Task(kind="tagging", labels=("per", "geo"), scheme="iob2"),
}


@pytest.fixture
def clean_texts(tmp_path: Path) -> Callable[..., Cleaned]:
    """Clean rows of review and sentiment, under rules that differ from the usual as given."""

    def clean(
        *rows: Sequence[Any],
        header: Sequence[str] = ("review", "sentiment"),
        group: str | None = None,
        tasks: dict[str, Task] = TASKS,
        labels: dict[str, str] | None = None,
        **rules: Any,
    ) -> Cleaned:
        corpus = Corpus(
            path=str(save_workbook(tmp_path / "texts.xlsx", [header, *rows])),
            format="auto",
            text="review",
            words=None,
            sentence=None,
            group=group,
            labels=labels or {"sentiment": "sentiment"},
            tags={},
        )
        records, report = clean_corpus(corpus, tasks, replace(RULES, **rules))
        return list(records), report

    return clean


@pytest.fixture
def clean_words(tmp_path: Path) -> Callable[..., Cleaned]:
    """Clean rows of sentence mark, word and tag, under rules that differ from the usual as given."""

    def clean(
        *rows: Sequence[Any],
        header: Sequence[str] = ("Sentence #", "Word", "Tag"),
        group: str | None = None,
        tasks: dict[str, Task] = TASKS,
        labels: dict[str, str] | None = None,
        **rules: Any,
    ) -> Cleaned:
        corpus = Corpus(
            path=str(save_workbook(tmp_path / "words.xlsx", [header, *rows])),
            format="auto",
            text=None,
            words="Word",
            sentence="Sentence #",
            group=group,
            labels=labels or {},
            tags={"entities": "Tag"},
        )
        records, report = clean_corpus(corpus, tasks, replace(RULES, **rules))
        return list(records), report

    return clean
