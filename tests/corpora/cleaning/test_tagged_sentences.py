from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tandem.corpora.readers.entries import Entry
from tandem.corpora.schema.records import Record
from tandem.errors import TandemError
from tandem.params import Task
from tests.corpora.conftest import TASKS, Cleaned
from tests.corpora.sources import clean_entries

Clean = Callable[..., Cleaned]

FIRST = [("1", "Anna", "B-per"), (None, "left", "O")]
SECOND = [("2", "Oslo", "B-geo")]


def counts(report: Any) -> dict[str, int]:
    every = {**report.dropped, **report.altered, **report.noted}
    return {name: count for name, count in every.items() if count}


def sentences(records: list[Record]) -> list[str]:
    return [record.surface for record in records]


def test_a_record_holds_a_sentence_of_words_and_tags(clean_words: Clean) -> None:
    records, report = clean_words(*FIRST, *SECOND)
    assert records == [
        Record(row=2, words=("Anna", "left"), tags={"entities": ("B-per", "O")}),
        Record(row=4, words=("Oslo",), tags={"entities": ("B-geo",)}),
    ]
    assert not counts(report)
    assert report.labels == {"entities": {"per": 1, "geo": 1}}


@pytest.mark.parametrize(
    ("marks", "expected", "repeated"),
    [
        (["1", None, "2", None], ["ab", "cd"], 0),
        (["1", "1", "2", "2"], ["ab", "cd"], 0),
        ([1, None, 2.0, None], ["ab", "cd"], 0),
        (["10", None, "9", None], ["ab", "cd"], 0),
        (["1", "2", "1", "2"], ["a", "b", "c", "d"], 2),
        (["1", None, "1", None], ["abcd"], 0),
    ],
)
def test_marks_cut_sentences_in_the_order_of_the_file(
    clean_words: Clean, marks: list[Any], expected: list[str], repeated: int
) -> None:
    records, report = clean_words(*((mark, word, "O") for mark, word in zip(marks, "abcd", strict=True)))
    assert ["".join(record.words or ()) for record in records] == expected
    assert report.as_dict()["noted"]["repeated_marks"] == repeated


def test_a_word_before_any_mark_is_refused(clean_words: Clean) -> None:
    with pytest.raises(TandemError, match=r"words\.xlsx, sheet 'Sheet', row 2: a word stands before any sentence mark"):
        clean_words((None, "Anna", "O"), *SECOND)


@pytest.mark.parametrize(
    ("cell", "word"),
    [(34, "34"), (2.3, "2.3"), (True, "TRUE"), ("None", "None"), ("NA", "NA"), ("\u0096", "\u0096"), ("a\u0085b",) * 2],
)
def test_words_are_kept_as_they_stand(clean_words: Clean, cell: object, word: str) -> None:
    records, report = clean_words(("1", cell, "O"))
    assert records[0].words == (word,)
    assert not counts(report)


def test_words_lose_the_space_around_them(clean_words: Clean) -> None:
    records, report = clean_words(("1", " a b\u00a0", "O"), (None, "c", " O "))
    assert records[0].words == ("a b", "c")
    assert counts(report) == {"words_stripped": 1}


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        (None, "rows_missing_word"),
        ("#NAME?", "rows_missing_word"),
        ("=1+1", "rows_missing_word"),
        (" ", "rows_empty_word"),
        ("\u0085", "rows_empty_word"),
        ("\u00a0\u2028", "rows_empty_word"),
        ("\u200b", "rows_empty_word"),
    ],
)
def test_a_row_without_a_word(clean_words: Clean, word: str | None, reason: str) -> None:
    rows = [("1", "Anna", "B-per"), (None, word, "I-per"), (None, "left", "O"), *SECOND]
    records, report = clean_words(*rows)
    assert sentences(records) == ["Anna left", "Oslo"]
    assert counts(report) == {reason: 1}
    records, report = clean_words(*rows, missing_word="drop_sentence")
    assert sentences(records) == ["Oslo"]
    assert counts(report) == {"sentences_missing_word": 1}
    with pytest.raises(TandemError, match=r"row 3: no word, found .*; fill the cell, delete the row, or set clean"):
        clean_words(*rows, missing_word="error")


def test_a_sentence_without_any_word_is_counted(clean_words: Clean) -> None:
    records, report = clean_words(*FIRST, ("2", None, "O"), ("3", "b", "O"))
    assert sentences(records) == ["Anna left", "b"]
    assert counts(report) == {"rows_missing_word": 1, "sentences_without_words": 1}


def test_empty_rows_count_in_the_middle_alone(clean_words: Clean) -> None:
    records, report = clean_words(*FIRST, (None, None, None), *SECOND, (None, None, None), (None, None, " "))
    assert report.rows_in == 6
    assert sentences(records) == ["Anna left", "Oslo"]
    assert counts(report) == {"rows_missing_word": 3}


def test_a_row_without_a_tag(clean_words: Clean) -> None:
    rows = [("1", "Anna", "B-per"), (None, "left", None), *SECOND]
    records, report = clean_words(*rows)
    assert sentences(records) == ["Oslo"]
    assert counts(report) == {"sentences_missing_tag": 1}
    records, report = clean_words(*rows, missing_tag="outside")
    assert records[0].tags == {"entities": ("B-per", "O")}
    assert counts(report) == {"tags_missing_as_outside": 1}
    with pytest.raises(TandemError, match=r"row 3, column 'Tag': no tag. Correct the cell or set clean.missing_tag"):
        clean_words(*rows, missing_tag="error")


def test_a_sentence_with_an_unknown_type(clean_words: Clean) -> None:
    rows = [*FIRST, ("2", "May", "B-tim"), (None, "1", "I-tim"), ("3", "x", "O")]
    records, report = clean_words(*rows)
    assert sentences(records) == ["Anna left", "x"]
    assert counts(report) == {"sentences_unknown_tag": 1}
    assert report.as_dict()["unknown_labels"] == {"entities": {"tim": 2}}
    with pytest.raises(TandemError, match="row 4, column 'Tag': tag 'B-tim' is unknown; types allowed: geo, per"):
        clean_words(*rows, unknown_tag="error")


def test_types_may_be_anything_under_auto(clean_words: Clean) -> None:
    tasks = {"entities": replace(TASKS["entities"], labels=None)}
    _, report = clean_words(*FIRST, ("2", "May", "B-tim-x"), tasks=tasks)
    assert report.labels == {"entities": {"per": 1, "tim-x": 1}}


@pytest.mark.parametrize("tag", ["per", "b-per", "B_per", "B-", "E-per", "0", 1, "OO"])
def test_a_tag_of_another_shape_is_refused(clean_words: Clean, tag: object) -> None:
    message = rf"row 4, column 'Tag': tag '{tag}'; expected O, B-<type> or I-<type>\. Correct the cell"
    with pytest.raises(TandemError, match=message):
        clean_words(*FIRST, ("2", "x", tag))


def test_an_inside_that_continues_nothing(clean_words: Clean) -> None:
    rows = [("1", "Anna", "I-per"), (None, "Kowalska", "I-per"), (None, "Oslo", "I-geo")]
    records, report = clean_words(*rows)
    assert records[0].tags == {"entities": ("B-per", "I-per", "B-geo")}
    assert counts(report) == {"tags_repaired": 2}
    with pytest.raises(TandemError, match="row 2, column 'Tag': tag 'I-per' continues nothing; expected B-per"):
        clean_words(*rows, illegal_tags="error")


def test_group_and_labels_come_from_the_first_row(clean_words: Clean) -> None:
    records, report = clean_words(
        ("1", None, "O", 7, "positive"),
        (None, "a", "O", 8, None),
        ("2", "b", "O", None, None),
        ("3", "c", "O", 9, "negative"),
        header=("Sentence #", "Word", "Tag", "Template", "sentiment"),
        group="Template",
        labels={"sentiment": "sentiment"},
    )
    assert [(record.row, record.group, record.labels) for record in records] == [
        (2, "7", {"sentiment": "positive"}),
        (4, None, {}),
        (5, "9", {"sentiment": "negative"}),
    ]
    assert report.noted["without_sentiment"] == 1


def sentence(row: int, words: str, tags: str | None, **more: Any) -> Entry:
    return Entry(row=row, words=words.split(), tags={} if tags is None else {"entities": tags.split()}, **more)


def with_scheme(scheme: Any) -> dict[str, Task]:
    return {**TASKS, "entities": replace(TASKS["entities"], scheme=scheme)}


COLUMN = {"words": "words", "tags": {"entities": "tags"}}


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        ("I-per I-per B-per I-geo O", "iob1"),
        ("B-per L-per U-per S-geo O", "bilou"),
        ("B-per I-per B-per B-geo O", "iob2"),
    ],
)
@pytest.mark.parametrize("is_named", [True, False])
def test_tags_of_any_scheme_become_iob2(tags: str, scheme: str, is_named: bool) -> None:
    tasks = with_scheme(scheme if is_named else "auto")
    records, report = clean_entries([sentence(1, "a b c d e", tags)], tasks, **COLUMN)
    assert records[0].tags == {"entities": ("B-per", "I-per", "B-per", "B-geo", "O")}
    assert report.as_dict()["schemes"] == {"entities": scheme}
    assert (f"entities tags read as {scheme}" in report.summary()) == (scheme != "iob2")
    assert not counts(report)


def test_types_alone_are_tags_of_io() -> None:
    records, report = clean_entries([sentence(1, "a b c", "per per O")], with_scheme("auto"), **COLUMN)
    assert records[0].tags == {"entities": ("B-per", "I-per", "O")}
    assert report.schemes == {"entities": "io"}


def test_the_scheme_is_guessed_from_the_first_thousand_sentences() -> None:
    plain = [sentence(row, "a b", "I-per O") for row in range(1, 1001)]
    records, report = clean_entries([*plain, sentence(1001, "a b", "I-per B-per")], with_scheme("auto"), **COLUMN)
    assert (len(records), report.schemes) == (1001, {"entities": "iob1"})
    message = (
        r"file\.jsonl, record 1001, column 'tags': tag 'U-per'; expected O, B-<type> or I-<type>\. Correct the cell, "
        r"or set tasks\.entities\.scheme, which is iob1 here"
    )
    with pytest.raises(TandemError, match=message):
        clean_entries([*plain, sentence(1001, "a", "U-per")], with_scheme("auto"), **COLUMN)


@pytest.mark.parametrize(
    ("tags", "scheme", "message"),
    [
        ("O B-per", "iob1", "tag 'B-per' cannot follow 'O' in iob1"),
        ("B-per O", "bilou", "tag 'O' cannot follow 'B-per' in bilou"),
        ("L-per O", "bilou", "tag 'L-per' cannot follow a sentence's beginning in bilou"),
        ("O B-per", "bilou", "the sentence ends within the entity of tag 'B-per'"),
        ("O I-per", "bilou", "tag 'I-per' continues nothing; expected B-per"),
    ],
)
def test_illegal_tags_are_repaired_or_refused(tags: str, scheme: str, message: str) -> None:
    _, report = clean_entries([sentence(1, "a b", tags)], with_scheme(scheme), **COLUMN)
    assert report.altered["tags_repaired"] >= 1
    with pytest.raises(TandemError, match=message):
        clean_entries([sentence(1, "a b", tags)], with_scheme(scheme), {"illegal_tags": "error"}, **COLUMN)


def test_types_are_renamed_before_they_are_checked() -> None:
    names = {"entities": {"PER": "per", "LOC": "per", "MISC": "O"}}
    entries = [sentence(1, "a b c d e", "I-PER I-LOC I-MISC I-MISC I-geo"), sentence(2, "a", "I-MISCA")]
    records, report = clean_entries(entries, with_scheme("iob1"), map=names, **COLUMN)
    assert records[0].tags == {"entities": ("B-per", "B-per", "O", "O", "B-geo")}
    assert counts(report) == {"tags_mapped": 4, "sentences_unknown_tag": 1}
    assert "unused_map" not in report.as_dict()


@pytest.mark.parametrize(("tags", "scheme"), [("B-PER O", "iob2"), ("U-PER O", "bilou"), ("PER O", "io")])
def test_names_to_rename_that_no_tag_has_are_told(tags: str, scheme: str) -> None:
    names = {"entities": {"PER": "per", "per": "per", "LOC": "geo", "O": "geo"}}
    _, report = clean_entries([sentence(1, "a b", tags)], with_scheme(scheme), map=names, **COLUMN)
    assert report.as_dict()["unused_map"] == {"entities": ["LOC", "O", "per"]}
    assert "; map of entities met no 'LOC', 'O', 'per'" in report.summary()


def test_a_corpus_without_entities_says_so_of_each_word() -> None:
    entries = [
        Entry(row=row, words=["a", " ", "b"], labels={"sentiment": label})
        for row, label in enumerate(("negative", "positive"), start=1)
    ]
    records, report = clean_entries(entries, words=0, labels={"sentiment": 1}, without=("entities",))
    assert records[0] == Record(
        row=1, words=("a", "b"), labels={"sentiment": "negative"}, tags={"entities": ("O", "O")}
    )
    assert report.as_dict()["labels"]["entities"] == {}


def test_a_sentence_may_have_tags_or_a_label_or_both_but_not_neither() -> None:
    entries = [
        sentence(1, "a b", "B-per O", labels={"sentiment": "positive"}),
        sentence(2, "c", None, labels={"sentiment": " negative"}),
        sentence(3, "d", "O"),
        sentence(4, "e", None),
        Entry(row=5, words=[], tags={"entities": []}),
    ]
    records, report = clean_entries(entries, labels={"sentiment": "label"}, **COLUMN)
    assert [(record.labels, record.tags) for record in records] == [
        ({"sentiment": "positive"}, {"entities": ("B-per", "O")}),
        ({"sentiment": "negative"}, {}),
        ({}, {"entities": ("O",)}),
    ]
    assert counts(report) == {
        "missing_label": 1,
        "labels_stripped": 1,
        "sentences_without_words": 1,
        "without_entities": 1,
        "without_sentiment": 1,
    }
    assert report.rows_in == 5


def test_words_without_as_many_tags_are_refused() -> None:
    with pytest.raises(TandemError, match=r"file\.jsonl, record 7: 2 words but 1 tags of task entities; expected one"):
        clean_entries([sentence(7, "a b", "O")], **COLUMN)
