"""A machine of another kind runs the probe alone; trained there all the same, the model is the same but for noise."""

import json
from pathlib import Path

import pytest

from tests.pipeline.conftest import Project

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("operations")]

PROBE = "stages/dvc.yaml:hardware-probe"
MACHINES = {
    "a GPU": {"device": "cuda", "name": "Big GPU", "memory": 80 << 30, "cores": 4},
    "four cores": {"device": "cpu", "name": "Four cores", "memory": 16 << 30, "cores": 4},
    "little memory": {"device": "cpu", "name": "Old laptop", "memory": 1 << 30, "cores": 1},
}

# what Python runs by itself at its start, here to make the stages meet another machine
PRETEND = """
import sys
if any(word.startswith("stages.") for word in sys.orig_argv):
    from tandem.hardware import execution, machine, probe, trial
    pretended = machine.Machine(n_devices=1, precisions=("float32",), **{facts!r})
    def settle(here, demand, encoder):
        small = execution.with_micro_batch(3, here, demand, "float32")
        return trial.Trial(execution=small, peak_bytes=1)
    probe.detect, trial.settle = lambda wanted: pretended, settle
"""


UPGRADED = """
import sys
if "stages.hardware_probe" in sys.orig_argv:
    from tandem import libraries
    installed = libraries.version
    libraries.version = lambda name: "99.0" if name == "torch" else installed(name)
"""


def elsewhere(finished: Project, folder: Path, code: str) -> Project:
    """A clone with all artifacts, where Python runs `code` at each start."""
    (folder / "pretending").mkdir()
    (folder / "pretending/sitecustomize.py").write_text(code)
    root = folder / "clone"
    clone = finished.clone(root, {"PYTHONPATH": f"{folder / 'pretending'}:{root / 'src'}"})
    clone.run("dvc", "cache", "dir", "--local", str(finished.root / ".dvc/cache"))
    clone.run("dvc", "checkout")
    return clone


@pytest.fixture(params=MACHINES)
def machine(request, finished: Project, tmp_path) -> Project:
    """A clone on a machine of another kind."""
    return elsewhere(finished, tmp_path, PRETEND.replace("{facts!r}", repr(MACHINES[request.param])))


def test_nothing_that_was_trained_is_trained_again(machine: Project, finished: Project):
    assert machine.repro() == {"hardware-probe"}
    assert machine.run("git", "status", "--short") == ""
    here, there = (json.loads((project.root / "data/hardware.json").read_text()) for project in (machine, finished))
    assert here["machine"]["name"] in {facts["name"] for facts in MACHINES.values()}
    assert here["execution"] != there["execution"]
    assert here["demand"] == there["demand"]


@pytest.mark.parametrize("machine", ["four cores", "little memory"], indirect=True)
def test_trained_there_all_the_same_it_scores_as_here(machine: Project, finished: Project):
    """Passes of three windows, on four threads or one: sums in another order, and nothing else."""
    machine.run("dvc", "repro", PROBE)
    output = machine.run("python", "-m", "stages.train")
    assert "goes on after step" not in output
    machine.run("python", "-m", "stages.evaluate")
    for path in (finished.root / "data/train/plots/metrics/step_loss").iterdir():
        here, there = (losses(project, path.name) for project in (machine, finished))
        assert here == pytest.approx(there, abs=1e-3), path.name
    here, there = (
        json.loads((project.root / "data/metrics/evaluate.json").read_text()) for project in (machine, finished)
    )
    assert here["combined_score"] == pytest.approx(there["combined_score"], abs=0.01)


def test_an_upgraded_library_makes_stale_what_it_computes(finished: Project, tmp_path):
    upgraded = elsewhere(finished, tmp_path, UPGRADED)
    upgraded.run("dvc", "repro", PROBE)
    assert "data/libraries.json" in upgraded.run("git", "status", "--short")
    stale = json.loads(upgraded.run("dvc", "status", "--json"))
    assert stale.keys() == {PROBE, "train", "evaluate", "parity-check"}
    assert stale["train"] == [{"changed deps": {"data/libraries.json": {"torch": "modified"}}}]


def losses(project: Project, name: str) -> list[float]:
    lines = (project.root / "data/train/plots/metrics/step_loss" / name).read_text().splitlines()[1:]
    return [float(line.split("\t")[-1]) for line in lines]
