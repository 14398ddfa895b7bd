import os
from types import SimpleNamespace

import psutil
import pytest
import torch

from tandem.errors import TandemError
from tandem.hardware.machine import detect

GIB = 2**30
CPUINFO = "processor\t: 0\nmodel name\t: Testium 9000\nflags\t\t: fpu avx2 avx512f {}\n"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A machine with 16 GiB, 8 cores and no accelerator, whose files lie under the returned folder."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=16 * GIB))
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    write(tmp_path / "proc/cpuinfo", CPUINFO.format(""))
    return tmp_path


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def with_a_card(root):
    """The same with a card's device node, so that PyTorch is asked."""
    write(root / "dev/nvidia0", "")
    return root


def test_a_plain_cpu(root):
    machine = detect("auto", root)
    assert (machine.device, machine.name, machine.n_devices) == ("cpu", "Testium 9000", 1)
    assert (machine.memory, machine.cores, machine.precisions) == (16 * GIB, 8, ("float32",))


@pytest.mark.parametrize("flag", ["amx_bf16", "avx512_bf16"])
def test_a_cpu_with_bfloat16_instructions(root, flag):
    write(root / "proc/cpuinfo", CPUINFO.format(flag))
    assert detect("auto", root).precisions == ("float32", "bfloat16")


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_a_control_groups_memory_limit_counts(root, name):
    write(root / "sys/fs/cgroup" / name, f"{4 * GIB}\n")
    assert detect("auto", root).memory == 4 * GIB


def test_a_limit_above_the_total_or_no_limit_changes_nothing(root):
    write(root / "sys/fs/cgroup/memory.max", "max\n")
    write(root / "sys/fs/cgroup/memory/memory.limit_in_bytes", str(2**62))
    assert detect("auto", root).memory == 16 * GIB


@pytest.mark.parametrize(("quota", "cores"), [("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1)])
def test_a_control_groups_cpu_quota_counts(root, quota, cores):
    write(root / "sys/fs/cgroup/cpu.max", quota + "\n")
    assert detect("auto", root).cores == cores


def test_a_device_that_is_not_there_is_refused(root):
    with pytest.raises(TandemError, match=r"hardware_probe\.device asks for cuda, but this machine has cpu"):
        detect("cuda", root)


def test_many_gpus(with_a_card, monkeypatch):
    sizes = [80 * GIB, 40 * GIB]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(sizes))
    monkeypatch.setattr(
        torch.cuda,
        "get_device_properties",
        lambda index: SimpleNamespace(name="Test GPU", total_memory=sizes[index]),
    )
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    machine = detect("auto", with_a_card)
    assert (machine.device, machine.n_devices, machine.memory) == ("cuda", 2, 40 * GIB)
    assert machine.precisions == ("float32", "bfloat16", "float16")
    assert detect("cpu", with_a_card).device == "cpu"
