import json

import pytest

from tandem.commands.comparison_table import comparison_json, print_comparison
from tandem.evaluation.comparison import Comparison, Difference, TaskComparison

BETTER = Difference(before=0.5, after=0.625, interval=(0.0125, 0.2375))
WORSE = Difference(before=0.5, after=0.25, interval=(-0.5, -0.00001))
SAME = Difference(before=0.5, after=0.5, interval=(0.0, 0.0))
UNLIKE = Difference(before=0.5, after=None)


def comparison(score, *, seeds=1, n_after=300, n_shared=300, n_units=300):
    task = TaskComparison(
        n_before=300, n_after=n_after, n_shared=n_shared, n_units=n_units, scores={"token_accuracy": score}
    )
    names = {side: tuple(f"{side}{seed}" for seed in range(seeds)) for side in ("old", "new")}
    return Comparison(before=names["old"], after=names["new"], tasks={"names [x]": task}, combined=score)


def printed(capsys, found):
    print_comparison(found, as_json=False)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("score", "cells"),
    [
        (BETTER, "0.5000 0.6250 +0.1250 +0.0125 to +0.2375 better"),
        (WORSE, "0.5000 0.2500 -0.2500 -0.5000 to -0.0000 worse"),
        (SAME, "0.5000 0.5000 0.0000 0.0000 to 0.0000 within noise"),
        (UNLIKE, "0.5000 not comparable"),
    ],
)
def test_a_row_fits_into_80_columns(capsys, monkeypatch, score, cells):
    monkeypatch.setenv("COLUMNS", "80")
    lines = printed(capsys, comparison(score)).splitlines()
    rows = [" ".join(line.split()) for line in lines]
    assert f"token_accuracy {cells}" in rows
    assert f"combined_score {cells}" in rows
    assert "names [x], 300 texts" in rows
    assert max(map(len, lines)) <= 80


def test_the_words_say_what_the_intervals_cover_and_what_not(capsys):
    one = " ".join(printed(capsys, comparison(SAME)).split())
    assert "cover the choice of test texts" in one
    assert "do not cover the training seed" in one
    several = " ".join(printed(capsys, comparison(SAME, seeds=3)).split())
    assert "cover the choice of test texts and the training seed" in several
    assert "before: old0, old1, old2" in several


def test_what_is_shared_is_said(capsys):
    unlike = " ".join(printed(capsys, comparison(UNLIKE, n_after=250, n_shared=200)).split())
    assert "names [x], 300 texts before and 250 after, 200 shared" in unlike
    assert "`--shared` compares on the texts that both have" in unlike
    shared = " ".join(printed(capsys, comparison(SAME, n_after=250, n_shared=200)).split())
    assert "Only the texts that all runs share are compared" in shared


def test_json_says_the_same(capsys):
    found = comparison(UNLIKE, seeds=2)
    print_comparison(found, as_json=True)
    values = json.loads(capsys.readouterr().out)
    assert values == comparison_json(found)
    assert values["covers"] == ["texts", "seeds"]
    assert values["combined_score"] == {
        "before": 0.5,
        "after": None,
        "difference": None,
        "interval": None,
        "verdict": "not comparable",
    }


def test_groups_that_are_drawn_whole_are_told(capsys):
    found = comparison(SAME, n_units=40)
    shown = " ".join(printed(capsys, found).split())
    assert "300 texts in 40 groups" in shown
    assert "whole groups are drawn" in shown
    assert comparison_json(found)["tasks"]["names [x]"]["n_units"] == 40
    assert "groups" not in printed(capsys, comparison(SAME))
