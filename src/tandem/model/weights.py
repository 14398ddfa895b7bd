"""An encoder's weights and settings to and from a checkpoint of one of the known families, by its reversible map.

Every key of a checkpoint is either mapped or one that its family says is dropped; anything else is an error.
"""

from __future__ import annotations

import json
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
from tandem.model.families import FAMILIES, Family, Names
from tandem.model.multitask import MultiTaskModel

OLD_ENDINGS = ((".LayerNorm.gamma", ".LayerNorm.weight"), (".LayerNorm.beta", ".LayerNorm.bias"))
ACTIVATIONS = ("gelu", "relu")


def read_config(folder: Path) -> EncoderConfig:
    """Read an encoder's sizes from a checkpoint's `config.json`.

    Raises `TandemError` for a family or a setting that Tandem does not compute, and for a size that lacks.
    """
    settings = _read_settings(folder / "config.json")
    found = str(settings.get("model_type"))
    if found not in FAMILIES:
        raise TandemError(
            f"model.pretrained: {folder} holds a model of the family {found!r}; known: {', '.join(FAMILIES)}"
        )
    family = FAMILIES[found]
    allowed = {theirs: ACTIVATIONS for _, theirs in family.choices} | {key: (it,) for key, it in family.fixed.items()}
    for key, values in allowed.items():
        if settings.get(key, values[0]) not in values:
            computed = " or ".join(map(repr, values))
            raise TandemError(
                f"model.pretrained: {folder} has {key} = {settings[key]!r}, and the encoder computes {computed} alone"
            )
    missing = [theirs for _, theirs in family.sizes if not isinstance(settings.get(theirs), int | float)]
    if missing:
        raise TandemError(f"model.pretrained: {folder}/config.json lacks a number for {', '.join(missing)}")
    sizes = {ours: settings[theirs] for ours, theirs in family.sizes}
    chosen = {ours: settings.get(theirs, ACTIVATIONS[0]) for ours, theirs in family.choices}
    return EncoderConfig(family=found, **_ours(family, sizes), **chosen, **family.constants)


def load_encoder_weights(model: MultiTaskModel, folder: Path) -> tuple[str, ...]:
    """Copy a checkpoint's weights into the model's encoder (and pooler); return the keys that were dropped.

    A pooling by `pooler` keeps its present weights if the checkpoint has none.
    Raises `TandemError` naming keys that are missing or unknown, and tensors of another shape.
    """
    path = folder / "model.safetensors"
    config = model.encoder.config
    family = _family_of(config)
    tensors = {_plain_name(key, family): tensor for key, tensor in read_tensors(path).items()}
    has_pooler = model.pooler is not None and any(f"{theirs}.weight" in tensors for _, (theirs,) in family.pooler)
    names = dict(weight_names(config, has_pooler=has_pooler))
    mapped = {theirs for several in names.values() for theirs in several}
    dropped = tuple(sorted(tensors.keys() - mapped))
    unknown = [key for key in dropped if not family.dropped.fullmatch(key)]
    _check_keys(path, missing=mapped - tensors.keys(), unknown=unknown)
    copy_into(model, {ours: _stack([tensors[key] for key in theirs]) for ours, theirs in names.items()}, path)
    model.has_pretrained_pooler = has_pooler
    return dropped


def to_huggingface(model: MultiTaskModel) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the encoder as transformers knows it: its config.json and its state dict, on the CPU.

    Raises `TandemError` for an encoder from scratch that is like no family.
    """
    config = model.encoder.config
    family = _family_of(config)
    named = {"architectures": [family.architecture], "model_type": config.family}
    settings = {**_theirs(family, config), **family.fixed, **named}
    parameters = dict(model.named_parameters())
    tensors = {}
    for ours, theirs in weight_names(config, has_pooler=model.pooler is not None and bool(family.pooler)):
        parts = parameters[ours].detach().cpu().chunk(len(theirs))
        tensors.update({name: part.clone() for name, part in zip(theirs, parts, strict=True)})
    return settings, tensors


def write_checkpoint(folder: Path, model: MultiTaskModel) -> None:
    """Write the encoder into a folder as a checkpoint that transformers loads."""
    settings, tensors = to_huggingface(model)
    write_json(folder / "config.json", settings)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def weight_names(config: EncoderConfig, *, has_pooler: bool) -> Iterator[Names]:
    """Yield every parameter of the encoder (and pooler) with its family's names, in order, that it stands for."""
    family = _family_of(config)
    yield from _with_endings("", "", family.embeddings)
    yield from _with_endings("", "", family.projection if config.embedding_width else ())
    for number in range(config.n_layers):
        yield from _with_endings(f"encoder.layers.{number}.", f"{family.layers}{number}.", family.layer)
    yield from _with_endings("", "", family.pooler if has_pooler else ())


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


def _family_of(config: EncoderConfig) -> Family:
    if config.family is None:
        raise TandemError(
            "an encoder with pre-norm or sinusoidal positions has no checkpoint of a family that transformers knows; "
            "one with `model.scratch.norm: post` and `model.scratch.positions: learnt` is a BERT"
        )
    return FAMILIES[config.family]


def _ours(family: Family, sizes: dict[str, Any]) -> dict[str, Any]:
    """From the numbers that a checkpoint states to ours, which count usable positions and keep a width once."""
    offset = sizes["pad_id"] + 1 if family.counts_positions_from_pad else 0
    ours = {**sizes, "max_positions": sizes["max_positions"] - offset, "position_offset": offset}
    if ours.get("embedding_width") == ours["hidden_width"]:
        ours["embedding_width"] = None
    return ours


def _theirs(family: Family, config: EncoderConfig) -> dict[str, Any]:
    """The way back from `_ours`."""
    ours = {
        **vars(config),
        "max_positions": config.max_positions + config.position_offset,
        "embedding_width": config.embedding_width or config.hidden_width,
    }
    return {theirs: ours[name] for name, theirs in (*family.sizes, *family.choices)}


def _with_endings(our_prefix: str, their_prefix: str, names: tuple[Names, ...]) -> Iterator[Names]:
    for ours, theirs in names:
        for ending in ("",) if ours.endswith(".weight") else (".weight", ".bias"):
            yield our_prefix + ours + ending, tuple(their_prefix + name + ending for name in theirs)


def _plain_name(key: str, family: Family) -> str:
    for old, new in OLD_ENDINGS:
        if key.endswith(old):
            key = key.removesuffix(old) + new
    return key.removeprefix(family.prefix)


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
    except (OSError, ValueError, RecursionError) as error:
        raise TandemError(f"model.pretrained: cannot read {path}: {error}") from error
    if not isinstance(settings, dict):
        raise TandemError(f"model.pretrained: {path} must hold a JSON object, got {settings!r:.100}")
    return settings
