import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss

from tandem.evaluation.scoring.calibration import calibrate, calibrated, calibration_error, fit_temperature
from tandem.evaluation.scoring.predicting import Predictions


def texts(logits, gold, read=None, names="abcd"):
    logits = np.array(logits, dtype=np.float32)
    return Predictions(
        names=tuple(names),
        texts=np.arange(len(logits)),
        gold=np.array(gold, dtype=np.int64),
        logits=logits,
        read=np.ones(len(logits), dtype=bool) if read is None else np.array(read, dtype=bool),
    )


def drawn(n, factor, seed=0):
    """Texts whose labels are drawn as likely as the logits say, before they are multiplied."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(n, 4)) * 2
    gold = (logits + random.gumbel(size=logits.shape)).argmax(axis=1)
    return texts(logits * factor, gold)


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_the_temperature_that_was_hidden_is_found(factor):
    temperature, n = fit_temperature(drawn(20_000, factor))
    assert temperature == pytest.approx(factor, rel=0.05)
    assert n == 20_000


def test_no_other_temperature_has_a_smaller_log_loss():
    valid = drawn(300, 3.0)
    temperature, _ = fit_temperature(valid)

    def loss(value):
        return log_loss(valid.gold, calibrated(valid, value).probabilities(), labels=range(4))

    assert all(loss(temperature) <= loss(temperature * step) for step in (0.5, 0.9, 0.99, 1.01, 1.1, 2))


def test_both_splits_are_told_before_and_after():
    valid, test = drawn(5000, 4.0, seed=1), drawn(5000, 4.0, seed=2)
    after, found = calibrate(valid, test)
    for split, loss in ((after, found.log_loss), (test, found.log_loss_uncalibrated)):
        probabilities = softmax(split.logits.astype(np.float64), axis=1)
        assert loss == pytest.approx(log_loss(test.gold, probabilities, labels=range(4)), abs=1e-9)
    assert found.log_loss < found.log_loss_uncalibrated
    assert found.calibration_error < 0.03
    assert found.calibration_error_uncalibrated > 0.15


def test_no_answer_changes_and_neither_does_what_was_decoded():
    test = drawn(500, 4.0)
    assert (calibrated(test, 3.7).answers() == test.answers()).all()
    decoded = test._replace(decoded=np.zeros(500, dtype=np.int64))
    assert not calibrated(decoded, 3.7).answers().any()


def test_what_the_head_cannot_answer_has_no_say():
    valid = drawn(2000, 2.0)
    odd = valid._replace(gold=np.where(np.arange(2000) % 2, valid.gold, 4), names=(*"abcde",))
    assert fit_temperature(odd)[1] == 1000
    assert fit_temperature(valid._replace(read=np.arange(2000) < 500))[1] == 500


def test_without_a_valid_split_nothing_is_scaled():
    assert fit_temperature(texts(np.zeros((0, 4)), [])) == (1.0, 0)


def test_without_an_error_the_temperature_stays_within_its_limits():
    assert fit_temperature(texts(np.eye(4), range(4)))[0] == pytest.approx(0.05, rel=0.01)
    assert fit_temperature(texts(np.eye(4), [1, 2, 3, 0]))[0] == pytest.approx(20, rel=0.01)


def test_the_calibration_error_by_hand():
    # confidences 0.9 (right), 0.9 (wrong) in one bin, 0.6 (right) in another, and one that was not read
    sure = np.array([0.9, 0.9, 0.6, 0.5])
    logits = np.log(np.stack([sure, 1 - sure], axis=1))
    found = texts(logits, [0, 1, 0, 1], read=[True, True, True, False], names="ab")
    assert calibration_error(found) == pytest.approx((2 * abs(0.5 - 0.9) + abs(1 - 0.6)) / 3)
    assert calibration_error(texts(np.zeros((0, 2)), [], names="ab")) == 0.0
