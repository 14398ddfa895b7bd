"""Memory: how much was used, when it ran out, and what to do then."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil
import torch

from tandem.artifacts import atomic_file
from tandem.errors import TandemError
from tandem.tokens.batches.batching import PassSize

Result = TypeVar("Result")

_MEMO = "pass-tokens-"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, in any of the ways in which PyTorch says so."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    told = str(error)  # the allocators of the CPU and of Apple's GPUs raise a plain RuntimeError
    return isinstance(error, RuntimeError) and ("allocate memory" in told or "out of memory" in told)


def used_bytes(device: torch.device) -> int:
    """Bytes in use now; on CUDA the peak is counted anew from here."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    return psutil.Process().memory_info().rss


def peak_bytes(device: torch.device) -> int:
    """The most bytes that were in use at once: on CUDA since `used_bytes`, else in the life of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource  # noqa: PLC0415 - Unix alone has it

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def noted_limits(work: Path) -> dict[Path, bytes]:
    """What the processes of the runs whose folders lie in `work` have noted about their limits."""
    return {path: path.read_bytes() for path in work.glob(f"*/{_MEMO}*")}


class PassLimit:
    """How much a pass of the encoder may take: at first what the probe found, half of it whenever memory runs out.

    What was learnt is kept in the folder `memo`, for the same run begun again. Where other processes wait for this
    one (`may_retry` false), running out of memory is an error, after which they may all begin again.
    """

    def __init__(self, size: PassSize, *, memo: Path | None = None, number: int = 0, may_retry: bool = True) -> None:
        known = [int(path.read_text()) for path in memo.glob(f"{_MEMO}*")] if memo else []
        self.size = size._replace(tokens=min(size.tokens, *known)) if known else size
        self._memo = memo / f"{_MEMO}{number}" if memo else None
        self._may_retry = may_retry

    def run(self, work: Callable[[PassSize], Result]) -> Result:
        """Call `work`, which must be one that can be begun anew, with the largest size that fits.

        Raises `TandemError` if not even one window at a time does.
        """
        while True:
            try:
                return work(self.size)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                self._halve(error)
            if torch.cuda.is_available():  # outside of `except`: the error holds on to what the pass had
                torch.cuda.empty_cache()

    def _halve(self, error: Exception) -> None:
        if self.size.tokens <= 1:
            raise TandemError(
                "the machine is out of memory with one window in a pass: lower tokenize_align.max_length, "
                "set train.gradient_checkpointing, or choose a smaller train.trainable or model.pretrained"
            ) from error
        self.size = self.size._replace(tokens=self.size.tokens // 2)
        if self._memo is not None:
            with atomic_file(self._memo) as handle:
                handle.write(str(self.size.tokens).encode())
        if not self._may_retry:
            raise TandemError(
                "this process is out of memory; the same command goes on from the last checkpoint, with passes of "
                f"{self.size.tokens} tokens"
            ) from error
