"""Every call to Tandem's own training that a benchmark makes: when its doors change, change this file alone."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, redirect_stderr
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple
from unittest.mock import patch

import torch

from tandem.hardware.execution import Execution, choose, demand_of
from tandem.hardware.machine import Device, Precision, detect
from tandem.hardware.memory import PassLimit
from tandem.hardware.process import keep_freed_memory, prepare_torch
from tandem.model.building import build_model
from tandem.model.layouts import Unpadded
from tandem.model.multitask import MultiTaskModel
from tandem.model.pretrained import locate
from tandem.model.weights import read_config
from tandem.params import Model, Train, load_params
from tandem.tokens.batches.batching import PassSize
from tandem.tokens.batches.examples import Batch, Examples
from tandem.training.checkpoints import Checkpoints
from tandem.training.features import StoredFeatures
from tandem.training.history import History, ValidScores
from tandem.training.loop import train_model
from tandem.training.schedules import plan_schedule
from tandem.training.streams import plan_streams, taught
from tests.benchmarks.peaks import ROOT
from tests.benchmarks.samples import MAX_LENGTH, Sizes

Wanted = Precision | Literal["auto"]

NEVER = 1_000_000
SEED = 7
DROPOUT = 0.1


class Shapes(NamedTuple):
    """What a pass multiplies: rows of the linear layers, and (texts, pieces) of attention's blocks."""

    rows: int
    blocks: list[tuple[int, int]]


def settings(batch_size: Sizes, **changes: Any) -> Train:
    """The params' own training, all weights and both tasks learning, without logging and checkpoints."""
    usual: dict[str, Any] = {
        "schedule": "combined",
        "epochs": 1,
        "max_steps": None,
        "patience": None,
        "trainable": "all",
        "unfreeze_every": None,
        "checkpoint_every": NEVER,
        "log_every": NEVER,
    }
    return replace(load_params(ROOT / "params.yaml").train, batch_size=batch_size._asdict(), **usual | changes)


def execution(pretrained: str, batch_size: Sizes, *, device: Device = "cpu", precision: Wanted) -> Execution:
    """How the probe would have this machine compute such steps; sets the threads accordingly, for both sides."""
    machine = detect(device)
    demand = replace(
        demand_of(load_params(ROOT / "params.yaml")),
        pretrained=pretrained,
        device=device,
        precision=precision,
        batch_size=sum(batch_size),
        max_length=min(MAX_LENGTH, read_config(locate(pretrained)).max_positions),
    )
    chosen = choose(machine, demand, read_config(locate(pretrained)), n_parameters=_n_parameters(pretrained))
    prepare_torch(chosen)
    return chosen


def build(pretrained: str, examples: Examples, chosen: Execution) -> MultiTaskModel:
    """The model of both tasks, with dropout in the encoder and in the heads."""
    options = Model(pretrained=pretrained, pooling="mean", dropout=DROPOUT, encoder_dropout=DROPOUT)
    model = build_model(locate(pretrained), examples.labels, examples.kinds, options, seed=SEED)
    return model.to(chosen.device)


def train(
    model: MultiTaskModel, examples: Examples, wanted: Train, chosen: Execution, *, saves: bool = False
) -> History:
    """A whole run over `examples`, without validation texts.

    Unless it `saves`, it writes no checkpoint: a sample of steps would pay for those of a whole epoch.
    """
    none = replace(examples, members={task: texts[:0] for task, texts in examples.members.items()})
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(io.StringIO()), ExitStack() as patches:
        for name in () if saves else ("save", "save_best"):
            patches.enter_context(patch.object(Checkpoints, name, lambda *_: None))
        if not saves:
            patches.enter_context(patch.object(Checkpoints, "best", lambda *_: {}))
        splits = (examples, none)
        keep_freed_memory()
        patches.callback(keep_freed_memory, is_kept=False)  # the reference has the process as it was
        history = train_model(model, splits, wanted, chosen, seed=SEED, score=_no_scores, folder=Path(folder))
    if chosen.device == "cuda":
        torch.cuda.synchronize()
    return history


def encode(model: MultiTaskModel, examples: Examples, chosen: Execution) -> None:
    """One pass of the frozen encoder over all texts, its vectors stored for the heads."""
    with tempfile.TemporaryDirectory() as scratch, redirect_stderr(io.StringIO()):
        limit = PassLimit(chosen.pass_size)
        StoredFeatures(model.eval(), examples, execution=chosen, reading=False, folder=Path(scratch), limit=limit)


def encoded_shapes(model: MultiTaskModel, examples: Examples, chosen: Execution) -> list[Shapes]:
    """What each pass of `encode` multiplies on a CPU."""
    n_heads = model.encoder.config.n_heads
    shapes = []
    for batch in examples.batches(examples.members, size=chosen.pass_size, reading=False):
        blocks = Unpadded(torch.from_numpy(batch.mask)).blocks(n_heads).blocks
        shapes.append(
            Shapes(int(batch.mask.sum()), [(texts, pieces) for texts, _, pieces in (b.shape for b in blocks)])
        )
    return shapes


def training_batches(examples: Examples, wanted: Train, size: PassSize) -> Iterator[list[Batch]]:
    """The batches of each step of a run."""
    streams = plan_streams(examples.members, examples.shelf.text_lengths, wanted, seed=SEED)
    schedule = plan_schedule({task: stream.n_batches for task, stream in streams.items()}, wanted, seed=SEED)
    for step in range(schedule.n_steps):
        drawn = {task: streams[task].draw(turn) for task, turn in schedule.turn_numbers(step).items()}
        yield list(examples.batches(taught(drawn, examples.members, wanted), size=size, reading=False))


def _no_scores(*_: object) -> ValidScores:
    return ValidScores(losses={}, scores={})


def _n_parameters(pretrained: str) -> int:
    with torch.device("meta"):
        config = read_config(locate(pretrained))
        model = MultiTaskModel(config, {}, pooling="mean", dropout=0.0, encoder_dropout=0.0)
    return sum(parameter.numel() for parameter in model.parameters())
