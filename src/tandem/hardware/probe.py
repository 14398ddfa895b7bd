"""The probe: what the params demand, what the machine is, how it will execute, checked by one real step."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandem.artifacts import read_json
from tandem.errors import TandemError
from tandem.hardware.execution import Demand, Execution, as_json, demand_of
from tandem.hardware.machine import Machine, detect
from tandem.model.pretrained import checkpoint_of
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


def probe(params: Params, recorded: Path) -> Probe:
    """Look at this machine and settle how it will train; what `recorded` says of the same machine and demand holds.

    Raises `TandemError` if the machine lacks the device or precision asked for, or if not even one window fits.
    """
    demand = demand_of(params)
    machine = detect(demand.device)
    return _recall(recorded, demand, machine) or _settle(params, machine)


def _recall(recorded: Path, demand: Demand, machine: Machine) -> Probe | None:
    """The recorded probe, if it was of this machine and for these params."""
    try:
        facts = read_json(recorded)
        execution = Execution(**facts["execution"])
        found = Probe(demand=demand, machine=machine, execution=execution, peak_bytes=facts["peak_bytes"])
        is_sound = min(execution.threads, execution.micro_batch, execution.n_devices) > 0
    except (TandemError, KeyError, TypeError):
        return None
    return (
        found if is_sound and json.dumps(found.facts(), sort_keys=True) == json.dumps(facts, sort_keys=True) else None
    )


def _settle(params: Params, machine: Machine) -> Probe:
    from tandem.hardware.trial import settle  # noqa: PLC0415 - imports torch, which takes seconds
    from tandem.model.building import encoder_config  # noqa: PLC0415

    demand = demand_of(params)
    trial = settle(machine, demand, encoder_config(checkpoint_of(params.model.pretrained), params.model))
    return Probe(demand=demand, machine=machine, execution=trial.execution, peak_bytes=trial.peak_bytes)
