"""A task's single-task twin: the same training with that task alone, to see what sharing the encoder does to it.

What "the same" means is a choice. An epoch is as long as the slowest task needs, so under the params of the shared run
a small task alone would take far fewer steps, and lose for that reason alone. By default a twin therefore takes as many
optimizer steps as the shared run plans for its task, with the same warm-up and decay over them, and looks at the valid
split as often. Under `combined` that is every step; a twin's step always takes its own `batch_size` of texts, while
a shared step may also learn from texts that another task drew.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tandem.errors import TandemError
from tandem.params import Params, Train
from tandem.tokens.batches.examples import open_examples
from tandem.training.run import without_leaks
from tandem.training.schedules import plan_schedule
from tandem.training.streams import plan_streams


def twin_params(params: Params, task: str, tokens: Path) -> Params:
    """The params under which `task` is trained alone, with the steps that `twins.steps` asks for.

    Raises `TandemError` if there is no such task, or the shared run has no step for it.
    """
    if task not in params.tasks:
        raise TandemError(f"params.yaml has no tasks.{task}; there are {', '.join(params.tasks)}")
    train = _without_others(params.train, task)
    if params.twins.steps == "shared":
        train = _in_as_many_steps(train, task, shared_turns(params, task, tokens))
    targets = {name: target for name, target in (params.evaluate.target_recall or {}).items() if name == task}
    return replace(
        params,
        tasks={task: params.tasks[task]},
        train=train,
        evaluate=replace(params.evaluate, target_recall=targets or None),
    )


def shared_turns(params: Params, task: str, tokens: Path) -> list[int]:
    """In how many steps of each of its epochs the shared run plans to train the task."""
    train, *held_out = (open_examples(tokens, params, split) for split in ("train", "valid", "test"))
    train = without_leaks(train, *held_out)
    streams = plan_streams(train.members, train.shelf.text_lengths, params.train, seed=params.seed)
    n_batches = {name: stream.n_batches for name, stream in streams.items()}
    schedule = plan_schedule(n_batches, params.train, seed=params.seed)
    turns = schedule.turns[:, schedule.tasks.index(task)]
    if params.train.schedule == "combined":  # whoever drew a text, all tasks with an answer learn from it
        turns = np.full(schedule.n_steps, len(train.members[task]) > 0)
    return [int(turns[first:end].sum()) for first, end in pairwise((0, *schedule.epoch_ends))]


def _in_as_many_steps(train: Train, task: str, turns: list[int]) -> Train:
    """The settings under which a task alone takes so many steps in the epochs in which it takes any."""
    own = [count for count in turns if count]
    if not own:
        raise TandemError(f"twins.tasks: the shared run never comes to {task}: raise train.max_steps or train.epochs")
    return replace(train, epochs=len(own), epoch_steps=max(own), max_steps=sum(own))


def _without_others(train: Train, task: str) -> Train:
    """The settings with what they say of other tasks left out."""
    by_task: dict[str, Any] = {}
    for name in ("batch_size", "loss_weights", "label_smoothing", "class_weights"):
        value = getattr(train, name)
        if isinstance(value, dict):
            by_task[name] = {key: own for key, own in value.items() if key == task}
    return replace(
        train,
        **by_task,
        frozen_heads=tuple(name for name in train.frozen_heads if name == task),
        select_by=task if train.select_by == task else "combined",
    )
