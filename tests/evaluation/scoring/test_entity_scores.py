"""Entity scores of predictions: by type, by surface, and what was not read."""

from dataclasses import replace

import numpy as np
import pytest
from nervaluate.evaluator import Evaluator
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2

from tandem.corpora.schema.records import Record
from tandem.corpora.schema.tag_schemes import spans_of
from tandem.evaluation.scoring.entity_scores import score_entities
from tandem.evaluation.scoring.scores import quick_f1, score_classes
from tandem.evaluation.scoring.surfaces import find_surfaces
from tandem.params import Task
from tandem.tokens.batches.examples import gather_examples
from tandem.tokens.batches.label_names import task_labels
from tandem.tokens.storage.store import TokenStore
from tests.evaluation.made_up import predictions, random_tags, tagging
from tests.small_corpora import write_store

TASKS = {"names": Task(kind="tagging", labels=None, scheme="iob2")}


def test_types_are_scored_as_seqeval_and_nervaluate_do():
    rng = np.random.default_rng(0)
    for _ in range(60):
        lengths = rng.integers(1, 15, size=8).tolist()
        gold, answers = ([random_tags(rng, length) for length in lengths] for _ in range(2))
        rows = {row["label"]: row for row in score_entities(tagging(gold, answers)).per_label}
        if any(tag[0] == "B" for tags in (*gold, *answers) for tag in tags):
            report = classification_report(gold, answers, mode="strict", scheme=IOB2, output_dict=True, zero_division=0)
            for kind in set(report) & set("xyz"):
                ours = [rows[kind][name] for name in ("precision", "recall", "f1", "support")]
                assert ours == pytest.approx(list(report[kind].values()), abs=1e-12)
        for kind, schemes in Evaluator(gold, answers, list("xyz"), loader="list").evaluate()["entities"].items():
            ours = [rows[kind][f"{name}_f1"] for name in ("conlleval", "partial", "exact", "type")]
            theirs = [schemes[name].f1 for name in ("strict", "partial", "exact", "ent_type")]
            assert ours == pytest.approx(theirs, abs=1e-12)


def test_the_quick_score_is_the_headline():
    rng = np.random.default_rng(1)
    for _ in range(50):
        gold, answers = ([random_tags(rng, 9) for _ in range(5)] for _ in range(2))
        found = tagging(gold, answers)
        assert quick_f1(found, "tagging") == pytest.approx(score_entities(found).f1, abs=1e-12)
        classes = predictions(rng.integers(3, size=9), rng.integers(3, size=9), range(9), "abc")
        assert quick_f1(classes, "classification") == pytest.approx(score_classes(classes).f1, abs=1e-12)
    assert quick_f1(tagging([], []), "tagging") == 0.0


def test_words_that_were_not_read_lower_the_coverage():
    scored = score_entities(tagging([["O", "B-x"], ["O", "O"]], [["O", "B-x"], ["O", "O"]], read=[1, 0, 1, 1]))
    assert scored.headline["coverage"] == 0.75
    assert scored.headline["recall"] == 0.0
    assert scored.headline["n_entities"] == 1
    assert scored.headline["n"] == 2


def test_no_text_at_all_gives_zeros():
    scored = score_entities(tagging([], []))
    assert set(scored.headline.values()) == {0.0}
    assert scored.per_label == []


def long_text(rng, number):
    """Up to forty words of one to three pieces, several windows long, with entities anywhere."""
    words = [
        str(word) for word in rng.choice(["film", "Ab", "abc", "the", "ok", "9x", "Oslo", "42"], rng.integers(1, 40))
    ]
    tags = []
    while len(tags) < len(words):
        kind = rng.choice(["person", "place", ""])
        tags += [f"B-{kind}", *[f"I-{kind}"] * int(rng.integers(0, 3))] if kind else ["O"]
    return Record(row=number, words=tuple(words), tags={"names": tuple(tags[: len(words)])})


def entities_of(records):
    return [
        (kind, " ".join(record.words[first:after]).lower())
        for record in records
        for first, after, kind in spans_of(record.tags["names"])
    ]


@pytest.fixture(scope="module")
def splits(tiny_encoder, tmp_path_factory):
    """Records by split, and their examples."""
    rng = np.random.default_rng(5)
    records = {split: [long_text(rng, n) for n in range(60)] for split in ("train", "test")}
    folder = write_store(tmp_path_factory.mktemp("surfaces"), tiny_encoder, records)
    stores = {split: [TokenStore.open(folder / split)] for split in records}
    labels = task_labels(TASKS, dict(enumerate(stores["train"])))
    return records, {split: gather_examples(found, TASKS, labels) for split, found in stores.items()}


def gold_answers(examples):
    names, texts = examples.labels["names"], examples.members["names"]
    words = examples.words_of(texts)
    gold = examples.answers_of("names", words)
    return predictions(gold, gold, np.searchsorted(examples.shelf.text_words, words, side="right") - 1, names)


def test_surfaces_are_those_of_the_words_in_lower_case_across_windows(splits):
    records, examples = splits
    assert examples["test"].shelf.n_windows > 2 * examples["test"].shelf.n_texts
    seen = set(entities_of(records["train"]))
    expected = [entity in seen for entity in entities_of(records["test"])]
    assert 0.2 < np.mean(expected) < 0.9
    surfaces = find_surfaces(examples["train"], examples["test"], "names")
    scored = score_entities(gold_answers(examples["test"]), surfaces).headline
    assert scored["n_seen"] == sum(expected)
    assert scored["n_entities"] == len(expected)
    assert scored["seen_f1"] == scored["unseen_f1"] == 1.0


def test_seen_and_unseen_entities_are_scored_apart(splits):
    records, examples = splits
    found = gold_answers(examples["test"])
    seen = set(entities_of(records["train"]))
    missed = found.logits.copy()
    place, lost = 0, 0
    for record in records["test"]:
        for first, after, kind in spans_of(record.tags["names"]):
            if (kind, " ".join(record.words[first:after]).lower()) not in seen:
                missed[place + first : place + after] = np.eye(len(found.names))[0]
                lost += 1
        place += len(record.words)
    scored = score_entities(
        found._replace(logits=missed), find_surfaces(examples["train"], examples["test"], "names")
    ).headline
    assert lost > 0
    assert scored["seen_f1"] == 1.0
    assert scored["unseen_f1"] == 0.0
    assert scored["recall"] == pytest.approx(1 - lost / scored["n_entities"])


def test_without_training_texts_nothing_was_seen(splits):
    _, examples = splits
    nothing = replace(examples["train"], members={"names": np.empty(0, dtype=np.int64)})
    scored = score_entities(gold_answers(examples["test"]), find_surfaces(nothing, examples["test"], "names")).headline
    assert scored["n_seen"] == scored["seen_f1"] == 0
    assert scored["unseen_f1"] == 1.0


def test_unseen_scores_are_left_out_without_surfaces():
    headline = score_entities(tagging([["B-x"]], [["B-x"]])).headline
    assert "seen_f1" not in headline
