"""Texts in which spans of characters are marked, from entries to records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.corpora.cleaning.clean_report import CleanReport
from tandem.corpora.readers.entries import Entry
from tandem.corpora.schema.records import Record
from tandem.corpora.schema.span_tags import Span
from tandem.corpora.schema.tag_schemes import spans_of
from tandem.errors import TandemError
from tests.corpora.conftest import TASKS
from tests.corpora.sources import clean_entries

ANY = {**TASKS, "entities": replace(TASKS["entities"], labels=None)}


def clean(text: str, *spans: tuple[int, int, str], **settings: Any) -> tuple[Record, CleanReport]:
    entries = [Entry(row=1, text=text, spans={"entities": [Span(*span) for span in spans]})]
    [record], report = clean_entries(entries, spans={"entities": "spans"}, **settings)
    return record, report


def counts(report: CleanReport) -> dict[str, int]:
    return {name: count for name, count in {**report.dropped, **report.altered}.items() if count}


def test_a_record_holds_the_text_its_words_and_where_they_begin() -> None:
    record, report = clean("<p>Anna  Kowalska</p> left&nbsp;Oslo.", (3, 17, "per"), (32, 36, "geo"))
    assert record == Record(
        row=1,
        text="Anna Kowalska left Oslo.",
        words=("Anna", "Kowalska", "left", "Oslo", "."),
        starts=(0, 5, 14, 19, 23),
        tags={"entities": ("B-per", "I-per", "O", "B-geo", "O")},
    )
    assert record.surface == record.text
    assert counts(report) == {"html": 1, "white_space": 1}
    metrics = report.as_dict()
    assert (metrics["words"], metrics["labels"]) == (5, {"entities": {"per": 1, "geo": 1}})
    assert metrics["length"]["unit"] == "characters"
    assert report.summary() == "1 records, 1 texts kept; 5 words; altered 1 html, 1 white space"


@pytest.mark.parametrize(
    ("spans", "tags", "counted"),
    [
        ([], "O O O", {}),
        ([(0, 5, "per")], "B-per O O", {"spans_trimmed": 1}),
        ([(0, 3, "per")], "O O O", {"spans_inside_word": 1}),
        ([(0, 99, "per"), (5, 9, "geo")], "O B-geo O", {"spans_out_of_range": 1}),
        ([(4, 5, "per"), (5, 5, "per")], "O O O", {"spans_empty": 2}),
        ([(0, 9, "per"), (5, 9, "geo")], "B-per I-per O", {"spans_overlapping": 1}),
        ([(0, 4, "per"), (0, 4, "per")], "B-per O O", {"spans_duplicate": 1}),
        (
            [(0, 4, "geo"), (0, 9, "per"), (0, 9, "per")],
            "B-per I-per O",
            {"spans_duplicate": 1, "spans_overlapping": 1},
        ),
        ([(0, 4, " per ")], "B-per O O", {}),
        ([(0, 4, "O")], "O O O", {}),
    ],
)
def test_each_span_is_said_or_counted(spans: list[tuple[int, int, str]], tags: str, counted: dict[str, int]) -> None:
    record, report = clean("Anna left.", *spans)
    assert record.tags == {"entities": tuple(tags.split())}
    assert counts(report) == counted


def test_a_span_of_what_is_cleaned_away_is_empty() -> None:
    record, report = clean("Anna <!-- Oslo --> left", (10, 14, "geo"))
    assert record.tags == {"entities": ("O", "O")}
    assert report.dropped["spans_empty"] == 1


def test_types_are_renamed_before_they_are_checked() -> None:
    record, report = clean(
        "Anna left Oslo", (0, 4, "PERSON"), (10, 14, "WHEN"), map={"entities": {"PERSON": "per", "WHEN": "O"}}
    )
    assert record.tags == {"entities": ("B-per", "O", "O")}
    assert counts(report) == {"spans_mapped": 2}
    assert "unused_map" not in report.as_dict()


def test_names_to_rename_that_no_span_has_are_told() -> None:
    _, report = clean("Anna left Oslo", (0, 4, " per"), map={"entities": {"per": "per", "geo": "geo", "PER": "per"}})
    assert report.as_dict()["unused_map"] == {"entities": ["PER", "geo"]}
    assert report.summary().endswith("map of entities met no 'PER', 'geo'")


def test_an_unknown_type_drops_the_text_or_is_refused() -> None:
    entries = [
        Entry(row=1, text="Anna left", spans={"entities": [Span(0, 4, "org"), Span(5, 9, "per")]}),
        Entry(row=2, text="Oslo", spans={"entities": []}),
    ]
    records, report = clean_entries(entries, spans={"entities": "spans"})
    assert [record.row for record in records] == [2]
    assert (counts(report), report.unknown) == ({"unknown_tag": 1}, {"entities": {"org": 1}})
    message = r"file\.jsonl, record 1, characters 0 to 4: type 'org' is unknown; types allowed: geo, per\. Correct the"
    with pytest.raises(TandemError, match=message):
        clean_entries(entries, spans={"entities": "spans"}, rules={"unknown_tag": "error"})


def test_a_span_needs_a_type() -> None:
    with pytest.raises(TandemError, match=r"record 1, characters 0 to 4: a span without a type; expected one"):
        clean("Anna", (0, 4, " "))


def test_one_text_may_carry_labels_and_spans_of_several_tasks() -> None:
    tasks = {**ANY, "parts": ANY["entities"]}
    entries = [
        Entry(
            row=1,
            text="Anna left",
            labels={"sentiment": "negative"},
            spans={"entities": [Span(0, 4, "per")], "parts": [Span(5, 9, "verb")]},
        ),
        Entry(row=2, text="Oh!", labels={"sentiment": "positive"}),
        Entry(row=3, text="Oh no", spans={"entities": []}),
        Entry(row=4, text="nothing"),
    ]
    settings = {"spans": {"entities": "a", "parts": "b"}, "labels": {"sentiment": "label"}}
    records, report = clean_entries(entries, tasks, **settings)
    assert [(record.labels, record.tags, record.words) for record in records] == [
        (
            {"sentiment": "negative"},
            {"entities": ("B-per", "O"), "parts": ("O", "B-verb")},
            ("Anna", "left"),
        ),
        ({"sentiment": "positive"}, {}, None),
        ({}, {"entities": ("O", "O")}, ("Oh", "no")),
    ]
    assert report.dropped["missing_label"] == 1
    assert report.noted == {"without_entities": 1, "without_parts": 2, "without_sentiment": 1}


def test_a_corpus_without_entities_says_so_of_each_word() -> None:
    entries = [Entry(row=row, text="Oh, no", labels={"sentiment": ("negative", "positive")[row]}) for row in (0, 1)]
    records, _ = clean_entries(entries, labels={"sentiment": "label"}, without=("entities",))
    assert records[0] == Record(
        row=0,
        text="Oh, no",
        words=("Oh", ",", "no"),
        starts=(0, 2, 4),
        labels={"sentiment": "negative"},
        tags={"entities": ("O", "O", "O")},
    )


words = st.text(alphabet="abé😀", min_size=1, max_size=4).filter(lambda word: word.isalpha())
noise = st.sampled_from([" ", "  ", "\u00a0", "<br />", " <i>", "</i> ", "<!-- x -->, ", "<p>", "&nbsp;", " &#8217; "])


@given(st.lists(st.tuples(noise, words, st.booleans()), min_size=1, max_size=8))
def test_entities_are_the_marked_words_at_their_places(parts: Sequence[tuple[str, str, bool]]) -> None:
    text, spans = "", []
    for between, word, is_marked in parts:
        text += between if not is_marked or between[-1] in " >;" else f"{between} "
        spans += [(len(text), len(text) + len(word), "x")] if is_marked else []
        text += word + " "
    record, report = clean(text, *spans, tasks=ANY)
    assert record.text is not None
    assert record.words is not None
    assert record.starts is not None
    for start, word in zip(record.starts, record.words, strict=True):
        assert record.text[start : start + len(word)] == word
    found = [record.words[start] for start, end, _ in spans_of(record.tags["entities"]) if end == start + 1]
    wanted = [word for _, word, is_marked in parts if is_marked]
    assert len(found) + report.dropped["spans_inside_word"] == len(wanted)
    assert report.dropped["spans_inside_word"] or found == wanted
