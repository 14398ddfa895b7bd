import subprocess
import sys
from dataclasses import replace

import pytest
import torch
import yaml

from tandem.artifacts import read_json, write_json
from tandem.errors import TandemError
from tandem.hardware import probe as probing
from tandem.hardware import trial
from tandem.hardware.execution import demand_of, with_micro_batch
from tandem.hardware.machine import Machine
from tandem.model.weights import read_config
from tests.imports import ROOT

MACHINE = Machine(device="cpu", name="test", n_devices=1, memory=2**33, cores=1, precisions=("float32",))


@pytest.fixture
def encoder(tiny_encoder):
    return read_config(tiny_encoder)


@pytest.fixture
def default_params(default_params, tiny_encoder):
    """The project's params, with the tiny encoder and windows that it can read."""
    return replace(
        default_params,
        model=replace(default_params.model, pretrained=str(tiny_encoder)),
        tokenize_align=replace(default_params.tokenize_align, max_length=32),
    )


@pytest.fixture
def demand(default_params):
    return replace(demand_of(default_params), max_length=32, batch_size=48)


@pytest.fixture
def on_test_machine(monkeypatch):
    monkeypatch.setattr(probing, "detect", lambda wanted: MACHINE)


def settle_with(monkeypatch, peaks, demand, encoder):
    """Settle on at most 16 windows a pass where a step with n takes `peaks[n]` bytes (None: out of memory)."""
    monkeypatch.setattr(trial, "_peak_of_one_step", lambda execution, *_: peaks[execution.micro_batch])
    return settle(monkeypatch, demand, encoder, 16)


def settle(monkeypatch, demand, encoder, micro_batch):
    """Settle where the memory model says that so many windows fit into a pass."""
    monkeypatch.setattr(
        trial, "choose", lambda *_, n_parameters: with_micro_batch(micro_batch, MACHINE, demand, "float32")
    )
    return trial.settle(MACHINE, demand, encoder)


def test_a_real_step_is_run_and_measured(monkeypatch, demand, encoder):
    found = settle(monkeypatch, demand, encoder, 4)
    assert found.execution.micro_batch == 4
    assert 0 <= found.peak_bytes < MACHINE.memory


@pytest.mark.parametrize("too_much", [None, MACHINE.memory])
def test_what_does_not_fit_is_halved_until_it_does(monkeypatch, demand, encoder, too_much):
    found = settle_with(monkeypatch, {16: too_much, 8: too_much, 4: 1000}, demand, encoder)
    assert (found.execution.micro_batch, found.execution.tokens_per_pass, found.execution.accumulation) == (4, 128, 12)


def test_nothing_fits(monkeypatch, demand, encoder):
    with pytest.raises(TandemError, match="a training step with one window of 32 pieces does not fit on test"):
        settle_with(monkeypatch, dict.fromkeys((16, 8, 4, 2, 1)), demand, encoder)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA"), RuntimeError("can't allocate memory: 9 bytes")])
def test_running_out_of_memory_is_noticed(monkeypatch, demand, encoder, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(trial, "_one_step", fail)
    assert trial._peak_of_one_step(with_micro_batch(1, MACHINE, demand, "float32"), demand, encoder) is None


def test_another_error_is_not_taken_for_lack_of_memory(monkeypatch, demand, encoder):
    def fail(*_):
        raise RuntimeError("a bug")

    monkeypatch.setattr(trial, "_one_step", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        trial._peak_of_one_step(with_micro_batch(1, MACHINE, demand, "float32"), demand, encoder)


def test_the_plan_is_a_function_of_the_params_alone(on_test_machine, default_params, tmp_path, monkeypatch):
    here = probing.probe(default_params, tmp_path / "none.json")
    monkeypatch.setattr(probing, "detect", lambda wanted: replace(MACHINE, memory=2**35, cores=8))
    there = probing.probe(default_params, tmp_path / "none.json")
    assert here.plan() == there.plan()
    assert here.facts() != there.facts()


def test_a_recorded_probe_holds_for_the_same_machine_and_params(on_test_machine, default_params, tmp_path, monkeypatch):
    recorded = tmp_path / "hardware.json"
    first = probing.probe(default_params, recorded)
    write_json(recorded, first.facts())
    monkeypatch.setattr(trial, "settle", lambda *_: pytest.fail("it was recorded"))
    assert probing.probe(default_params, recorded) == first


@pytest.mark.parametrize("damage", ["machine", "demand", "file", "threads"])
def test_a_record_of_another_machine_or_other_params_does_not(on_test_machine, default_params, tmp_path, damage):
    recorded = tmp_path / "hardware.json"
    first = probing.probe(default_params, recorded)
    facts = first.facts()
    facts["execution"]["micro_batch"] = 99
    if damage == "file":
        recorded.write_text("{")
    elif damage == "threads":
        facts["execution"]["threads"] = 0
        write_json(recorded, facts)
    else:
        facts[damage] = {**facts[damage], next(iter(facts[damage])): "other"}
        write_json(recorded, facts)
    assert probing.probe(default_params, recorded).execution.micro_batch == first.execution.micro_batch
    assert damage == "file" or read_json(recorded)["execution"]["micro_batch"] == 99


def test_a_recorded_probe_is_found_again_without_pytorch(tiny_encoder, tmp_path):
    """Which takes seconds to import, in each `dvc repro`."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["model"]["pretrained"] = str(tiny_encoder)
    params["tokenize_align"] |= {"max_length": 32, "stride": 8}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    code = (
        "import sys; from pathlib import Path; from tandem.artifacts import write_json\n"
        "from tandem.hardware.probe import probe; from tandem.params import load_params\n"
        "found = probe(load_params(Path('params.yaml')), Path('hardware.json'))\n"
        "write_json(Path('hardware.json'), found.facts())\n"
        "print('torch' in sys.modules)"
    )
    runs = [subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, text=True) for _ in range(2)]
    assert runs == ["True\n", "False\n"]
