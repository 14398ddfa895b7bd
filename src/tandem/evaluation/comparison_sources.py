"""The stored answers of a revision: the predictions in its `data/evaluate`, from DVC's cache or the working folder.

Nothing is downloaded: where an object is not in the cache, the error says which command brings it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from tandem.artifacts import FORMAT_KEY
from tandem.errors import TandemError
from tandem.evaluation.formats import PREDICTIONS

WORKSPACE = "workspace"
EVALUATED = "data/evaluate"

Text = tuple[str, int]
"""A text's corpus, and its row there."""
Answer = str | list[str]
"""A label, or a tag for each word."""
Unit = tuple[str, str, int]
"""What is drawn as a whole: a corpus and its `group` or `row` of a number."""


class TaskAnswers(NamedTuple):
    """What a run answered to a task's test texts; `labels` are those that it knows, as far as it tells.

    `groups` are the numbers of the groups of those texts that have one.
    """

    labels: tuple[str, ...]
    answers: Mapping[Text, tuple[Answer, Answer]]  # gold, predicted
    groups: Mapping[Text, int] = MappingProxyType({})

    def unit_of(self, text: Text) -> Unit:
        """What a text is drawn with: its group, or itself alone."""
        corpus, row = text
        return (corpus, "group", self.groups[text]) if text in self.groups else (corpus, "row", row)

    @property
    def is_tagging(self) -> bool:
        """Whether the answers are tags."""
        return any(isinstance(gold, list) for gold, _ in self.answers.values())


@dataclass(frozen=True, kw_only=True)
class Run:
    """One evaluated model: `name` is the revision as the user called it."""

    name: str
    tasks: Mapping[str, TaskAnswers]


def read_runs(revisions: Sequence[str]) -> list[Run]:
    """Read the predictions of commits, branches, tags, experiments or the `workspace`.

    Raises `TandemError` outside a DVC repository, for an unknown revision, and if predictions are missing or damaged.
    """
    with _repository() as repo:
        return [_read_run(repo, revision) for revision in revisions]


def read_answers(folder: Path, task: str) -> TaskAnswers:
    """Read a task's predictions from a folder that `evaluate` wrote.

    Raises `TandemError` if they are missing or damaged.
    """
    path, labels = folder / "predictions" / f"{task}.jsonl", folder / "per_label" / f"{task}.csv"
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise TandemError(f"{path} cannot be read ({error.strerror}): run `dvc repro evaluate`") from error
    known = _label_column(labels.read_text(encoding="utf-8", errors="replace")) if labels.is_file() else ()
    return parse_answers(lines, str(path), known)


def parse_answers(lines: Sequence[bytes], where: str, labels: tuple[str, ...] = ()) -> TaskAnswers:
    """Parse the lines of a predictions file.

    Raises `TandemError` that names a damaged line of `where`, or the format that another version of Tandem wrote.
    """
    answers: dict[Text, tuple[Answer, Answer]] = {}
    groups: dict[Text, int] = {}
    PREDICTIONS.check(where, _format_of(lines))
    for number, line in enumerate(lines, start=1):
        text, pair, group = _parsed(line, f"{where}, line {number}")
        if text in answers:
            raise _damaged(f"{where}, line {number}", f"{text[0]} row {text[1]} stands there twice")
        answers[text] = pair
        if group is not None:
            groups[text] = group
    if len({type(gold) for gold, _ in answers.values()}) > 1:
        raise _damaged(where, "some answers are labels and some are tags")
    return TaskAnswers(labels, answers, groups)


@contextmanager
def _repository() -> Iterator[Any]:
    from dvc.exceptions import DvcException, NotDvcRepoError  # noqa: PLC0415 - half a second
    from dvc.repo import Repo  # noqa: PLC0415

    try:
        with Repo(config={"core": {"remote": ""}}) as repo:  # the cache alone, so that no network is waited for
            yield repo
    except NotDvcRepoError as error:
        raise TandemError(
            f"no DVC repository here: run from the project's root, or `dvc init` one ({error})"
        ) from error
    except DvcException as error:
        raise TandemError(f"DVC cannot read this repository: {error}") from error


def _read_run(repo: Any, revision: str) -> Run:
    from dvc.scm import NoSCMError, RevError  # noqa: PLC0415
    from dvc_data.index import DataIndexError  # noqa: PLC0415

    if revision == WORKSPACE:
        return _read_workspace(repo)
    try:
        with repo.switch(revision):
            return _read(repo.dvcfs, f"/{EVALUATED}", revision, _if_untracked(revision))
    except NoSCMError as error:
        raise TandemError(f"{revision!r} is a revision, and this folder is not in a git repository") from error
    except RevError as error:
        raise TandemError(
            f"unknown revision {revision!r} ({error}): expected a commit, a branch, a tag, an experiment "
            f"(`dvc exp list` names them) or `{WORKSPACE}`"
        ) from error
    except (DataIndexError, OSError) as error:
        raise TandemError(_if_missing(repo, revision)) from error


def _read_workspace(repo: Any) -> Run:
    if_none = f"run `dvc repro`, or bring what dvc.lock names with `dvc pull {EVALUATED}`"
    try:
        folder = repo.fs.join(repo.root_dir, *EVALUATED.split("/"))
        return _read(repo.fs, folder, WORKSPACE, f"the workspace has no {EVALUATED}/predictions: {if_none}")
    except OSError as error:
        raise TandemError(f"cannot read {EVALUATED} of the workspace ({error}): {if_none}") from error


def _read(fs: Any, folder: str, revision: str, if_none: str) -> Run:
    predictions = fs.join(folder, "predictions")
    if not fs.isdir(predictions):
        raise TandemError(if_none)
    paths = sorted(path for path in fs.ls(predictions, detail=False) if path.endswith(".jsonl"))
    if not paths:
        raise TandemError(if_none)
    tasks = {}
    for path in paths:
        task = PurePosixPath(path.replace("\\", "/")).stem
        where = f"{EVALUATED}/predictions/{task}.jsonl of {revision}"
        labels = _labels(fs, fs.join(folder, "per_label", f"{task}.csv"))
        tasks[task] = parse_answers(fs.read_bytes(path).splitlines(), where, labels)
    return Run(name=revision, tasks=tasks)


def _labels(fs: Any, path: str) -> tuple[str, ...]:
    """The labels that a run scored; none where it does not list them."""
    if not fs.exists(path):
        return ()
    return _label_column(fs.read_text(path, encoding="utf-8", errors="replace"))


def _label_column(table: str) -> tuple[str, ...]:
    rows = csv.DictReader(table.splitlines())
    return tuple(row["label"] for row in rows if row.get("label"))


def _format_of(lines: Sequence[bytes]) -> object:
    """The format that the first row tells; a damaged one tells none."""
    with suppress(ValueError, AttributeError, IndexError):
        return orjson.loads(lines[0]).get(FORMAT_KEY)
    return None


def _parsed(line: bytes, where: str) -> tuple[Text, tuple[Answer, Answer], int | None]:
    try:
        row = orjson.loads(line)
        text, gold, predicted = (str(row["corpus"]), int(row["row"])), row["gold"], row["predicted"]
        group = None if row.get("group") is None else int(row["group"])
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(where, str(error)) from error
    for answer in (gold, predicted):
        if not isinstance(answer, str) and not _is_tags(answer):
            raise _damaged(where, f"expected a label or a list of tags, got {str(answer)[:40]}")
    if type(gold) is not type(predicted) or (isinstance(gold, list) and len(gold) != len(predicted)):
        raise _damaged(where, "gold and predicted answers differ in kind or in length")
    return text, (gold, predicted), group


def _is_tags(answer: Any) -> bool:
    return isinstance(answer, list) and all(isinstance(tag, str) for tag in answer)


def _damaged(where: str, what: str) -> TandemError:
    return TandemError(f"{where} is damaged ({what}): run `dvc repro --force evaluate` there")


def _if_untracked(revision: str) -> str:
    return (
        f"{revision} has no {EVALUATED}/predictions: its dvc.lock knows of none. Run `dvc repro` there and commit "
        "dvc.lock, or name a revision that has been evaluated"
    )


def _if_missing(repo: Any, revision: str) -> str:
    """What brings the objects of a revision into the cache."""
    what = f"the predictions of {revision} are not in DVC's cache ({EVALUATED})"
    if not repo.config.get("remote"):
        again = "dvc repro evaluate" if revision == "HEAD" else f"git checkout {revision} && dvc repro evaluate"
        return (
            f"{what}, and no DVC remote is configured to fetch them from: `dvc remote add` the one that has them, or "
            f"make them again with `{again}`"
        )
    if revision == "HEAD":
        return f"{what}: run `dvc fetch {EVALUATED}`"
    return (
        f"{what}: run `dvc fetch --all-commits {EVALUATED}`, or, if it is an experiment, "
        f"`dvc exp pull <git remote> {revision}`"
    )
