"""`tandem compare` in a real repository: commits, tags, a branch, an experiment, the working folder and a clone."""

import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from dvc.repo import Repo

from tandem.artifacts import write_jsonl
from tandem.cli import main
from tandem.errors import TandemError
from tandem.evaluation.comparison_sources import parse_answers, read_runs
from tandem.evaluation.formats import PREDICTIONS
from tests.pipeline.conftest import AUTHOR, Project

LABELS = ("good", "bad")
TAGS = (["O", "B-place", "I-place", "O"], ["B-person", "O"])


def write_predictions(root: Path, n_wrong: int, n_texts: int = 200) -> None:
    """Predictions for two tasks; the first `n_wrong` texts of each are wrong."""
    folder = root / "data/evaluate"
    shutil.rmtree(folder, ignore_errors=True)
    gold = {
        "mood": [LABELS[row % 2] for row in range(n_texts)],
        "names": [TAGS[row % 2] for row in range(n_texts)],
    }
    wrong = {
        "mood": lambda label: LABELS[label == "good"],
        "names": lambda tags: ["B-thing"] * len(tags),
    }
    for task, answers in gold.items():
        rows = [
            {"corpus": task, "row": row, "gold": answer, "predicted": wrong[task](answer) if row < n_wrong else answer}
            for row, answer in enumerate(answers)
        ]
        write_jsonl(folder / "predictions" / f"{task}.jsonl", rows, PREDICTIONS)
    (folder / "per_label").mkdir()
    (folder / "per_label/mood.csv").write_text("label,f1\ngood,0.5\nbad,0.5\n")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Poor at the tag `first` and the branch `old`, good at HEAD, best in the experiment `trial`; all of it pushed."""
    root = tmp_path_factory.mktemp("compared")
    project = Project(root / "project")
    project.root.mkdir()
    project.run("git", "init", "--quiet", "--initial-branch=main")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # `dvc add` is behind its own libraries
        patch.chdir(project.root)
        for name, value in AUTHOR.items():
            patch.setenv(name, value)
        _fill(project, root / "remote")
    return project


def _fill(project: Project, remote: Path) -> None:
    """What a user would do with `dvc add`, `dvc exp save` and `dvc push`, without starting DVC anew each time."""
    Repo.init().close()
    (project.root / ".dvc/config").write_text(f"[core]\n    remote = store\n['remote \"store\"']\n    url = {remote}\n")
    project.commit("Begin")
    project.run("git", "branch", "old")
    with Repo() as repo:
        for n_wrong, name in ((60, "poor"), (20, "good")):
            write_predictions(project.root, n_wrong)
            repo.add("data/evaluate")
            project.commit(name)
            project.run("git", "tag", name)
        write_predictions(project.root, 5)
        repo.add("data/evaluate")
        repo.experiments.save(name="trial", force=True)
        project.run("git", "checkout", "--quiet", ".")
        repo.checkout(force=True)
        repo.push(all_commits=True)


@pytest.fixture
def inside(project, monkeypatch):
    """Work in the project; what a test does to the predictions is undone."""
    monkeypatch.chdir(project.root)
    yield project
    write_predictions(project.root, 20)


def compare(capsys, *words):
    """What `tandem compare --json` says."""
    main(["compare", *words, "--json"])
    return json.loads(capsys.readouterr().out)


def verdicts(found):
    scores = [score for task in found["tasks"].values() for score in task["scores"].values()]
    return {score["verdict"] for score in [*scores, found["combined_score"]]}


def test_the_last_commit_against_an_unchanged_workspace_is_within_noise(inside, capsys):
    found = compare(capsys)
    assert (found["before"], found["after"], found["covers"]) == (["HEAD"], ["workspace"], ["texts"])
    assert verdicts(found) == {"within noise"}
    assert found["tasks"]["mood"]["scores"]["accuracy"] == {
        "before": 0.9,
        "after": 0.9,
        "difference": 0.0,
        "interval": [0.0, 0.0],
        "verdict": "within noise",
    }


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("poor", "good", 0.2),
        ("poor", "main", 0.2),
        ("HEAD", "HEAD~1", -0.2),
        ("good", "trial", 0.075),
        ("poor", "workspace", 0.2),
    ],
)
def test_revisions_of_every_kind(inside, capsys, before, after, expected):
    found = compare(capsys, before, after)
    assert found["tasks"]["mood"]["scores"]["accuracy"]["difference"] == pytest.approx(expected)
    assert verdicts(found) == {"better" if expected > 0 else "worse"}


def test_a_folder_below_the_root_will_do(inside, capsys, monkeypatch):
    monkeypatch.chdir(inside.root / "data")
    assert verdicts(compare(capsys, "poor")) == {"better"}


def test_fail_on_worse_prints_the_table_and_fails(inside, capsys):
    main(["compare", "poor", "--fail-on-worse"])
    assert "better" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["compare", "good", "poor", "--fail-on-worse"])
    assert ended.value.code == 1
    assert "combined_score" in capsys.readouterr().out


def test_other_test_texts_are_named_with_how_many_are_shared(inside, capsys):
    write_predictions(inside.root, 20, n_texts=150)
    main(["compare", "--fail-on-worse"])
    lines = capsys.readouterr().out.splitlines()
    assert "mood, 200 texts before and 150 after, 150 shared" in [line.strip() for line in lines]
    assert any("accuracy" in line and "not comparable" in line for line in lines)
    shared = compare(capsys, "--shared")
    assert verdicts(shared) == {"within noise"}
    assert shared["tasks"]["mood"]["n_shared"] == 150


def test_several_runs_a_side_cover_the_seeds(inside, capsys):
    found = compare(capsys, "--seeds", "poor,poor~0", "good,workspace")
    assert (found["before"], found["covers"]) == (["poor", "poor~0"], ["texts", "seeds"])
    assert verdicts(found) == {"better"}
    with pytest.raises(SystemExit, match="--seeds needs several runs a side"):
        main(["compare", "--seeds", "poor"])
    with pytest.raises(SystemExit, match="poor is named twice on one side"):
        main(["compare", "--seeds", "poor,poor", "good,main"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "tandem: unknown revision 'nowhere' .*`dvc exp list` names them"),
        (["old"], r"tandem: old has no data/evaluate/predictions: .*name a revision that has been evaluated"),
    ],
)
def test_a_revision_without_predictions_is_named(inside, words, message):
    with pytest.raises(SystemExit, match=message):
        main(["compare", *words])


def test_a_workspace_without_predictions_says_what_to_do(inside):
    shutil.rmtree(inside.root / "data/evaluate")
    with pytest.raises(SystemExit, match=r"the workspace has no data/evaluate/predictions: run `dvc repro`, or .*pull"):
        main(["compare"])


def test_a_damaged_line_is_named(inside):
    with (inside.root / "data/evaluate/predictions/mood.jsonl").open("a") as handle:
        handle.write("{\n")
    expected = r"data/evaluate/predictions/mood\.jsonl of workspace, line 201 is damaged"
    with pytest.raises(TandemError, match=expected):
        read_runs(["workspace"])


def test_what_is_not_in_the_cache_is_named_with_the_command_that_fetches_it(project, tmp_path, monkeypatch, capsys):
    """Nothing is downloaded unasked, and the commands in the messages do work."""
    clone = project.clone(tmp_path / "clone")
    monkeypatch.chdir(clone.root)
    with pytest.raises(SystemExit, match=r"the predictions of HEAD are not in DVC's cache .* run `dvc fetch data/eval"):
        main(["compare"])
    clone.run("dvc", "fetch", "--quiet", "data/evaluate")
    assert verdicts(compare(capsys, "HEAD", "main")) == {"within noise"}
    with pytest.raises(SystemExit, match=r"of poor are not .* run `dvc fetch --all-commits data/evaluate`"):
        main(["compare", "poor"])
    clone.run("dvc", "fetch", "--quiet", "--all-commits", "data/evaluate")
    assert verdicts(compare(capsys, "poor", "HEAD")) == {"better"}


def test_without_a_remote_the_message_says_how_to_make_them_again(project, tmp_path, monkeypatch):
    clone = project.clone(tmp_path / "clone")
    monkeypatch.chdir(clone.root)
    Path(".dvc/config").write_text("")
    with pytest.raises(SystemExit, match=r"no DVC remote is configured.* `git checkout poor && dvc repro evaluate`"):
        main(["compare", "poor"])


def test_outside_a_repository_the_message_says_where_to_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="tandem: no DVC repository here: run from the project's root"):
        main(["compare"])


def test_without_git_there_are_no_revisions(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Repo.init(no_scm=True).close()
    with pytest.raises(SystemExit, match="tandem: 'HEAD' is a revision, and this folder is not in a git repository"):
        main(["compare"])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (['{"corpus": "a"}'], "line 1 is damaged"),
        (["[]"], "line 1 is damaged"),
        (['{"corpus":"a","row":1,"gold":"x","predicted":["x"]}'], "differ in kind or in length"),
        (['{"corpus":"a","row":1,"gold":["O"],"predicted":["O","O"]}'], "differ in kind or in length"),
        (['{"corpus":"a","row":1,"gold":null,"predicted":null}'], "expected a label or a list of tags, got None"),
        (['{"corpus":"a","row":1,"gold":"x","predicted":"x"}'] * 2, "line 2 is damaged .a row 1 stands there twice"),
        (
            ['{"corpus":"a","row":1,"gold":"x","predicted":"x"}', '{"corpus":"a","row":2,"gold":[],"predicted":[]}'],
            "some answers are labels and some are tags",
        ),
    ],
)
def test_rows_that_are_no_answers_are_refused(rows, message):
    with pytest.raises(TandemError, match=message):
        parse_answers([row.encode() for row in rows], "mood.jsonl")


def test_a_row_may_name_its_group():
    rows = [
        '{"corpus":"a","row":1,"gold":"x","predicted":"x","group":3}',
        '{"corpus":"a","row":2,"gold":"x","predicted":"x"}',
    ]
    found = parse_answers([row.encode() for row in rows], "mood.jsonl")
    assert found.unit_of(("a", 1)) == ("a", "group", 3)
    assert found.unit_of(("a", 2)) == ("a", "row", 2)


def test_the_command_waits_for_neither_torch_nor_the_model(project):
    code = (
        "import sys; from tandem.cli import main; main(['compare', 'poor', '--json']); "
        "sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project.root, env={**os.environ, **AUTHOR}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
