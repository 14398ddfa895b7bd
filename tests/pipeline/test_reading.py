"""No key of the params is read in secret: what a stage reads, its entry in the pipeline lists, and the reverse."""

import json

import pytest

from tests.imports import PIPELINE, ROOT
from tests.invalidation import plan_keys
from tests.pipeline.conftest import Project

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("operations")]


def is_under(key: str, names: set[str]) -> bool:
    return any(f"{key}.".startswith(f"{name}.") for name in names)


def test_every_key_that_a_stage_reads_is_a_dependency_of_it(finished: Project, tmp_path):
    """Each stage runs once more, while the params tell which of them are read."""
    clone = finished.clone(tmp_path / "clone")
    clone.run("dvc", "cache", "dir", "--local", str(finished.root / ".dvc/cache"))
    clone.run("dvc", "checkout")
    (clone.root / "tests").mkdir()
    for name in ("__init__.py", "reading.py"):
        (clone.root / "tests" / name).write_text((ROOT / "tests" / name).read_text())
    read = json.loads(clone.run("python", "-m", "tests.reading").splitlines()[-1])
    for stage, keys in read.items():
        entry = PIPELINE[stage.replace("_", "-")]
        entry = entry.get("do", entry)
        listed = {name.replace("corpora.${key}", "corpora") for name in entry["params"] if isinstance(name, str)}
        planned = {"corpora", *plan_keys()} if "data/plan.json" in entry["deps"] else set()
        for key in keys:
            assert is_under(key.replace("corpora.*", "corpora"), listed | planned), f"{stage} reads {key} unlisted"
        for name in listed:
            assert any(is_under(key.replace("corpora.*", "corpora"), {name}) for key in keys), f"{stage}: {name} idle"
