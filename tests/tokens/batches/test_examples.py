"""What a step's batches hold of each text, and of each task's answers."""

from dataclasses import replace

import numpy as np
import pytest

from tandem.corpora.schema.records import Record
from tandem.params import TokenizeAlign
from tandem.tokens.batches.batching import PassSize
from tandem.tokens.batches.examples import Part
from tandem.tokens.batches.shelf import Shelf
from tandem.tokens.packing.packing import Packer
from tandem.tokens.packing.vocabulary import Vocabularies
from tandem.tokens.pieces.tokenizer import load_tokenizer
from tandem.tokens.storage.ragged import IGNORED
from tandem.tokens.storage.store import TokenStore
from tests.small_corpora import labelled, write_store

WHOLE, SMALL = PassSize(10_000, True), PassSize(64, True)


def gathered(batches, task):
    """Owners and weights of a task's counted places in all batches."""
    targets = [batch.targets[task] for batch in batches if task in batch.targets]
    return (np.concatenate([getattr(target, column) for target in targets]) for column in ("owners", "weights"))


def mixed_texts(examples):
    """The texts of the corpus whose texts have both answers."""
    first, last = examples.shelf.first_texts[2:4]
    return np.arange(first, last)


def test_windows_of_a_long_text_share_its_weight(train_examples):
    texts = train_examples.members["mood"][:24]
    owners, weights = gathered(train_examples.batches({"mood": texts}, size=WHOLE, reading=False), "mood")
    assert len(owners) > 24
    assert np.bincount(owners, weights) == pytest.approx(np.ones(24))


def test_texts_of_all_corpora_share_a_batch(train_examples):
    (batch,) = train_examples.batches(train_examples.members, size=WHOLE, reading=False)
    assert len(batch.windows) == train_examples.shelf.n_windows
    for row, window in enumerate(batch.windows):
        store, text = train_examples.shelf.locate(int(train_examples.shelf.window_texts[window]))
        own = [store.pieces[slice(*store.window_starts[[n, n + 1]])].tolist() for n in store.windows_of([text])]
        assert batch.ids[row][batch.mask[row]].tolist() in own
        assert set(batch.ids[row][~batch.mask[row]]) <= {store.meta.pad_id}


def test_a_text_with_both_answers_goes_through_the_encoder_once(train_examples):
    texts = mixed_texts(train_examples)
    batches = list(train_examples.batches(dict.fromkeys(("mood", "names"), texts), size=SMALL, reading=False))
    windows = np.concatenate([batch.windows for batch in batches])
    assert sorted(windows) == sorted(train_examples.shelf.windows_of(texts))
    assert all(batch.targets.keys() == {"mood", "names"} for batch in batches)


def test_a_text_that_a_task_did_not_choose_adds_nothing_to_it(train_examples):
    texts = mixed_texts(train_examples)
    chosen = {"mood": texts[:5], "names": texts[5:]}
    found = {task: set() for task in chosen}
    for batch in train_examples.batches(chosen, size=SMALL, reading=True):
        for task, targets in batch.targets.items():
            rows = targets.places if task == "mood" else targets.places // batch.ids.shape[1]
            found[task] |= set(train_examples.shelf.window_texts[batch.windows[rows]].tolist())
    assert found == {task: set(own.tolist()) for task, own in chosen.items()}


def test_every_word_is_read_once_and_its_answer_is_its_own(train_examples):
    texts = train_examples.members["names"]
    words = train_examples.words_of(texts)
    batches = list(train_examples.batches({"names": texts}, size=SMALL, reading=True))
    owners = np.concatenate([batch.targets["names"].owners for batch in batches])
    answers = np.concatenate([batch.targets["names"].answers for batch in batches])
    assert sorted(owners) == words.tolist()
    assert answers[np.argsort(owners)].tolist() == train_examples.answers_of("names", words).tolist()


def test_an_answer_that_the_head_does_not_know_is_ignored(train_examples):
    narrow = replace(train_examples, labels={**train_examples.labels, "mood": ("good",)})
    (batch,) = narrow.batches({"mood": np.arange(24)}, size=WHOLE, reading=False)
    answers = batch.targets["mood"].answers
    assert 0 < (answers == IGNORED).sum() < len(answers)
    assert narrow.count_labels("mood").tolist() == [train_examples.count_labels("mood")[1]]


def test_label_counts_are_those_of_the_split(train_examples):
    assert train_examples.count_labels("mood").tolist() == [24, 24]
    tags = dict(zip(train_examples.labels["names"], train_examples.count_labels("names"), strict=True))
    assert tags["B-person"] == 2 * 48
    assert tags["I-person"] == 0


@pytest.mark.parametrize("n_parts", [1, 2, 5])
def test_the_parts_of_processes_make_up_the_whole(train_examples, n_parts):
    texts = {task: members[:10] for task, members in train_examples.members.items()}
    parts = [
        [window for batch in train_examples.batches(texts, size=SMALL, reading=False, part=Part(n, n_parts))
         for window in batch.windows]
        for n in range(n_parts)
    ]  # fmt: skip
    whole = [w for batch in train_examples.batches(texts, size=SMALL, reading=False) for w in batch.windows]
    assert sorted(window for part in parts for window in part) == sorted(whole)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_texts_of_one_group_are_one_unit_of_their_corpus_alone(tiny_encoder, tmp_path):
    groups = ["a", None, "b", "a", None]
    records = {"train": [replace(labelled(n), group=name) for n, name in enumerate(groups)]}
    folders = [write_store(tmp_path / name, tiny_encoder, records) for name in ("one", "two")]
    shelf = Shelf(tuple(TokenStore.open(folder / "train") for folder in folders))
    assert shelf.stores[0].text_groups.tolist() == [0, -1, 1, 0, -1]
    first, second = np.split(shelf.text_units, 2)
    for units in (first, second):
        assert units[0] == units[3]
        assert len(set(units.tolist())) == 4
    assert not set(first.tolist()) & set(second.tolist())


def test_groups_keep_their_numbers_from_batch_to_batch(tiny_encoder):
    settings = TokenizeAlign(max_length=16, stride=4, long_texts="windows", subwords="first")
    packer = Packer(load_tokenizer(tiny_encoder), settings, Vocabularies(kinds={}, names={}, train_names={}))
    packed = [packer.pack([Record(row=1, text="x", group=name)])[0].text_groups.tolist() for name in ("a", "b", "a")]
    assert packed == [[0], [1], [0]]


def test_whether_words_stand_in_texts(tiny_encoder):
    settings = TokenizeAlign(max_length=16, stride=4, long_texts="windows", subwords="first")
    packer = Packer(load_tokenizer(tiny_encoder), settings, Vocabularies(kinds={}, names={}, train_names={}))
    text = Record(row=1, text="a film")
    listed = Record(row=1, words=("a", "film"))
    within = Record(row=1, text="a film", words=("a", "film"), starts=(0, 2))
    of_text, of_listed, of_within = (packer.pack([record])[0] for record in (text, listed, within))
    assert Shelf((of_text, of_within)).has_words_in_texts
    assert not Shelf((of_text, of_listed)).has_words_in_texts
