"""What looks wrong and is kept: counted by cleaning, whichever way a text came."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.corpora.cleaning.suspicions import LEAST_WORD_CHARACTERS, count_suspicions, is_near_empty, tagged_in
from tandem.corpora.readers.entries import Entry
from tandem.corpora.schema.records import Record
from tandem.corpora.schema.span_tags import Span
from tests.corpora.sources import clean_entries


def suspicions(*records: Record) -> dict[str, int]:
    counts: Counter[str] = Counter()
    count_suspicions(records, counts)
    return {name: count for name, count in counts.items() if count}


def worded(*words: str, tags: tuple[str, ...]) -> Record:
    return Record(row=1, words=words, tags={"names": tags})


@given(text=st.text(st.sampled_from("ab1é你_ .!-🦄"), max_size=12))
def test_a_text_is_near_empty_with_fewer_than_three_letters_and_digits(text: str) -> None:
    assert is_near_empty(text) == (sum(character.isalnum() for character in text) < LEAST_WORD_CHARACTERS)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (Record(row=1, text="A film"), {}),
        (Record(row=1, text="?! a-b"), {"near_empty": 1}),
        (Record(row=1, text="the cafÃ© was fine"), {"mojibake": 1}),
        (worded("Anna", ",", "too", tags=("B-per", "I-per", "O")), {"edge_punctuation": 1}),
        (worded("See", "Dr", ".", "Who", tags=("O", "B-tit", "I-tit", "B-per")), {}),  # an abbreviation
        (worded("Anna", ",", "too", tags=("B-per", "O", "O")), {}),
    ],
)
def test_what_is_suspected(record: Record, expected: dict[str, int]) -> None:
    assert suspicions(record) == expected


def test_an_entity_of_a_running_text_is_cut_out_of_it() -> None:
    text = "See  Dr. Who, there"
    words, starts = ("See", "Dr", ".", "Who", ",", "there"), (0, 5, 7, 9, 12, 14)
    record = Record(
        row=1, text=text, words=words, starts=starts, tags={"names": ("O", "B-a", "I-a", "I-a", "I-a", "O")}
    )
    assert list(tagged_in(record)) == [("names", "Dr. Who,")]
    assert suspicions(record) == {"edge_punctuation": 1}


def test_cleaning_counts_them_in_its_metrics_and_keeps_them() -> None:
    texts = {"A fine film": "positive", "?!": "negative", "the cafÃ© was dull": "negative", "Another one": "positive"}
    entries = [Entry(row=row, text=text, labels={"sentiment": texts[text]}) for row, text in enumerate(texts, start=1)]
    records, report = clean_entries(entries, labels={"sentiment": "label"})
    assert [record.text for record in records] == list(texts)
    assert report.as_dict()["suspect"] == {"near_empty": 1, "mojibake": 1, "edge_punctuation": 0}
    assert report.as_dict()["rare_labels"] == {"sentiment": ["negative", "positive"]}
    assert report.summary() == "4 records, 4 texts kept; suspect 1 near empty, 1 mojibake"


def test_spans_are_looked_at_as_they_were_kept() -> None:
    entries = [Entry(row=1, text="See Anna, there", spans={"entities": [Span(4, 9, "per")]})]
    _, report = clean_entries(entries, spans={"entities": "spans"})
    assert report.suspect == {"near_empty": 0, "mojibake": 0, "edge_punctuation": 1}
