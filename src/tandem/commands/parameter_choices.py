"""What each choice of `train.trainable` costs: how many parameters learn, and the memory that they take.

Models are built without a single number, from the encoder's sizes alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from safetensors import SafetensorError, safe_open

from tandem.corpora.schema.tag_schemes import tag_names
from tandem.errors import TandemError
from tandem.model.building import encoder_config
from tandem.model.multitask import HeadConfig, MultiTaskModel
from tandem.model.pretrained import WEIGHTS, checkpoint_of
from tandem.params import Params, Task, Train
from tandem.tokens.batches.label_names import task_labels
from tandem.tokens.storage.store import TokenStore
from tandem.training.freezing import count_trainable, parameter_groups

_NUMBER = 4  # bytes of a float32


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One value of `train.trainable` (and of `train.output_layers`, where that matters) and what it costs."""

    trainable: str
    output_layers: int | None
    n_trainable: int
    share: float  # of all parameters
    memory: int  # bytes of weights, gradients and AdamW's two moments, in float32
    is_current: bool


@dataclass(frozen=True, kw_only=True)
class Choices:
    """All choices for one model; `frozen_heads` are the params' own, with how many parameters each keeps from them."""

    pretrained: str
    n_parameters: int
    n_outputs: Mapping[str, int]
    frozen_heads: Mapping[str, int]
    choices: tuple[Choice, ...]


def list_choices(params: Params, tokens: Path) -> Choices:
    """Count what would learn under each choice, with the frozen heads that the params have.

    Labels that are `auto` come from the stores under `tokens`. Raises `TandemError` if those are missing.
    """
    n_outputs = {name: _n_outputs(name, task, params, tokens) for name, task in params.tasks.items()}
    model = _empty_model(params, n_outputs)
    heads = {task: sum(map(torch.numel, model.heads[task].parameters())) for task in params.train.frozen_heads}
    return Choices(
        pretrained=params.model.pretrained,
        n_parameters=sum(map(torch.numel, model.parameters())),
        n_outputs=n_outputs,
        frozen_heads=heads,
        choices=tuple(_count(model, settings, params.train) for settings in _every(params.train, model)),
    )


def print_choices(found: Choices, *, as_json: bool) -> None:
    """Print the choices as a table, or as JSON with memory in bytes."""
    console = Console(highlight=False, soft_wrap=True)
    if as_json:
        console.print_json(data=asdict(found), sort_keys=True)
        return
    heads = ", ".join(f"{task} ({n} outputs)" for task, n in found.n_outputs.items())
    console.print(f"{found.pretrained} with {heads}: {found.n_parameters:,} parameters")
    console.print(_table(found))
    for task, n_frozen in found.frozen_heads.items():
        console.print(f"The head of {task} is frozen (train.frozen_heads): its {n_frozen:,} parameters never learn.")
    console.print("Memory: weights, gradients and AdamW's two moments in float32; activations come on top.")


def _table(found: Choices) -> Table:
    table = Table("train.trainable")
    for name in ("trainable parameters", "share", "memory (MB)"):
        table.add_column(name, justify="right")
    table.add_column("params.yaml")
    for choice in found.choices:
        table.add_row(*_cells(choice), style="bold" if choice.is_current else None)
    return table


def _n_outputs(name: str, task: Task, params: Params, tokens: Path) -> int:
    """How many labels, or tags, a task's head tells apart."""
    if task.labels is not None:
        return len(task.labels if task.kind == "classification" else tag_names(task.labels))
    serving = [corpus for corpus, columns in params.corpora.items() if name in columns.kinds()]
    missing = [str(tokens / corpus) for corpus in serving if not (tokens / corpus / "meta.json").is_file()]
    if missing:
        raise TandemError(
            f"tasks.{name}.labels is auto, learnt from the training texts, and there are no tokens in "
            f"{', '.join(missing)}: run `dvc repro tokenize-align` first, give another --tokens, or list the labels"
        )
    stores = {corpus: TokenStore.open(tokens / corpus / "train") for corpus in serving}
    return len(task_labels({name: task}, stores)[name])


def _empty_model(params: Params, n_outputs: Mapping[str, int]) -> MultiTaskModel:
    checkpoint = checkpoint_of(params.model.pretrained)
    heads = {name: HeadConfig(kind=task.kind, n_labels=n_outputs[name]) for name, task in params.tasks.items()}
    with torch.device("meta"):
        model = MultiTaskModel(
            encoder_config(checkpoint, params.model),
            heads,
            pooling=params.model.pooling,
            dropout=0.0,
            encoder_dropout=0.0,
        )
    if model.pooler is not None and checkpoint is not None:
        model.has_pretrained_pooler = _has_pooler(checkpoint / WEIGHTS)
    return model


def _has_pooler(weights: Path) -> bool:
    try:
        with safe_open(weights, framework="pt") as file:
            return any(name.endswith("pooler.dense.weight") for name in file.keys())  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError) as error:
        raise TandemError(f"{weights} is missing or damaged ({error}): fetch or make it again") from error


def _every(settings: Train, model: MultiTaskModel) -> Iterator[Train]:
    yield replace(settings, trainable="none")
    yield replace(settings, trainable="heads_only")
    for count in range(1, model.encoder.config.n_layers + 1):
        yield replace(settings, trainable="output_layers", output_layers=count)
    yield replace(settings, trainable="all")
    yield replace(settings, trainable="all_adaptive")


def _count(model: MultiTaskModel, settings: Train, current: Train) -> Choice:
    parameter_groups(model, settings)
    n_all, n_trainable = sum(map(torch.numel, model.parameters())), count_trainable(model)
    has_layers = settings.trainable == "output_layers"
    return Choice(
        trainable=settings.trainable,
        output_layers=settings.output_layers if has_layers else None,
        n_trainable=n_trainable,
        share=round(n_trainable / n_all, 6),
        memory=_NUMBER * (n_all + 3 * n_trainable),
        is_current=settings.trainable == current.trainable
        and (settings.output_layers == current.output_layers or not has_layers),
    )


def _cells(choice: Choice) -> Iterator[str]:
    yield choice.trainable if choice.output_layers is None else f"{choice.trainable} {choice.output_layers}"
    yield f"{choice.n_trainable:,}"
    yield f"{choice.share:.1%}"
    yield f"{choice.memory / 1e6:,.1f}"
    yield "now" if choice.is_current else ""
