"""Verdicts on made-up runs: what is alike is alike, what differs is found, and noise is called noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score as entity_f1
from seqeval.scheme import IOB2
from sklearn.metrics import accuracy_score, f1_score

from tandem.errors import TandemError
from tandem.evaluation.comparison import compare_runs
from tandem.evaluation.comparison_intervals import draw_weights
from tandem.evaluation.comparison_sources import Run, TaskAnswers

TAGS = ("O", "B-person", "I-person", "B-place", "I-place")


def run_of(name="run", labels=(), **tasks):
    """A run from each task's (gold, predicted) pairs; the texts of a task are the rows of a corpus of its name."""
    return Run(
        name=name,
        tasks={
            task: TaskAnswers(labels, {(task, row): pair for row, pair in enumerate(pairs)})
            for task, pairs in tasks.items()
        },
    )


def altered(random, gold, share, choices):
    """Answers that are right but for a share of them."""
    return [str(random.choice(choices)) if random.random() < share else answer for answer in gold]


def moods(random, n_texts):
    return [str(mood) for mood in random.choice(["good", "fair", "bad"], size=n_texts, p=[0.6, 0.3, 0.1])]


def sentence(random):
    """IOB2 tags of five to fifteen words."""
    tags = []
    while len(tags) < random.integers(5, 15):
        kind = random.choice(["person", "place"])
        tags += ["O"] * int(random.integers(1, 6)) + [f"B-{kind}"] + [f"I-{kind}"] * int(random.integers(0, 2))
    return tags


def verdicts(task):
    return {name: score.verdict for name, score in task.scores.items()}


@pytest.fixture
def random():
    return np.random.default_rng(3)


@pytest.fixture
def both(random):
    """Gold answers for two tasks."""
    return {"mood": moods(random, 300), "names": [sentence(random) for _ in range(100)]}


def answered(random, gold, wrong, name="run"):
    """A run with a share of wrong answers."""
    found = {
        "mood": altered(random, gold["mood"], wrong, ["good", "fair", "bad"]),
        "names": [altered(random, tags, wrong, TAGS) for tags in gold["names"]],
    }
    return run_of(name, **{task: list(zip(gold[task], found[task], strict=True)) for task in gold})


def test_identical_runs_are_within_noise(random, both):
    run = answered(random, both, 0.2)
    found = compare_runs([run], [run])
    scores = [score for task in found.tasks.values() for score in task.scores.values()] + [found.combined]
    assert len(scores) == 7
    assert {(score.difference, score.interval, score.verdict) for score in scores} == {
        (0.0, (0.0, 0.0), "within noise")
    }
    assert not found.covers_seeds


def test_a_clear_gain_is_better_and_the_way_back_is_worse(random, both):
    poor, good = answered(random, both, 0.5), answered(random, both, 0.1)
    assert compare_runs([poor], [good]).verdicts == {"better"}
    back = compare_runs([good], [poor])
    assert back.verdicts == {"worse"}
    low, high = back.combined.interval
    assert low < back.combined.difference < high < 0


def test_scores_are_those_of_scikit_learn_and_seqeval(random, both):
    poor, good = answered(random, both, 0.5), answered(random, both, 0.1)
    found = compare_runs([poor], [good]).tasks
    for run, side in ((poor, "before"), (good, "after")):
        gold, predicted = zip(*run.tasks["mood"].answers.values(), strict=True)
        assert getattr(found["mood"].scores["accuracy"], side) == pytest.approx(accuracy_score(gold, predicted))
        assert getattr(found["mood"].scores["macro_f1"], side) == pytest.approx(
            f1_score(gold, predicted, average="macro")
        )
        gold, predicted = map(list, zip(*run.tasks["names"].answers.values(), strict=True))
        expected = entity_f1(gold, predicted, mode="strict", scheme=IOB2)
        assert getattr(found["names"].scores["f1"], side) == pytest.approx(expected)


def test_a_label_that_a_run_knows_counts_in_macro_f1_though_it_never_occurs():
    pairs = [("good", "good"), ("bad", "bad")] * 3
    run = run_of(labels=("good", "bad", "fair"), mood=pairs)
    score = compare_runs([run], [run]).tasks["mood"].scores["macro_f1"]
    assert score.before == pytest.approx(2 / 3)


def test_the_same_runs_give_the_same_intervals(random, both):
    poor, good = answered(random, both, 0.5), answered(random, both, 0.45)
    assert compare_runs([poor], [good]) == compare_runs([poor], [good])


def test_the_interval_is_that_of_a_paired_bootstrap(random):
    """For accuracy the standard error of a paired difference is known."""
    right = random.random((2, 400)) < np.array([[0.7], [0.8]])
    before, after = (run_of(mood=[("good", "good" if is_right else "bad") for is_right in side]) for side in right)
    score = compare_runs([before], [after], n_resamples=20_000).tasks["mood"].scores["accuracy"]
    gains = right[1].astype(float) - right[0]
    reach = 1.96 * gains.std() / 20
    assert score.interval == pytest.approx((gains.mean() - reach, gains.mean() + reach), abs=0.003)


@pytest.mark.parametrize("change", ["a text more", "another gold answer", "another corpus", "another kind of answer"])
def test_other_test_texts_are_not_comparable(change):
    pairs = [("good", "good"), ("bad", "good"), ("bad", "bad")]
    before = run_of(mood=pairs, names=[(["O"], ["O"])] * 4)
    answers = dict(before.tasks["mood"].answers)
    n_shared = {"a text more": 3, "another gold answer": 2}.get(change, 0)
    if change == "a text more":
        answers["mood", 3] = ("bad", "bad")
    elif change == "another gold answer":
        answers["mood", 1] = ("good", "good")
    elif change == "another corpus":
        answers = {("other", row): pair for (_, row), pair in answers.items()}
    else:
        answers = {text: ([gold], [predicted]) for text, (gold, predicted) in answers.items()}
    after = Run(name="after", tasks={**before.tasks, "mood": TaskAnswers((), answers)})
    found = compare_runs([before], [after])
    assert set(verdicts(found.tasks["mood"]).values()) == {"not comparable"}
    assert found.tasks["mood"].n_shared == n_shared
    assert set(verdicts(found.tasks["names"]).values()) == {"within noise"}
    assert (found.combined.verdict, found.combined.difference) == ("not comparable", None)
    shared = compare_runs([before], [after], only_shared=True)
    assert set(verdicts(shared.tasks["mood"]).values()) == ({"within noise"} if n_shared else {"not comparable"})


def test_only_shared_scores_the_shared_texts_alone():
    before = run_of(mood=[("good", "good")] * 4)
    after = run_of(mood=[("good", "good")] * 4 + [("bad", "good")] * 4)
    assert compare_runs([before], [after]).tasks["mood"].scores["accuracy"].after == 0.5
    found = compare_runs([before], [after], only_shared=True).tasks["mood"]
    assert (found.n_before, found.n_after, found.n_shared) == (4, 8, 4)
    assert found.scores["accuracy"].after == 1.0


def test_a_task_of_one_side_alone_is_not_comparable():
    before, after = run_of(mood=[("good", "good")]), run_of(mood=[("good", "good")], names=[(["O"], ["O"])])
    found = compare_runs([before], [after])
    assert (found.tasks["names"].scores["f1"].before, found.tasks["names"].n_after) == (None, 1)
    assert found.tasks["names"].scores["f1"].verdict == found.combined.verdict == "not comparable"


def test_a_task_without_texts_is_left_out_and_nothing_at_all_is_an_error():
    run = run_of(mood=[("good", "good")], names=[])
    found = compare_runs([run], [run])
    assert list(found.tasks) == ["mood"]
    assert found.combined.before == 1.0
    with pytest.raises(TandemError, match="no test texts on either side"):
        compare_runs([run_of(mood=[])], [run_of(mood=[])])


def test_a_handful_of_texts_proves_nothing():
    few = [run_of(mood=[("good", answer)] * 5) for answer in ("bad", "good")]
    score = compare_runs(few[:1], few[1:]).tasks["mood"].scores["accuracy"]
    assert (score.difference, score.interval, score.verdict) == (1.0, (-1.0, 1.0), "within noise")
    some = [run_of(mood=[("good", answer)] * 6) for answer in ("bad", "good")]
    assert compare_runs(some[:1], some[1:]).tasks["mood"].scores["accuracy"].verdict == "better"


def test_several_seeds_widen_the_interval_by_what_seeds_do(random):
    """Runs of a side that differ much: a gain that is sure for the texts at hand is noise across seeds."""
    gold = ["good"] * 1000

    def side(*shares):
        return [
            run_of(f"run {share}", mood=list(zip(gold, altered(random, gold, share, ["bad"]), strict=True)))
            for share in shares
        ]

    before, after = side(0.10, 0.20, 0.30), side(0.05, 0.15, 0.25)
    assert compare_runs(before[1:2], after[:1]).tasks["mood"].scores["accuracy"].verdict == "better"
    found = compare_runs(before, after)
    assert found.covers_seeds
    score = found.tasks["mood"].scores["accuracy"]
    assert score.before == pytest.approx(0.8, abs=0.03)
    assert score.verdict == "within noise"
    low, high = score.interval
    assert high - low > 0.2


def test_steady_seeds_leave_the_interval_to_the_texts(random, both):
    """Runs of a side that are the same but for their names: seeds add nothing."""
    poor, good = answered(random, both, 0.5), answered(random, both, 0.4)
    sides = [[Run(name=f"{seed}", tasks=run.tasks) for seed in range(3)] for run in (poor, good)]
    several, one = compare_runs(*sides), compare_runs([poor], [good])
    assert several.combined.interval == pytest.approx(one.combined.interval, abs=0.005)
    same = compare_runs(sides[0], sides[0])
    assert (same.verdicts, same.combined.interval) == ({"within noise"}, (0.0, 0.0))


def test_texts_of_one_group_are_drawn_together(random):
    gold = moods(random, 60)
    before, after = (altered(random, gold, share, ["good", "bad"]) for share in (0.1, 0.4))

    def comparing(copies, *, is_grouped):
        runs = []
        for name, found in (("before", before), ("after", after)):
            answers = {("mood", row): pair for row, pair in enumerate(list(zip(gold, found, strict=True)) * copies)}
            groups = {("mood", row): row % 60 for row in range(60 * copies)} if is_grouped else {}
            runs.append(Run(name=name, tasks={"mood": TaskAnswers((), answers, groups)}))
        return compare_runs(runs[:1], runs[1:]).tasks["mood"]

    once, grouped, ignored = (
        comparing(1, is_grouped=False),
        comparing(5, is_grouped=True),
        comparing(5, is_grouped=False),
    )
    assert (once.n_units, grouped.n_units, ignored.n_units, grouped.n_shared) == (60, 60, 300, 300)
    assert grouped.scores["accuracy"].interval == pytest.approx(once.scores["accuracy"].interval)
    widths = [found.scores["accuracy"].interval[1] - found.scores["accuracy"].interval[0] for found in (ignored, once)]
    assert widths[0] < 0.6 * widths[1]


def test_a_run_named_twice_on_a_side_is_refused():
    run = run_of("same", mood=[("good", "good")])
    with pytest.raises(TandemError, match="same is named twice on one side"):
        compare_runs([run, run], [run])


@settings(max_examples=50, deadline=None)
@given(
    sizes=st.dictionaries(st.sampled_from("abc"), st.integers(1, 6), min_size=1),
    overlap=st.integers(0, 6),
    n_resamples=st.integers(1, 5),
)
def test_shared_texts_weigh_the_same_in_every_task(sizes, overlap, n_resamples):
    texts = {
        task: [("c" if row < overlap else task, "row", row) for row in range(size)] for task, size in sizes.items()
    }
    weights = {}
    for drawn in draw_weights(texts, n_resamples=n_resamples, seed=1):
        weights |= drawn
    assert {task: drawn.shape for task, drawn in weights.items()} == {
        task: (n_resamples, size) for task, size in sizes.items()
    }
    first, *others = weights
    for other in others:
        common = min(sizes[first], sizes[other], overlap)
        assert (weights[first][:, :common] == weights[other][:, :common]).all()
    if overlap == 0 or not others:
        assert all((drawn.sum(axis=1) == sizes[task]).all() for task, drawn in weights.items())


POOL = [sentence(np.random.default_rng(seed)) for seed in range(40)]


def wrong_at_times(random, gold, shares, n_choices):
    """Answers (texts, or words of texts) that are replaced by any at all with the given probabilities."""
    return np.where(random.random(len(gold)) < shares, random.integers(n_choices, size=len(gold)), gold)


def twins(random, n_texts, n_sentences):
    """Two systems that err with the same probability on each text, the same way on half of them."""
    sentences = [POOL[number] for number in random.integers(len(POOL), size=n_sentences)]
    sizes = [len(tags) for tags in sentences]
    gold = {
        "mood": random.choice(3, size=n_texts, p=[0.6, 0.3, 0.1]),
        "names": np.array([TAGS.index(tag) for tags in sentences for tag in tags]),
    }
    texts = {"mood": np.arange(n_texts), "names": np.repeat(np.arange(n_sentences), sizes)}
    shares = {task: random.beta(0.8, 3, size=texts[task][-1] + 1)[texts[task]] for task in gold}
    names = {"mood": np.array(["good", "fair", "bad"]), "names": np.array(TAGS)}

    def answers():
        return {task: wrong_at_times(random, gold[task], shares[task], len(names[task])) for task in gold}

    def told(task, ids):
        found = names[task][ids].tolist()
        ends = np.cumsum(sizes)
        return found if task == "mood" else [found[end - size : end] for end, size in zip(ends, sizes, strict=True)]

    common = answers()
    for own in (answers(), answers()):
        mixed = {
            task: np.where((random.random(texts[task][-1] + 1) < 0.5)[texts[task]], common[task], own[task])
            for task in gold
        }
        yield run_of(**{task: list(zip(told(task, gold[task]), told(task, mixed[task]), strict=True)) for task in gold})


@pytest.mark.slow
@pytest.mark.exhaustive
def test_without_a_true_difference_one_verdict_in_twenty_is_wrong():
    random = np.random.default_rng(11)
    n_pairs = 2000
    wrong = {}
    for number in range(n_pairs):
        before, after = twins(random, 1000, 200)
        found = compare_runs([before], [after], n_resamples=2000, seed=number)
        scores = {**found.tasks["mood"].scores, **found.tasks["names"].scores, "combined_score": found.combined}
        for name, score in scores.items():
            wrong[name] = wrong.get(name, 0) + (score.verdict in ("better", "worse"))
    assert len(wrong) == 7
    rates = {name: count / n_pairs for name, count in wrong.items()}
    assert all(0.04 <= rate <= 0.06 for rate in rates.values()), rates


@pytest.mark.slow
@pytest.mark.exhaustive
def test_without_a_true_difference_seeds_that_matter_mislead_only_a_comparison_of_single_runs():
    random = np.random.default_rng(5)
    n_pairs, n_texts, n_seeds = 500, 300, 5
    wrong = {"several": 0, "one": 0}
    for _ in range(n_pairs):
        ease = random.normal(1.8, 1.5, size=n_texts)
        runs = []
        for name in range(2 * n_seeds):
            chance = 1 / (1 + np.exp(-ease - random.normal(0, 0.4)))
            is_right = random.random(n_texts) < chance
            runs.append(run_of(str(name), mood=[("good", "good" if right else "bad") for right in is_right]))
        sides = {"several": (runs[:n_seeds], runs[n_seeds:]), "one": (runs[:1], runs[n_seeds : n_seeds + 1])}
        for how, (before, after) in sides.items():
            score = compare_runs(before, after, n_resamples=1000).tasks["mood"].scores["accuracy"]
            wrong[how] += score.verdict in ("better", "worse")
    rates = {how: count / n_pairs for how, count in wrong.items()}
    assert 0.02 <= rates["several"] <= 0.08, rates
    assert rates["one"] > 0.15, rates
