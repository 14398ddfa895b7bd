import numpy as np
import pytest
import torch

from tandem.evaluation.scoring.predicting import Predictions, predict
from tandem.training.passing.passes import EncoderPass
from tests.small_corpora import EXECUTION


@pytest.fixture
def found(model, valid_examples):
    model.eval()
    return predict(
        EncoderPass(model, valid_examples, EXECUTION, reading=True), valid_examples, size=EXECUTION.pass_size
    )


def test_every_text_and_every_word_is_predicted_once(found, valid_examples):
    assert len(found["mood"].gold) == 8 + 8
    words = sum(valid_examples.shelf.stores[n].word_starts[-1] for n in (1, 2))
    assert len(found["names"].gold) == words
    assert all(predictions.read.all() for predictions in found.values())


def test_gold_answers_come_back_as_they_were(found, valid_examples):
    names = np.array(found["names"].names, dtype=object)
    first_text = found["names"].texts == valid_examples.shelf.first_texts[1]
    tags = names[found["names"].gold[first_text]].tolist()
    assert tags[:2] == ["B-person", "O"]
    assert tags[-2:] == ["B-person", "O"]
    assert set(tags[2:-2]) <= {"O"}


@torch.inference_mode()
def test_a_long_texts_class_is_the_mean_of_its_windows(found, model, valid_examples):
    store = valid_examples.shelf.stores[0]
    text = next(n for n in range(store.n_texts) if len(store.windows_of([n])) > 1)
    logits = []
    for window in store.windows_of([text]):
        ids = torch.from_numpy(store.pieces[store.window_starts[window] : store.window_starts[window + 1]].copy())
        logits.append(model(ids[None].long(), torch.ones(1, len(ids), dtype=torch.bool), ["mood"])["mood"][0])
    row = np.flatnonzero(found["mood"].texts == text)[0]
    expected = torch.stack(logits).mean(0).numpy()
    np.testing.assert_allclose(found["mood"].logits[row], expected, atol=1e-5)


def test_the_size_of_a_pass_changes_nothing(found, model, valid_examples):
    run = EncoderPass(model, valid_examples, EXECUTION, reading=True)
    small = predict(run, valid_examples, size=EXECUTION.pass_size._replace(tokens=16))
    for task, predictions in found.items():
        np.testing.assert_allclose(small[task].logits, predictions.logits, atol=1e-5)


def blank(gold, logits, read=None, names=("O", "B-x", "I-x")):
    gold = np.array(gold, dtype=np.int64)
    return Predictions(
        names=names,
        texts=np.zeros(len(gold), dtype=np.int64),
        gold=gold,
        logits=np.array(logits, dtype=np.float32),
        read=np.ones(len(gold), dtype=bool) if read is None else np.array(read),
    )


def test_a_word_that_was_not_read_counts_as_outside():
    assert blank([1, 1], [[0, 9, 0], [0, 9, 0]], read=[True, False]).answers().tolist() == [1, 0]


def test_mean_loss_is_torchs_cross_entropy():
    logits = np.random.default_rng(0).normal(size=(20, 3))
    gold = np.arange(20) % 3
    expected = torch.nn.functional.cross_entropy(torch.tensor(logits), torch.tensor(gold)).item()
    assert blank(gold, logits).mean_loss() == pytest.approx(expected, abs=1e-6)


def test_mean_loss_leaves_out_what_cannot_be_right():
    only_first = blank([0, 1, 3], [[2, 0, 0]] * 3, read=[True, False, True], names=("O", "B-x", "I-x", "B-new"))
    assert only_first.mean_loss() == pytest.approx(blank([0], [[2, 0, 0]]).mean_loss())
    assert blank([3], [[2, 0, 0]], names=("O", "B-x", "I-x", "B-new")).mean_loss() == 0.0


def test_confidence_is_the_probability_of_the_answer():
    found = blank([0, 1], [[2, 1, 0], [0, 0, 0]], read=[True, False])
    np.testing.assert_allclose(found.confidences(), [found.probabilities()[0, 0], 1 / 3])
    other = found._replace(decoded=np.array([1, 0]))
    assert other.answers().tolist() == [1, 0]
    np.testing.assert_allclose(other.confidences(), [found.probabilities()[0, 1], 1 / 3])
