"""One real training step at the largest shape, to check the memory model before a long run depends on it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from tandem.errors import TandemError
from tandem.hardware.execution import Demand, Execution, choose, with_micro_batch
from tandem.hardware.machine import Machine
from tandem.hardware.memory import is_out_of_memory, peak_bytes, used_bytes
from tandem.model.encoder import EncoderConfig
from tandem.model.multitask import HeadConfig, MultiTaskModel


@dataclass(frozen=True, kw_only=True)
class Trial:
    """An execution that one real step has been run with, and the peak memory of that step in bytes."""

    execution: Execution
    peak_bytes: int


def settle(machine: Machine, demand: Demand, encoder: EncoderConfig) -> Trial:
    """Choose by the memory model, run a step with random weights, and halve the micro-batch until it fits.

    Raises `TandemError` if the machine lacks the precision asked for, or if a single window does not fit.
    """
    execution = choose(machine, demand, encoder, n_parameters=_n_parameters(encoder))
    micro_batch = execution.micro_batch
    while micro_batch >= 1:
        tried = with_micro_batch(micro_batch, machine, demand, execution.precision)
        peak = _peak_of_one_step(tried, demand, encoder)
        if peak is not None and peak <= machine.memory * demand.memory_fraction:
            return Trial(execution=tried, peak_bytes=peak)
        micro_batch //= 2
    raise TandemError(
        f"a training step with one window of {demand.max_length} pieces does not fit on {machine.name}: "
        "lower tokenize_align.max_length, or choose a smaller model.pretrained"
    )


def _n_parameters(encoder: EncoderConfig) -> int:
    with torch.device("meta"):
        model = MultiTaskModel(encoder, {}, pooling="mean", dropout=0.0, encoder_dropout=0.0)
    return sum(parameter.numel() for parameter in model.parameters())


def _peak_of_one_step(execution: Execution, demand: Demand, encoder: EncoderConfig) -> int | None:
    """Peak memory of the step in bytes, or None if the machine ran out of it."""
    device = torch.device(execution.device)
    before = used_bytes(device)
    try:
        _one_step(execution, demand, encoder, device)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return None
    finally:
        if device.type == "cuda":
            torch.cuda.empty_cache()
    return max(0, peak_bytes(device) - before)


def _one_step(execution: Execution, demand: Demand, encoder: EncoderConfig, device: torch.device) -> None:
    heads = {"task": HeadConfig(kind="tagging", n_labels=32)}
    model = MultiTaskModel(encoder, heads, pooling="mean", dropout=0.0, encoder_dropout=0.0).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    length = min(demand.max_length, encoder.max_positions)
    ids = torch.randint(encoder.vocabulary_size, (execution.micro_batch, length), device=device)
    with execution.autocast():
        loss = model(ids, torch.ones_like(ids, dtype=torch.bool))["task"].float().logsumexp(-1).mean()
    loss.backward()
    optimizer.step()
