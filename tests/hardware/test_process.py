import platform
import resource
import subprocess
import sys

import pytest
import torch

from tandem.hardware import process
from tandem.hardware.execution import Execution


@pytest.mark.parametrize(
    ("device", "is_deterministic", "chooses"), [("cuda", True, True), ("cuda", False, False), ("cpu", True, False)]
)
def test_a_gpu_is_asked_for_deterministic_kernels(monkeypatch, device, is_deterministic, chooses):
    calls, environment = [], {}
    monkeypatch.setattr(torch, "use_deterministic_algorithms", calls.append)
    monkeypatch.setattr(process.os, "environ", environment)
    execution = Execution(
        device=device,
        precision="float32",
        n_devices=1,
        micro_batch=4,
        tokens_per_pass=128,
        accumulation=1,
        workers=0,
        threads=torch.get_num_threads(),
    )
    process.prepare_torch(execution, is_deterministic=is_deterministic)
    assert calls == [True] * chooses
    assert ("CUBLAS_WORKSPACE_CONFIG" in environment) == chooses


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such setting")
def test_freed_memory_is_used_again_without_asking_for_pages():
    program = (
        "import resource, torch\n"
        "from tandem.hardware.process import keep_freed_memory\n"
        "def faults(rounds):\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    for _ in range(rounds):\n"
        "        torch.ones(2**24)\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
        "for is_kept in (False, True):\n"
        "    keep_freed_memory(is_kept=is_kept)\n"
        "    faults(20)\n"  # until small things have found their places between
        "    print(faults(20))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    usual, kept = map(int, done.stdout.split())
    n_pages = 20 * 2**26 // resource.getpagesize()
    assert usual > n_pages / 2, "the comparison must mean something"
    assert kept < n_pages / 4
