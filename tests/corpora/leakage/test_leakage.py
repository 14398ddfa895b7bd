"""Held-out texts in training splits: exact and near, in the same corpus and in others, however they are given."""

import json
from pathlib import Path

import pytest

from tandem.corpora.leakage import leakage
from tandem.corpora.leakage.leakage import Leaks, find_leakage
from tandem.corpora.schema.records import SPLITS, Record, write_records
from tandem.errors import TandemError

LONG = "The parcel for Anna Kowalska went to 12 Mill Lane in Leeds, and came back the day after with no reason given."


def write(root: Path, corpus: str, **texts: list[str | Record]) -> None:
    for split in SPLITS:
        records = [text if isinstance(text, Record) else Record(row=1, text=text) for text in texts.get(split, [])]
        write_records(root / corpus / f"{split}.jsonl", records)


def words(*tokens: str) -> Record:
    return Record(row=1, words=tokens, tags={"names": ("O",) * len(tokens)})


def test_a_text_of_another_corpus_is_found_however_it_is_spaced(tmp_path: Path) -> None:
    write(tmp_path, "moods", train=["A dull film."], test=["Anna sings.", "What a picture"], valid=["a  dull FILM."])
    write(
        tmp_path,
        "people",
        train=[words("Anna", "sings", "."), words("Ben", "too")],
        test=[words("A", "dull", "film", ".")],
    )
    report = find_leakage(tmp_path, ["moods", "people"])
    test = report.held_out["moods"]["test"]
    assert (test.texts, test.by_corpus) == (2, {"moods": Leaks(0, 0), "people": Leaks(1, 0)})
    assert report.held_out["moods"]["valid"].by_corpus["moods"] == Leaks(1, 0)
    assert report.held_out["people"]["test"].by_corpus == {"moods": Leaks(1, 0), "people": Leaks(0, 0)}
    found = report.as_dict()
    assert (found["exact"], found["near"]) == (3, 0)
    assert found["train_texts"] == {"moods": 1, "people": 2}
    assert report.summary() == (
        "valid of moods: 1 in train of moods; test of moods: 1 in train of people; "
        "test of people: 1 in train of moods; train leaves out the same texts, not those nearly the same"
    )


def test_a_text_that_is_nearly_the_same_is_near_and_not_exact(tmp_path: Path) -> None:
    changed = LONG.replace("12", "14")
    write(
        tmp_path, "moods", train=[LONG, "Something else altogether, of some length."], test=[changed, LONG, "A film."]
    )
    write(tmp_path, "people", train=[words(*changed.replace(",", " ,").replace("given.", "given .").split())])
    report = find_leakage(tmp_path, ["moods", "people"])
    test = report.held_out["moods"]["test"]
    assert test.by_corpus == {"moods": Leaks(1, 1), "people": Leaks(1, 1)}
    assert test.anywhere == Leaks(2, 0)
    assert "test of moods: 1, 1 nearly in train of moods" in report.summary()


def test_clean_corpora_are_told_so_in_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path, "moods", train=["A dull film.", ".."], test=["Fine", "!"])
    report = find_leakage(tmp_path, ["moods"])
    assert report.summary() == "no held-out text stands in a training split, exactly or nearly"
    assert json.dumps(report.as_dict()) == json.dumps(find_leakage(tmp_path, ["moods"]).as_dict())
    assert report.as_dict()["near_searched"] == {"moods": 1}  # two dots are shorter than what is compared
    assert report.as_dict()["near_in_train"] == {"moods": 0}


def test_training_texts_that_are_nearly_the_same_are_counted(tmp_path: Path) -> None:
    write(tmp_path, "moods", train=[LONG, LONG, LONG.replace("12", "14"), LONG.replace("12", "16"), "A film."])
    report = find_leakage(tmp_path, ["moods"])
    assert report.near_in_train == {"moods": 2}  # a copy is none: copies are counted where texts are split
    assert report.summary().endswith("; 2 training texts of moods are nearly another")


def test_beyond_so_many_texts_near_ones_are_not_sought_and_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leakage, "MOST_TEXTS", 2)
    write(tmp_path, "one", train=["The first of all texts.", LONG], test=[LONG.replace("12", "14"), LONG])
    write(tmp_path, "two", train=["Nothing that is like it."])
    report = find_leakage(tmp_path, ["one", "two"])
    assert report.held_out["one"]["test"].by_corpus["one"] == Leaks(1, 0)
    assert "sought near ones among the first 1 different training texts of one" in report.summary()


def test_a_missing_split_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TandemError, match=r"moods/train\.jsonl"):
        find_leakage(tmp_path, ["moods"])
