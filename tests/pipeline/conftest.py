"""A project of its own in a temporary folder: our code and stages, a tiny encoder, two small workbooks."""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests import tiny

ROOT = Path(__file__).parents[2]
CODE = (".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore", "dvc.yaml", "params.yaml")


@dataclass(frozen=True)
class Project:
    """A folder with a repository, and the commands that a user types in it, with an environment of their own."""

    root: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, *words: str, succeeds: bool = True) -> str:
        """Run a command and return what it printed; by default it must succeed."""
        paths = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": f"{self.root / 'src'}"}
        done = subprocess.run(
            words,
            cwd=self.root,
            env={**os.environ, **paths, **AUTHOR, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=600,
            preexec_fn=take_one_core,
        )
        assert (done.returncode == 0) == succeeds, done.stdout
        return done.stdout

    def repro(self, *words: str) -> set[str]:
        """Run `dvc repro` and return the stages that ran."""
        return stages_run(self.run("dvc", "repro", *words))

    def edit_params(self, **changes: object) -> None:
        """Set values in `params.yaml`, such as `train__epochs=2`."""
        path = self.root / "params.yaml"
        params = yaml.safe_load(path.read_text())
        for key, value in changes.items():
            *sections, last = key.split("__")
            section = params
            for name in sections:
                section = section[name]
            section[last] = value
        path.write_text(yaml.safe_dump(params))

    def commit(self, message: str) -> None:
        """Commit everything that git does not ignore."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--allow-empty", "--message", message)

    def clone(self, to: Path, environment: Mapping[str, str] | None = None) -> "Project":
        """A fresh clone elsewhere, as on another machine."""
        self.run("git", "clone", "--quiet", ".", str(to))
        return Project(to, environment or {})


AUTHOR = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "Tester"), ("EMAIL", "tester@example.org"))
}


def take_one_core() -> None:
    """Tests run side by side: threads that wait for each other over busy cores would crawl."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {random.choice(sorted(os.sched_getaffinity(0)))})


def stages_run(output: str) -> set[str]:
    """The stages that a `dvc repro` says it runs, without the file that one of them stands in."""
    marker = "Running stage '"
    addresses = (line.partition(marker)[2].rstrip("':") for line in output.splitlines() if marker in line)
    return {address.rpartition(":")[2] for address in addresses}


def write_project(root: Path) -> Project:
    """Lay out a project with tiny data in place of what `fetch` would bring."""
    for name in CODE:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    for folder in ("src", "stages"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    tiny.write_encoder(root / "encoder")
    reviews = [("review", "sentiment"), *tiny.review_rows(80)]
    sentences = [("Sentence #", "Word", "Tag", "Template"), *tiny.tagged_rows(60)]
    tiny.write_workbook(root / "data/reviews.xlsx", reviews)
    tiny.write_workbook(root / "data/entities.xlsx", sentences)
    project = Project(root)
    _without_fetch(root / "dvc.yaml")
    project.edit_params(
        corpora__reviews__path="data/reviews.xlsx",
        corpora__entities__path="data/entities.xlsx",
        model__pretrained="encoder",
        tokenize_align__max_length=32,
        tokenize_align__stride=8,
        train__epochs=4,
        train__batch_size=16,
        train__learning_rate=0.01,
        parity_check__sentences=["the film was fine", "the plot was dull"],
    )
    project.run("git", "init", "--quiet", "--initial-branch=main")
    project.commit("Begin")
    return project


def _without_fetch(path: Path) -> None:
    """Own workbooks need no `fetch`: its stage goes, as the README says."""
    pipeline = yaml.safe_load(path.read_text())
    del pipeline["stages"]["fetch"]
    path.write_text(yaml.safe_dump(pipeline, sort_keys=False))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose pipeline has run once and is committed; tests work on clones or put back what they change."""
    project = write_project(tmp_path_factory.mktemp("project"))
    project.run("dvc", "repro")
    project.commit("Run the pipeline")
    return project
