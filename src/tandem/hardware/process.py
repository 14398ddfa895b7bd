"""How this process computes: its threads and kernels, and whether it keeps the memory that tensors leave behind."""

from __future__ import annotations

import ctypes
import os
import sys

import torch

from tandem.hardware.execution import Execution

_TRIM_ABOVE, _MOST_MAPPED = -1, -4  # the options of glibc's mallopt
_NEVER, _USUAL_TRIM, _USUAL_MAPPED = 2**31 - 1, 1 << 17, 1 << 16


def prepare_torch(execution: Execution, *, is_deterministic: bool = True) -> None:
    """Fix the number of threads, so that sums run in the same order in every run on this machine.

    A CPU then gives the same bytes every time; a GPU does if `is_deterministic` picks its kernels for that.
    """
    torch.set_num_threads(execution.threads)
    if execution.device == "cuda" and is_deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # as cuBLAS demands for it
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False


def keep_freed_memory(*, is_kept: bool = True) -> None:
    """Let this process keep what tensors leave behind for the next ones, where its C library is glibc.

    Else each large tensor asks the system for pages anew, and the system clears them: some 15,000 in a step.
    """
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(_MOST_MAPPED, 0 if is_kept else _USUAL_MAPPED)
        library.mallopt(_TRIM_ABOVE, _NEVER if is_kept else _USUAL_TRIM)
