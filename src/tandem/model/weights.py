"""Weights and settings to and from Hugging Face's names: a reversible map, as ordered data.

Several of their tensors may stand for one of ours: they are stacked along the first dimension, in the order given.
Every key of a checkpoint is either mapped or matches `DROPPED`; anything else is an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from tandem.artifacts import write_json
from tandem.errors import TandemError
from tandem.model.encoder import EncoderConfig
from tandem.model.multitask import MultiTaskModel

Names = tuple[str, tuple[str, ...]]  # one of ours, those of theirs that it stacks

PREFIX = "bert."

EMBEDDING_NAMES: tuple[Names, ...] = (
    ("encoder.embeddings.pieces.weight", ("embeddings.word_embeddings.weight",)),
    ("encoder.embeddings.positions.weight", ("embeddings.position_embeddings.weight",)),
    ("encoder.embeddings.segments.weight", ("embeddings.token_type_embeddings.weight",)),
    ("encoder.embeddings.norm", ("embeddings.LayerNorm",)),
)
LAYER_NAMES: tuple[Names, ...] = (
    ("attention.query_key_value", ("attention.self.query", "attention.self.key", "attention.self.value")),
    ("attention.output", ("attention.output.dense",)),
    ("attention_norm", ("attention.output.LayerNorm",)),
    ("feed_forward.inner", ("intermediate.dense",)),
    ("feed_forward.outer", ("output.dense",)),
    ("feed_forward_norm", ("output.LayerNorm",)),
)
POOLER_NAMES: tuple[Names, ...] = (("pooler", ("pooler.dense",)),)

DROPPED = re.compile(
    r"embeddings\.position_ids"  # a constant: 0, 1, 2, ...
    r"|pooler\.dense\.(weight|bias)"  # mapped where the pooling wants it
    r"|(cls|classifier|qa_outputs|dropout)\..*"  # heads of pretraining and of other fine-tuning
)
OLD_ENDINGS = ((".LayerNorm.gamma", ".LayerNorm.weight"), (".LayerNorm.beta", ".LayerNorm.bias"))

CONFIG_NAMES = (
    ("vocabulary_size", "vocab_size"),
    ("hidden_width", "hidden_size"),
    ("n_layers", "num_hidden_layers"),
    ("n_heads", "num_attention_heads"),
    ("feed_forward_width", "intermediate_size"),
    ("max_positions", "max_position_embeddings"),
    ("n_segments", "type_vocab_size"),
    ("norm_eps", "layer_norm_eps"),
    ("pad_id", "pad_token_id"),
)
FAMILIES = ("bert",)
FIXED_SETTINGS = {"hidden_act": "gelu", "position_embedding_type": "absolute", "is_decoder": False}


def read_config(folder: Path) -> EncoderConfig:
    """Read an encoder's sizes from a checkpoint's `config.json`.

    Raises `TandemError` for a family or a setting that Tandem does not compute, and for a size that lacks.
    """
    settings = _read_settings(folder / "config.json")
    found = settings.get("model_type")
    if found not in FAMILIES:
        raise TandemError(
            f"model.pretrained: {folder} holds a model of the family {found!r}; known: {', '.join(FAMILIES)}"
        )
    for key, expected in FIXED_SETTINGS.items():
        if settings.get(key, expected) != expected:
            raise TandemError(
                f"model.pretrained: {folder} has {key} = {settings[key]!r}, and the encoder computes {expected!r} alone"
            )
    missing = [theirs for _, theirs in CONFIG_NAMES if not isinstance(settings.get(theirs), int | float)]
    if missing:
        raise TandemError(f"model.pretrained: {folder}/config.json lacks a number for {', '.join(missing)}")
    return EncoderConfig(**{ours: settings[theirs] for ours, theirs in CONFIG_NAMES})


def load_encoder_weights(model: MultiTaskModel, folder: Path) -> tuple[str, ...]:
    """Copy a checkpoint's weights into the model's encoder (and pooler); return the keys that were dropped.

    A pooling by `pooler` keeps its present weights if the checkpoint has none.
    Raises `TandemError` naming keys that are missing or unknown, and tensors of another shape.
    """
    path = folder / "model.safetensors"
    tensors = {_plain_name(key): tensor for key, tensor in read_tensors(path).items()}
    has_pooler = model.pooler is not None and "pooler.dense.weight" in tensors
    names = dict(weight_names(model.encoder.config.n_layers, has_pooler=has_pooler))
    mapped = {theirs for several in names.values() for theirs in several}
    dropped = tuple(sorted(tensors.keys() - mapped))
    _check_keys(path, missing=mapped - tensors.keys(), unknown=[key for key in dropped if not DROPPED.fullmatch(key)])
    copy_into(model, {ours: _stack([tensors[key] for key in theirs]) for ours, theirs in names.items()}, path)
    model.has_pretrained_pooler = has_pooler
    return dropped


def to_huggingface(model: MultiTaskModel) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the encoder as transformers' BertModel knows it: its config.json and its state dict, on the CPU."""
    config = model.encoder.config
    settings = {theirs: getattr(config, ours) for ours, theirs in CONFIG_NAMES}
    settings |= {"architectures": ["BertModel"], "model_type": "bert", **FIXED_SETTINGS}
    parameters = dict(model.named_parameters())
    tensors = {}
    for ours, theirs in weight_names(config.n_layers, has_pooler=model.pooler is not None):
        parts = parameters[ours].detach().cpu().chunk(len(theirs))
        tensors.update({name: part.clone() for name, part in zip(theirs, parts, strict=True)})
    return settings, tensors


def write_checkpoint(folder: Path, model: MultiTaskModel) -> None:
    """Write the encoder into a folder as a checkpoint that transformers' BertModel loads."""
    settings, tensors = to_huggingface(model)
    write_json(folder / "config.json", settings)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def weight_names(n_layers: int, *, has_pooler: bool) -> Iterator[Names]:
    """Yield every parameter of the encoder (and pooler) with the names, in order, that it stands for."""
    yield from _with_endings("", "", EMBEDDING_NAMES)
    for number in range(n_layers):
        yield from _with_endings(f"encoder.layers.{number}.", f"encoder.layer.{number}.", LAYER_NAMES)
    if has_pooler:
        yield from _with_endings("", "", POOLER_NAMES)


def copy_into(model: MultiTaskModel, tensors: Mapping[str, Tensor], source: Path) -> None:
    """Copy tensors into the model's parameters of the same names; raises `TandemError` where a shape differs."""
    parameters = dict(model.named_parameters())
    for name, tensor in tensors.items():
        if parameters[name].shape != tensor.shape:
            raise TandemError(
                f"{source}: the weights for {name} have the shape {tuple(tensor.shape)}, "
                f"and its config.json asks for {tuple(parameters[name].shape)}"
            )
    with torch.no_grad():
        for name, tensor in tensors.items():
            parameters[name].copy_(tensor)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file; raises `TandemError` if it is missing or damaged."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise TandemError(f"{path} is missing or damaged ({error}): fetch or make it again") from error


def _with_endings(our_prefix: str, their_prefix: str, names: tuple[Names, ...]) -> Iterator[Names]:
    for ours, theirs in names:
        for ending in ("",) if ours.endswith(".weight") else (".weight", ".bias"):
            yield our_prefix + ours + ending, tuple(their_prefix + name + ending for name in theirs)


def _plain_name(key: str) -> str:
    for old, new in OLD_ENDINGS:
        if key.endswith(old):
            key = key.removesuffix(old) + new
    return key.removeprefix(PREFIX)


def _stack(tensors: list[Tensor]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else torch.cat(tensors)


def _check_keys(path: Path, *, missing: set[str], unknown: list[str]) -> None:
    complaints = []
    if missing:
        complaints.append(f"lacks {', '.join(sorted(missing))}")
    if unknown:
        complaints.append(f"holds what no encoder of its config.json has: {', '.join(unknown)}")
    if complaints:
        raise TandemError(f"{path} {' and '.join(complaints)}")


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise TandemError(f"model.pretrained: cannot read {path}: {error}") from error
    if not isinstance(settings, dict):
        raise TandemError(f"model.pretrained: {path} must hold a JSON object, got {settings!r:.100}")
    return settings
