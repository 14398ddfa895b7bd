"""The stable facts of a machine: devices, total memory, cores, precisions; never what happens to be free."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from tandem.errors import TandemError

Device = Literal["cpu", "cuda", "mps"]
Precision = Literal["float32", "bfloat16", "float16"]

_ACCELERATOR_NODES = ("nvidia*", "nvhost*", "nvgpu*", "dxg", "kfd")  # NVIDIA's cards, Tegra, WSL, AMD


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Facts that hold for as long as the machine does; `memory` is in bytes, for one device."""

    device: Device
    name: str
    n_devices: int
    memory: int
    cores: int
    precisions: tuple[Precision, ...]


def detect(wanted: Literal["auto", "cpu", "cuda", "mps"], root: Path = Path("/")) -> Machine:
    """Read this machine's facts; `root` is where `proc` and `sys` lie.

    Raises `TandemError` if the device that the params ask for is not there.
    """
    available = [*_accelerators(root), "cpu"]
    if wanted != "auto" and wanted not in available:
        raise TandemError(
            f"hardware_probe.device asks for {wanted}, but this machine has {', '.join(available)}; "
            "choose one of these, or auto"
        )
    device = available[0] if wanted == "auto" else wanted
    return _DETECTORS[device](root)


def _accelerators(root: Path) -> list[str]:
    """Those that PyTorch can use; where the system shows no device of any, PyTorch's slow import is spared."""
    if sys.platform == "linux" and not any(any((root / "dev").glob(name)) for name in _ACCELERATOR_NODES):
        return []
    import torch  # noqa: PLC0415

    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return [name for name, is_there in found.items() if is_there]


def _detect_cpu(root: Path) -> Machine:
    flags = _cpu_flags(root)
    # elsewhere bfloat16 is emulated, and slower than float32
    native: tuple[Precision, ...] = ("float32", "bfloat16") if flags & {"amx_bf16", "avx512_bf16"} else ("float32",)
    return Machine(
        device="cpu",
        name=_cpu_name(root),
        n_devices=1,
        memory=_usable_memory(root),
        cores=_usable_cores(root),
        precisions=native,
    )


def _detect_cuda(root: Path) -> Machine:
    import torch  # noqa: PLC0415

    properties = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    precisions: tuple[Precision, ...] = ("float32", "float16")
    if torch.cuda.is_bf16_supported(including_emulation=False):
        precisions = ("float32", "bfloat16", "float16")
    return Machine(
        device="cuda",
        name=properties[0].name,
        n_devices=len(properties),
        memory=min(device.total_memory for device in properties),
        cores=_usable_cores(root),
        precisions=precisions,
    )


def _detect_mps(root: Path) -> Machine:
    return Machine(
        device="mps",
        name="Apple GPU",
        n_devices=1,
        memory=_usable_memory(root),
        cores=_usable_cores(root),
        precisions=("float32", "float16"),
    )


_DETECTORS = {"cpu": _detect_cpu, "cuda": _detect_cuda, "mps": _detect_mps}


def _usable_memory(root: Path) -> int:
    """Total memory in bytes, or the control group's limit where that is lower."""
    limits = [psutil.virtual_memory().total]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        text = _read(root / "sys/fs/cgroup" / name).strip()
        if text.isdigit():
            limits.append(int(text))
    return min(limits)


def _usable_cores(root: Path) -> int:
    """Cores that this process may run on, or the control group's quota where that is lower."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _read(root / "sys/fs/cgroup/cpu.max").strip().partition(" ")
    if quota.isdigit() and period.isdigit():
        cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def _cpu_flags(root: Path) -> set[str]:
    for line in _read(root / "proc/cpuinfo").splitlines():
        if line.startswith("flags"):
            return set(line.split(":", 1)[1].split())
    return set()


def _cpu_name(root: Path) -> str:
    for line in _read(root / "proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "CPU"


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
