"""The probe: what the params demand, what the machine is, how it will execute, checked by one real step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tandem.artifacts import read_json
from tandem.errors import TandemError
from tandem.hardware.execution import Demand, Execution, as_json, choose, demand_of
from tandem.hardware.machine import Machine, detect
from tandem.hardware.trial import settle
from tandem.model.encoder import EncoderConfig
from tandem.model.multitask import MultiTaskModel
from tandem.params import Params


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A demand, the machine that meets it, and how; `peak_bytes` is the memory that a real step took."""

    demand: Demand
    machine: Machine
    execution: Execution
    peak_bytes: int

    def plan(self) -> dict[str, Any]:
        """What holds on every machine: the content of `data/plan.json`."""
        return as_json(self.demand)

    def facts(self) -> dict[str, Any]:
        """What holds on this machine: the content of `data/hardware.json`."""
        return {**as_json(self.demand, self.machine, self.execution), "peak_bytes": self.peak_bytes}

    def summary(self) -> str:
        """One line: the machine and the choice."""
        machine, execution = self.machine, self.execution
        return (
            f"{machine.n_devices} x {machine.device} ({machine.name}, {machine.memory / 2**30:.1f} GiB, "
            f"{machine.cores} cores): {execution.precision}, micro-batch {execution.micro_batch}, "
            f"accumulation {execution.accumulation}, a step takes {self.peak_bytes / 2**20:,.0f} MiB"
        )


def probe(params: Params, encoder: EncoderConfig) -> Probe:
    """Look at this machine and settle how it will train.

    Raises `TandemError` if it lacks the device or precision asked for, or if not even one window fits.
    """
    demand = demand_of(params)
    machine = detect(demand.device)
    first = choose(machine, demand, encoder, n_parameters=_n_parameters(encoder))
    trial = settle(first, machine, demand, encoder)
    return Probe(demand=demand, machine=machine, execution=trial.execution, peak_bytes=trial.peak_bytes)


def recorded_execution(recorded: Path, params: Params, encoder: EncoderConfig) -> Execution:
    """The execution that a probe recorded for these params and this machine, or else a new probe's."""
    demand = demand_of(params)
    try:
        facts = read_json(recorded)
        is_current = facts["demand"] == as_json(demand)["demand"]
        is_here = facts["machine"] == {**as_json(detect(demand.device))["machine"]}
        execution = Execution(**facts["execution"])
    except (TandemError, KeyError, TypeError):
        return probe(params, encoder).execution
    return execution if is_current and is_here else probe(params, encoder).execution


def prepare_torch(execution: Execution) -> None:
    """Fix the number of threads, so that sums run in the same order in every run on this machine."""
    torch.set_num_threads(execution.threads)


def _n_parameters(encoder: EncoderConfig) -> int:
    with torch.device("meta"):
        model = MultiTaskModel(encoder, {}, pooling="mean", dropout=0.0, encoder_dropout=0.0)
    return sum(parameter.numel() for parameter in model.parameters())
