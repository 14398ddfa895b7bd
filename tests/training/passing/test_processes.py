"""However a step is cut, over passes or over processes, its gradients and losses are the same."""

import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from tandem.tokens.batches.examples import Part
from tandem.training.passing.processes import Crew, launch
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
    assert_same(found, gradients(folders, tiny_encoder, tokens=100_000, n_texts=1))


def test_every_process_is_given_the_words_of_the_command(monkeypatch, tmp_path):
    from torch.distributed import run  # noqa: PLC0415 - slow

    calls = []
    monkeypatch.setattr(run, "main", calls.append)
    launch("stages.train_twin", 2, ["entities"], work=tmp_path)
    assert calls == [["--standalone", "--nproc-per-node", "2", "--module", "stages.train_twin", "entities"]]


def test_processes_that_ran_out_of_memory_begin_again_as_long_as_they_learn(tmp_path):
    """Both fail, and note a smaller pass, until it is 2; a failure without a new note is the end."""
    (tmp_path / "scarce.py").write_text(
        "import os, sys; from pathlib import Path\n"
        "memo = Path('work/run') / f'pass-tokens-{os.environ[\"RANK\"]}'\n"
        "memo.parent.mkdir(parents=True, exist_ok=True)\n"
        "tokens = int(memo.read_text()) if memo.exists() else 8\n"
        "memo.write_text(str(max(2, tokens // 2)))\n"
        "sys.exit(tokens > 2 or sys.argv[1] == 'never')\n"
    )
    call = "import sys; from pathlib import Path; from tandem.training.passing.processes import launch; "
    call += "launch('scarce', 2, sys.argv[1:], work=Path('work'))"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{tmp_path}"}
    for word, n_more, is_failure in (("soon", 2, False), ("never", 0, True)):
        command = [sys.executable, "-c", call, word]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.stderr.count("memory ran out: beginning again with smaller passes") == n_more
        assert ("one of 2 processes failed" in done.stderr) == is_failure == bool(done.returncode)


def test_nothing_that_learns_needs_no_exchange():
    """As in an epoch in which gradual unfreezing has not reached any weight that is to learn."""
    run = torch.nn.Linear(2, 2).requires_grad_(requires_grad=False)
    assert Crew(part=Part(0, 2)).share(run) is run
