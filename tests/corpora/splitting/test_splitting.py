"""Splits: sizes, balance, units that stay whole, nothing leaked, and the same for the same seed."""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tandem.corpora.schema.records import Record, read_records
from tandem.corpora.splitting import splitting
from tandem.corpora.splitting.split_report import Annotation, SplitReport
from tandem.corpora.splitting.split_sizes import sizes_of
from tandem.corpora.splitting.splitting import assign_splits, spaceless_key, text_key, write_splits
from tandem.errors import TandemError
from tandem.params import Split


def settings(valid: float = 0.1, test: float = 0.2, sample: float = 1.0, stratify: bool = True, seed: int = 1) -> Split:
    return Split(valid=valid, test=test, sample=sample, stratify=stratify, seed=seed)


def reviews(n_texts: int, *labels: str) -> list[Record]:
    return [Record(row=row, text=f"text {row}", labels={"mood": labels[row % len(labels)]}) for row in range(n_texts)]


def test_exact_sizes_and_balance() -> None:
    records = reviews(1000, "good", "bad", "bad", "bad")
    assignment, report = assign_splits(records, settings(0.1, 0.15, seed=7))
    assert report.sizes == Counter(assignment) == {"train": 750, "valid": 100, "test": 150}
    counts = Counter((split, record.labels["mood"]) for split, record in zip(assignment, records, strict=True))
    assert (counts["valid", "good"], counts["valid", "bad"]) == (25, 75)
    assert counts["test", "good"] in (37, 38)
    assert report.as_dict()["label_balance"]["valid"] == {"mood": {"good": 0.25, "bad": 0.75}}


@pytest.mark.parametrize(
    ("valid", "test", "sizes"),
    [
        (2, 3, (15, 2, 3)),
        (1.0, 0.25, (14, 1, 5)),
        (0, 0, (20, 0, 0)),
        (0, 19, (1, 0, 19)),
        (0.125, 0, (17, 3, 0)),  # halves go up
    ],
)
def test_sizes_as_counts_and_fractions(valid: float, test: float, sizes: tuple[int, int, int]) -> None:
    _, report = assign_splits(reviews(20, "a", "b"), settings(valid, test, seed=1))
    assert tuple(report.sizes[name] for name in ("train", "valid", "test")) == sizes


@pytest.mark.parametrize(
    ("n_texts", "chosen", "message"),
    [
        (0, settings(), "there is no text to split"),
        (20, settings(valid=1.5), "split.valid must be a fraction below 1 or a whole number of texts, got 1.5"),
        (20, settings(10, 10), "there are 20 texts, and 10 for valid and 10 for test were asked for"),
        (20, settings(9, 0.1, sample=0.5), r"there are 10 texts \(0.5 of 20\), and 9 for valid and 1 for test"),
        (3, settings(), "split.valid = 0.1 of 3 texts would be empty"),
        (20, settings(sample=0.01), r"split.valid = 0.1 of 0 texts \(0.01 of 20\) would be empty"),
    ],
)
def test_impossible_sizes(n_texts: int, chosen: Split, message: str) -> None:
    with pytest.raises(TandemError, match=message):
        assign_splits(reviews(n_texts, "a", "b"), chosen)


def test_one_group_cannot_fill_three_splits() -> None:
    records = [Record(row=row, text=str(row), group="all") for row in range(20)]
    with pytest.raises(TandemError, match=r"valid would be empty where 2 texts were asked for: .* up to 20 texts"):
        assign_splits(records, settings(seed=1))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A  text\n", "a text"),
        ("STRASSE", "straße"),
        ("ﬁlm", "film"),
        ("cafe\u0301", "café"),
        ("a\u00a0b", "a b"),
    ],
)
def test_copies_have_one_key(one: str, other: str) -> None:
    assert text_key(Record(row=1, text=one)) == text_key(Record(row=9, text=other))
    assert text_key(Record(row=1, text=one)) == text_key(Record(row=2, words=tuple(other.split())))


def test_different_texts_have_different_keys() -> None:
    keys = {text_key(Record(row=1, text=text)) for text in ("a b", "ab", "a b.", "", "b a")}
    assert len(keys) == 5
    assert all(0 <= key < 2**64 for key in keys)


def test_copies_and_groups_make_one_unit_through_each_other() -> None:
    chain = [
        Record(row=1, text="one", group="a"),
        Record(row=2, text="ONE", group="b"),
        Record(row=3, text="two", group="b"),
        Record(row=4, text="Two"),
    ]
    assignment, report = assign_splits([*chain, *reviews(36, "x", "y")], settings(seed=3))
    assert len(set(assignment[:4])) == 1
    assert (report.n_units, report.largest_unit, report.n_groups, report.duplicates) == (37, 4, 2, 2)


def test_same_text_with_different_labels_is_counted() -> None:
    records = [*reviews(30, "x", "y"), Record(row=99, text="TEXT 3", labels={"mood": "x"})]
    _, report = assign_splits(records, settings(seed=3))
    assert (report.conflicting_labels, report.duplicates) == (1, 1)


def test_rare_entity_types_are_spread() -> None:
    tags = [("B-PER", "O")] * 80 + [("B-PER", "B-ART")] * 10 + [("O", "O")] * 10
    records = [Record(row=row, words=(f"w{row}", "x"), tags={"ner": tag}) for row, tag in enumerate(tags)]
    assignment, report = assign_splits(records, settings(0.1, 0.2, seed=5))
    rare = Counter(split for split, tag in zip(assignment, tags, strict=True) if "B-ART" in tag)
    assert rare == {"train": 7, "valid": 1, "test": 2}
    assert report.as_dict()["label_balance"]["test"]["ner"] == {"PER": 0.9, "ART": 0.1, "O": 0.1}


def test_many_labels_of_one_text_each_still_give_exact_sizes() -> None:
    _, report = assign_splits(reviews(100, *map(str, range(100))), settings(seed=5))
    assert report.sizes == {"train": 70, "valid": 10, "test": 20}


def test_sample_is_stratified() -> None:
    records = reviews(400, "good", "bad", "bad", "bad")
    assignment, report = assign_splits(records, settings(sample=0.25, seed=5))
    kept = Counter(record.labels["mood"] for split, record in zip(assignment, records, strict=True) if split)
    assert kept == {"good": 25, "bad": 75}
    assert report.not_sampled == assignment.count(None) == 300
    assert report.sizes == {"train": 70, "valid": 10, "test": 20}


def test_without_stratification_sizes_are_exact_too() -> None:
    _, report = assign_splits(reviews(50, "a", "b"), settings(stratify=False, seed=5))
    assert report.sizes == {"train": 35, "valid": 5, "test": 10}


def test_seeds_differ() -> None:
    records = reviews(100, "a", "b")
    assert assign_splits(records, settings(seed=1))[0] == assign_splits(records, settings(seed=1))[0]
    assert assign_splits(records, settings(seed=1))[0] != assign_splits(records, settings(seed=2))[0]


CORPUS = st.lists(
    st.builds(
        Record,
        row=st.integers(1, 9),
        text=st.integers(0, 40).map(lambda number: f"text {number}"),
        group=st.none() | st.integers(0, 30).map(str),
        labels=st.sampled_from([{}, {"mood": "a"}, {"mood": "b"}, {"mood": "c", "tone": "d"}]),
    ),
    min_size=12,
    max_size=60,
)


@given(
    records=CORPUS,
    valid=st.sampled_from([0, 0.1, 0.3, 3]),
    test=st.sampled_from([0, 0.2, 4]),
    sample=st.sampled_from([0.6, 1.0]),
    seed=st.integers(0, 2**40),
    shuffle=st.randoms(use_true_random=False),
)
@hypothesis_settings(deadline=None)
def test_units_stay_whole_and_do_not_depend_on_the_order(
    records: list[Record], valid: float, test: float, sample: float, seed: int, shuffle: random.Random
) -> None:
    chosen = settings(valid, test, sample, seed=seed)
    try:
        assignment, report = assign_splits(records, chosen)
    except TandemError:
        return  # units too large for such splits
    for same in (lambda record: record.text, lambda record: record.group):
        places: dict[str, set[str | None]] = {}
        for record, split in zip(records, assignment, strict=True):
            if same(record) is not None:
                places.setdefault(same(record), set()).add(split)
        assert all(len(splits) == 1 for splits in places.values())
    assert set(report.leakage.values()) == {0}
    assert sum(report.sizes.values()) + report.not_sampled == len(records)
    wanted = sizes_of(chosen, len(records) - report.not_sampled, len(records)).tolist()
    for size, name in zip(wanted, splitting.SPLITS, strict=True):
        assert abs(report.sizes[name] - size) <= report.largest_unit
        assert report.sizes[name] == size or report.largest_unit > 1
    by_text = dict(zip((record.text for record in records), assignment, strict=True))
    shuffle.shuffle(records)
    again, shuffled_report = assign_splits(records, chosen)
    assert dict(zip((record.text for record in records), again, strict=True)) == by_text
    assert shuffled_report.as_dict() == report.as_dict()


def test_groups_come_close_to_the_sizes() -> None:
    records = [
        Record(row=row, text=f"text {row}", group=str(row % 150), labels={"mood": "ab"[row % 2]}) for row in range(1500)
    ]
    _, report = assign_splits(records, settings(0.1, 0.15, seed=7))
    assert report.sizes == {"train": 1130, "valid": 150, "test": 220}
    assert report.as_dict()["label_balance"]["valid"]["mood"]["a"] == pytest.approx(0.5, abs=0.05)


def test_groups_with_rare_types_are_balanced_too() -> None:
    """Sixteen groups hold a rare type, one the rarest; train has all types, and the others their share."""
    types = ["RAREST"] + ["RARE"] * 16 + ["COMMON"] * 83
    records = [
        Record(row=row, words=(f"w{row}",), tags={"ner": (f"B-{types[row % 100]}",)}, group=str(row % 100))
        for row in range(500)
    ]
    _, report = assign_splits(records, settings(0.1, 0.2, seed=7))
    balance = report.as_dict()["label_balance"]
    assert report.sizes == {"train": 350, "valid": 50, "test": 100}
    assert balance["train"]["ner"]["RAREST"] > 0
    assert balance["valid"]["ner"]["RARE"] == pytest.approx(0.16, abs=0.05)
    assert balance["test"]["ner"]["RARE"] == pytest.approx(0.16, abs=0.05)


def test_leakage_is_counted_not_assumed() -> None:
    report = SplitReport.of(
        parts=np.array([0, 1, 2, 2, -1]),
        names=splitting.SPLITS,
        keys=np.array([5, 5, 5, 6, 6], dtype=np.uint64),
        units=np.arange(5),
        annotations=np.zeros(5, dtype=np.int64),
        annotation_names=[Annotation((), ())],
        n_groups=0,
    )
    assert report.leakage == {"valid_in_train": 1, "test_in_train": 1, "test_in_valid": 1}
    assert report.summary() == "1 train, 1 valid, 2 test, 1 not sampled; 3 copies kept together, 3 leaked"


@pytest.mark.parametrize("n_at_once", [1, 7, 20_000])
def test_write_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_at_once: int) -> None:
    monkeypatch.setattr(splitting, "_RECORDS_AT_ONCE", n_at_once)
    records = reviews(20, "a", "b")
    assignment: list[str | None] = ["train"] * 10 + [None] * 5 + ["test"] * 5
    write_splits(tmp_path / "split", iter(records), assignment)
    assert list(read_records(tmp_path / "split" / "train.jsonl")) == records[:10]
    assert list(read_records(tmp_path / "split" / "test.jsonl")) == records[15:]
    assert sorted(path.name for path in (tmp_path / "split").iterdir()) == ["test.jsonl", "train.jsonl", "valid.jsonl"]
    assert (tmp_path / "split" / "valid.jsonl").read_bytes() == b""


def given(split: str, n_texts: int, *labels: str) -> list[Record]:
    return [replace(record, text=f"{split} {record.text}", split=split) for record in reviews(n_texts, *labels)]


def test_a_corpus_that_comes_split_stays_so_whatever_the_params_and_copies() -> None:
    records = [*given("train", 30, "a", "b"), *given("valid", 4, "a", "b"), *given("test", 6, "a", "b")]
    records += [replace(records[0], split="test"), replace(records[1], split="train")]
    assignment, report = assign_splits(records, settings(seed=3))
    assert assignment == [record.split for record in records]
    assert report.leakage == {"valid_in_train": 0, "test_in_train": 1, "test_in_valid": 0}
    assert report.as_dict()["given"] == ["train", "valid", "test"]
    assert report.summary() == (
        "31 train, 4 valid, 7 test; train, valid, test as given; 2 copies, leaked: 1 test in train"
    )


def test_a_part_that_lacks_is_drawn_from_train() -> None:
    records = [
        *given("train", 40, "a", "b"),
        *given("test", 7, "a", "b"),
        *[replace(given("train", 1, "a")[0], row=99)],
    ]
    assignment, report = assign_splits(records, settings(valid=0.1, seed=3))
    assert report.sizes == {"train": 37, "valid": 4, "test": 7}
    assert assignment[40:47] == ["test"] * 7
    assert assignment[0] == assignment[-1]
    assert report.as_dict()["label_balance"]["valid"]["mood"] == {"a": 0.5, "b": 0.5}
    assert report.summary().endswith("; train, test as given; 1 copies, leaked: none")
    _, report = assign_splits(given("train", 20, "a", "b"), settings(seed=3))
    assert report.sizes == {"train": 14, "valid": 2, "test": 4}
    with pytest.raises(TandemError, match=r"there are 40 texts of train, and 50 for valid and 0 for test were asked"):
        assign_splits([*given("train", 40, "a"), *given("test", 7, "a")], settings(valid=50, seed=3))


def test_each_given_part_is_sampled() -> None:
    records = [*given("train", 80, "a", "b"), *given("test", 20, "a", "b")]
    assignment, report = assign_splits(records, settings(valid=0.1, sample=0.5, seed=3))
    assert report.sizes == {"train": 36, "valid": 4, "test": 10}
    assert report.not_sampled == assignment.count(None) == 50
    assert report.as_dict()["label_balance"]["test"]["mood"] == {"a": 0.5, "b": 0.5}
    with pytest.raises(TandemError, match=r"split\.sample = 0\.02 leaves no text of test, which the corpus came with"):
        assign_splits(records, settings(valid=0, sample=0.02, seed=3))


def test_labels_and_types_that_train_lacks_are_told() -> None:
    records = [*given("train", 8, "a", "b"), *given("valid", 4, "a", "c"), *given("test", 4, "d", "c")]
    records += [
        Record(row=1, words=("x", "y"), tags={"ner": ("B-PER", "O")}, split="train"),
        Record(row=1, words=("z", "y"), tags={"ner": ("B-ORG", "O")}, split="test"),
        Record(row=1, words=("v", "y"), tags={"ner": ("O", "O")}, split="valid"),
    ]
    _, report = assign_splits(records, settings(seed=3))
    assert report.as_dict()["unseen_labels"] == {
        "mood": {"valid": ["c"], "test": ["c", "d"]},
        "ner": {"test": ["ORG"]},
    }
    assert report.summary().endswith(
        "; valid holds labels of mood that train lacks: c; test holds labels of mood that train lacks: c, d; "
        "test holds labels of ner that train lacks: ORG"
    )
    assert assign_splits(reviews(40, "a", "b"), settings(seed=3))[1].as_dict()["unseen_labels"] == {}


def test_a_text_and_its_words_have_one_key_without_spaces() -> None:
    text, words = (
        Record(row=1, text="I live in Rome, too."),
        Record(row=2, words=("I", "live", "in", "rome", ",", "too", ".")),
    )
    assert spaceless_key(text) == spaceless_key(words) != spaceless_key(Record(row=3, text="I live in Rom, too."))
    assert text_key(text) != text_key(words)
