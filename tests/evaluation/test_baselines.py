"""The baselines against counters over the records themselves."""

from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest

from tandem.evaluation.baselines import frequent_tags, majority_class, score_baselines
from tandem.evaluation.scoring.predicting import Predictions
from tandem.tokens.batches.examples import Examples
from tests.small_corpora import both, labelled, tagged

NUMBERS = {"train": range(24), "valid": range(500, 508)}


def records(split: str, task: str):
    makers = {"mood": ((labelled, 0), (both, 2000)), "names": ((tagged, 1000), (both, 2000))}[task]
    return [make(first + number) for make, first in makers for number in NUMBERS[split]]


def untrained(examples: Examples, task: str) -> Predictions:
    """Predictions that know the gold answers and nothing else."""
    texts = examples.members[task]
    is_tagging = examples.kinds[task] == "tagging"
    owners = examples.words_of(texts) if is_tagging else texts
    numbers = np.repeat(texts, [len(examples.words_of(texts[row : row + 1])) for row in range(len(texts))])
    names = examples.labels[task]
    return Predictions(
        names=names,
        texts=numbers if is_tagging else texts,
        gold=examples.answers_of(task, owners),
        logits=np.zeros((len(owners), len(names)), dtype=np.float32),
        read=np.ones(len(owners), dtype=bool),
    )


def test_a_word_gets_its_most_frequent_tag(train_examples: Examples, valid_examples: Examples) -> None:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for record in records("train", "names"):
        for word, tag in zip(record.words, record.tags["names"], strict=True):
            counts[word.lower()][tag] += 1
    expected = [
        counts[word.lower()].most_common(1)[0][0] if word.lower() in counts else "O"
        for record in records("valid", "names")
        for word in record.words
    ]
    predictions = untrained(valid_examples, "names")
    found = frequent_tags(train_examples, valid_examples, "names", predictions)
    assert [found.names[answer] for answer in found.answers()] == expected
    assert {"B-person", "O"} == set(expected)


def test_a_text_gets_the_majority_class(valid_examples: Examples) -> None:
    predictions = untrained(valid_examples, "mood")
    found = majority_class(np.array([3, 1]), predictions)
    assert set(found.answers()) == {0}
    assert found.probabilities()[0].tolist() == pytest.approx([0.75, 0.25])


def test_they_are_scored_as_the_model_is(train_examples: Examples, valid_examples: Examples) -> None:
    predictions = {task: untrained(valid_examples, task) for task in ("mood", "names")}
    scored = score_baselines(train_examples, valid_examples, predictions, {})
    moods = [record.labels["mood"] for record in records("valid", "mood")]
    assert scored["mood"].headline["accuracy"] == pytest.approx(moods.count("bad") / len(moods))
    assert 0.5 < scored["names"].f1 <= 1
    assert scored["names"].headline["n"] == len(records("valid", "names"))


def test_a_task_that_nothing_was_learnt_for(train_examples: Examples, valid_examples: Examples) -> None:
    nothing = replace(train_examples, members={task: rows[:0] for task, rows in train_examples.members.items()})
    predictions = {task: untrained(valid_examples, task) for task in ("mood", "names")}
    scored = score_baselines(nothing, valid_examples, predictions, {})
    assert scored["names"].f1 == 0
    assert 0 < scored["mood"].headline["accuracy"] < 1
