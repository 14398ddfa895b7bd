"""What re-runs when something changes: what DVC would run is what the code uses, no more and no less."""

import ast
from collections.abc import Iterator
from functools import reduce
from typing import Any

import pytest
import yaml
from dvc.repo.reproduce import plan_repro

from tandem.libraries import LIBRARIES
from tests.imports import PIPELINE, ROOT, closure, files_of
from tests.invalidation import FACTS, Table, following, leaves, plan_keys, skeleton, whole_table

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("invalidation"),
    pytest.mark.filterwarnings("default:_NoneStep:DeprecationWarning"),  # DVC's own, where it builds its graph
]

PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())


def instances() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every stage as DVC names it, its key where it is one of several, and its entry in the pipeline."""
    for name, stage in PIPELINE.items():
        keys = (
            reduce(lambda values, part: values[part], stage.get("foreach", "")[2:-1].split("."), PARAMS)
            if "foreach" in stage
            else []
        )
        yield from ((f"{name}@{key}", key, stage["do"]) for key in keys)
        if "do" not in stage:
            yield name, "", stage


def listing(key: str) -> set[str]:
    """The stages whose entry lists a key of the params, or a section that it is in."""
    return {
        name
        for name, own, entry in instances()
        for listed in entry.get("params", [])
        if isinstance(listed, str) and f"{key}.".startswith(listed.replace("${key}", own).replace("${item}", own) + ".")
    }


def depending(path: str) -> set[str]:
    """The stages whose entry lists a path."""
    return {name for name, _, entry in instances() if path in entry.get("deps", [])}


def depends_on(stage: str, folder: str) -> bool:
    """Whether a stage's entry lists a folder, or one that it is in."""
    entry = next(entry for name, _, entry in instances() if name == stage)
    return any(f"{folder}/".startswith(f"{path}/") for path in entry["deps"])


def module_of(stage: str) -> str:
    return f"stages.{stage.partition('@')[0].replace('-', '_')}"


@pytest.fixture(scope="module")
def repo():
    with skeleton() as repo:
        yield repo


@pytest.fixture(scope="module")
def table(repo) -> Table:
    return whole_table(repo)


def test_each_key_of_the_params(table):
    found = {".".join(key): table[".".join(key)] for key in leaves(PARAMS)}
    assert len(found) > 80
    assert found.pop("twins.tasks") == {"train-twin@sentiment", "evaluate-twin@sentiment"}
    for key, stages in found.items():
        planned = depending("data/plan.json") if key in plan_keys() else set()
        assert stages == listing(key) | planned, key
        if key.startswith("train."):
            assert not {name for name in stages if name.startswith(("clean", "split", "tokenize"))}
    assert found["corpora.reviews.text"] == {"clean@reviews"}
    assert found["tokenize_align.stride"] >= {"tokenize-align@reviews", "tokenize-align@entities"}
    assert found["train.learning_rate"] >= {"train", "evaluate"}
    assert found["evaluate.decoding"] >= {"evaluate"}
    assert "train" not in found["evaluate.decoding"]
    assert found["parity_check.tolerance"] == {"parity-check"}
    assert found["model.pooling"] >= {"train", "evaluate"}
    assert found["model.scratch.n_layers"] == set()  # of a pretrained encoder
    assert found["model.scratch.vocabulary_size"] == {"learn-vocabulary"}  # which then writes the same


def test_the_plan_carries_what_the_machine_must_meet(table):
    for path in FACTS:
        assert table[path] == depending(path), path
    assert plan_keys() == {
        "hardware_probe.device",
        "hardware_probe.memory_fraction",
        "model.pretrained",
        "tokenize_align.max_length",
        "train.batch_size",
        "train.precision",
    }
    assert table["hardware_probe.device"] == depending("data/plan.json") >= {"train", "evaluate"}


def test_each_file(repo, table):
    used = {stage.name: closure(module_of(stage.name)) for stage in repo.index.stages}
    found = {path: named for path, named in table.items() if path.startswith(("src/", "stages/"))}
    assert len(found) > 170
    for path, named in found.items():
        users = {stage for stage, files in used.items() if path in files and stage != "hardware-probe"}
        if path in files_of("src/tandem") | files_of("stages"):
            assert named == users, path
        elif "/page" in path:
            assert named == depending("src/tandem/evaluation") >= {"evaluate"}, path
        else:  # a bare docstring, or what is no code: of a folder that the stage needs the whole of
            folder = path.rpartition("/")[0]
            assert all(depends_on(stage, folder) for stage in named), path


def test_each_library_whose_version_changes_results(repo, table):
    imported = {stage.name: libraries_of(module_of(stage.name)) for stage in repo.index.stages}
    del imported["hardware-probe"]  # it runs every time
    used = {name: {stage for stage, names in imported.items() if name in names} for name in LIBRARIES}
    assert {name: set(table[f"{name} (its version)"]) for name in LIBRARIES} == used
    assert used["torch"] >= {"train", "evaluate", "parity-check"}
    assert used["transformers"] == {"parity-check"}


def test_comments_order_and_form_rerun_nothing(repo):
    path = repo.fs.join(repo.root_dir, "params.yaml")
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    with open(path, "w") as handle:  # noqa: PTH123 - DVC's own path
        handle.write("# another remark\n" + yaml.safe_dump(values, sort_keys=True, default_flow_style=True, width=60))
    assert list(repo.status().values()) == [["always changed"]]  # the probe


def test_what_comes_after(repo):
    later = following(repo)
    assert later["train"] >= {"evaluate", "parity-check"}
    assert later["clean@reviews"] >= {"split@reviews", "tokenize-align@reviews", "train", "evaluate", "parity-check"}
    straight = later["clean@reviews"] - later["learn-vocabulary"]  # a vocabulary of one's own is learnt from all
    assert not {name for name in straight if name.endswith("@entities")}


def test_leakage_is_told_before_anything_is_trained(repo):
    order = [stage.name for stage in plan_repro(repo.index.graph)]
    assert order.index("check-leakage") < order.index("train")


def libraries_of(module: str) -> set[str]:
    """The libraries with a tracked version that the files of a stage import."""
    names = set()
    for path in closure(module):
        file = ROOT / path
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    return names & set(LIBRARIES)
