"""However a step is cut, over passes or over processes, its gradients and losses are the same."""

import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from tandem.training.passing.processes import launch
from tests.imports import ROOT
from tests.training.crew_gradients import gradients


def by_processes(folders, encoder, target, *, n_processes, tokens, n_texts):
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n_processes)]
    program = ["--module", "tests.training.crew_gradients", ",".join(map(str, folders.values())), encoder, target]
    done = subprocess.run(
        [sys.executable, *words, *map(str, [*program, tokens, n_texts])],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return load_file(target)


@pytest.fixture(scope="module")
def whole(folders, tiny_encoder):
    """The step in one pass."""
    return gradients(folders, tiny_encoder, tokens=100_000)


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=1e-6, rtol=0, msg=name)


@pytest.mark.parametrize("tokens", [16, 60, 400])
def test_smaller_passes_change_nothing(folders, tiny_encoder, whole, tokens):
    assert_same(gradients(folders, tiny_encoder, tokens), whole)


@pytest.mark.parametrize("tokens", [60, 100_000])
def test_two_processes_change_nothing(folders, tiny_encoder, whole, tmp_path, tokens):
    target = tmp_path / "found.safetensors"
    assert_same(by_processes(folders, tiny_encoder, target, n_processes=2, tokens=tokens, n_texts=32), whole)


def test_a_process_without_a_window_of_its_own_takes_part(folders, tiny_encoder, tmp_path):
    target = tmp_path / "found.safetensors"
    found = by_processes(folders, tiny_encoder, target, n_processes=4, tokens=60, n_texts=1)
    expected = gradients(folders, tiny_encoder, tokens=100_000, n_texts=1)
    assert_same(found, {**expected, "pieces": found["pieces"]})


def test_every_process_is_given_the_words_of_the_command(monkeypatch):
    from torch.distributed import run  # noqa: PLC0415 - slow

    calls = []
    monkeypatch.setattr(run, "main", calls.append)
    launch("stages.train_twin", 2, ["entities"])
    assert calls == [["--standalone", "--nproc-per-node", "2", "--module", "stages.train_twin", "entities"]]
