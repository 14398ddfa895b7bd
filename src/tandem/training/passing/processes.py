"""One training by several processes: `torchrun` starts them, DistributedDataParallel adds up what they find.

Every process draws the same step and takes its part of the windows; gradients, counts and losses are summed over
all, so that the step is the one that a single process would take. Nodes share the project's folder.
"""

from __future__ import annotations

import gc
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from tandem.errors import TandemError
from tandem.hardware.execution import Execution
from tandem.hardware.memory import noted_limits
from tandem.tokens.batches.examples import ALL, Part

_BACKENDS = {"cuda": "cpu:gloo,cuda:nccl", "cpu": "gloo"}


@dataclass(frozen=True, kw_only=True)
class Crew:
    """This process's part in the work of all, and how they exchange what they found."""

    part: Part

    @property
    def is_first(self) -> bool:
        """Whether this process writes and shows what all have done."""
        return self.part.number == 0

    @property
    def is_alone(self) -> bool:
        """Whether there is nobody to exchange with."""
        return self.part.of == 1

    def share(self, run: Any) -> Any:
        """`run`, with gradients averaged over all processes; parameters that a step does not use count as 0."""
        if self.is_alone or not any(parameter.requires_grad for parameter in run.parameters()):
            return run
        return DistributedDataParallel(run, find_unused_parameters=True)

    def holding_back(self, shared: Any) -> AbstractContextManager[None]:
        """A context whose backward passes keep their gradients until one outside of it."""
        return shared.no_sync() if isinstance(shared, DistributedDataParallel) else nullcontext()

    def total(self, values: NDArray[np.float64] | NDArray[np.float32]) -> None:
        """Replace `values`, in place, by their sum over all processes."""
        if not self.is_alone:
            distributed.all_reduce(torch.from_numpy(values))

    def agree(self, is_wished: bool) -> bool:
        """Whether any process wishes so."""
        wishes = np.array([float(is_wished)])
        self.total(wishes)
        return bool(wishes[0])

    def wait(self) -> None:
        """Go on when all have come here."""
        if not self.is_alone:
            distributed.barrier()


ALONE = Crew(part=ALL)


def is_launched() -> bool:
    """Whether `torchrun` started this process."""
    return distributed.is_torchelastic_launched()


def launch(module: str, n_processes: int, words: Sequence[str] = (), *, work: Path) -> None:
    """Run `python -m module words...` in as many processes on this machine, as `torchrun` does.

    If memory ran out, and a smaller pass is noted under `work`, all of them begin again, from the last checkpoint.
    Raises `TandemError` if one of them fails otherwise.
    """
    # slow to import, and needed on machines with many devices alone
    from torch.distributed import run  # noqa: PLC0415
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError  # noqa: PLC0415

    while True:
        known = noted_limits(work)
        try:
            run.main(["--standalone", "--nproc-per-node", str(n_processes), "--module", module, *words])
        except ChildFailedError as error:
            if noted_limits(work) == known:
                raise TandemError(f"one of {n_processes} processes failed; what it said stands above") from error
        else:
            return
        sys.stderr.write("memory ran out: beginning again with smaller passes\n")


@contextmanager
def joined_crew(execution: Execution, n_local: int) -> Iterator[tuple[Crew, Execution]]:
    """Meet the other processes, if `torchrun` started any, and share this machine's cores with its `n_local` ones."""
    if not is_launched():
        yield ALONE, execution
        return
    if execution.device == "cuda":
        torch.cuda.set_device(distributed.get_node_local_rank())
    distributed.init_process_group(_BACKENDS[execution.device])
    try:
        part = Part(distributed.get_rank(), distributed.get_world_size())
        yield Crew(part=part), replace(execution, threads=max(1, execution.threads // n_local))
    finally:
        # what a failed run still holds of the group would be torn down with the interpreter, which can hang
        traceback.clear_frames(sys.exc_info()[2])
        gc.collect()
        distributed.destroy_process_group()
