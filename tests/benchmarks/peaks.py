"""Peak resident memory of a fresh process."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def peak_megabytes(module: str, *arguments: str) -> int:
    """Run a module of this package in a process of its own, which prints `own_peak_megabytes()` last."""
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", *arguments]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return int(printed.split()[-1])


def own_peak_megabytes() -> int:
    """The kernel's high-water mark; `ru_maxrss` would include what the parent held at the fork."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) // 1000
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1_000_000 if sys.platform == "darwin" else 1000)
