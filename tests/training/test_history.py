import json

import orjson
import pytest

from tandem.training.history import History, Step, ValidScores


def make(scores, *, select_by="combined", learnt_weights=False):
    """A history of two steps an epoch, with these valid scores."""
    history = History(select_by=select_by)
    for number, by_task in enumerate(scores):
        for step in (2 * number + 1, 2 * number + 2):
            losses = {"mood": 1 / step, **({"names": 2 / step} if step % 2 else {})}
            factors = dict.fromkeys(losses, 1.0 + step * learnt_weights)
            history.steps.append(Step(number=step, losses=losses, factors=factors, learning_rate=0.1 * step))
        history.end_epoch(ValidScores(losses=dict.fromkeys(by_task, 0.5), scores=by_task))
    return history


SCORES = [{"mood": 0.5, "names": 0.1}, {"mood": 0.4, "names": 0.4}, {"mood": 0.4, "names": 0.4}, {"mood": 0.3}]


@pytest.mark.parametrize(("select_by", "best"), [("combined", 2), ("mood", 1)])
def test_the_first_of_the_best_epochs_is_kept(select_by, best):
    assert make(SCORES, select_by=select_by).best_epoch == best


def test_without_valid_texts_the_last_epoch_is_the_best():
    assert make([{}, {}, {}]).best_epoch == 3
    assert History().best_epoch == 0


@pytest.mark.parametrize(("patience", "has_stalled"), [(None, False), (1, True), (2, True), (3, False)])
def test_patience_counts_epochs_since_the_best(patience, has_stalled):
    assert make(SCORES).has_stalled(patience) == has_stalled
    assert not History().has_stalled(patience)


def test_an_epochs_training_losses_are_means_over_its_own_steps():
    history = make(SCORES[:2])
    assert history.epochs[1].train_losses == {"mood": pytest.approx((1 / 3 + 1 / 4) / 2), "names": pytest.approx(2 / 3)}


def test_the_state_comes_back_exactly():
    history = make(SCORES, learnt_weights=True)
    state = orjson.loads(orjson.dumps(history.state()))
    assert History.restored(state) == history


def test_files_lie_where_dvclive_puts_them(tmp_path):
    make(SCORES[:2], learnt_weights=True).write(tmp_path / "train")
    metrics = tmp_path / "train/plots/metrics"
    assert (metrics / "valid_score/names.tsv").read_text() == "step\tnames\n2\t0.1\n4\t0.4\n"
    assert (metrics / "learning_rate.tsv").read_text().splitlines()[:2] == ["step\tlearning_rate", "1\t0.1"]
    assert {path.name for path in metrics.iterdir()} == {
        "learning_rate.tsv", "loss_weight", "step_loss", "train_loss", "valid_loss", "valid_score"
    }  # fmt: skip
    last = json.loads((tmp_path / "train/metrics.json").read_text())
    assert last["step"] == 4
    assert last["valid_score"] == {"mood": 0.4, "names": 0.4}


def test_fixed_loss_weights_need_no_curve(tmp_path):
    make(SCORES).write(tmp_path / "train")
    assert not (tmp_path / "train/plots/metrics/loss_weight").exists()
