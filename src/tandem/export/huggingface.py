"""The trained model as checkpoints that `transformers` loads with its own classes, offline and without our code.

    DIR/encoder/   the encoder alone, for `AutoModel`
    DIR/<task>/    encoder and head of a task, for `pipeline("text-classification")` or `("token-classification")`

A class for texts reads the first piece's vector through a linear layer and a tanh. That is our pooling `pooler`. It is
`cls`, too: with the identity times 2^-14 for that layer, tanh is linear to less than float32 can tell, and the head's
weights take the factor back (so such a checkpoint wants float32 or bfloat16, not float16). No class for texts takes
the mean or the maximum of all pieces of such an encoder.

Shapes: batch, seq, labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    PreTrainedTokenizerFast,
)

from tandem.artifacts import atomic_folder
from tandem.errors import TandemError
from tandem.export.folders import check_target
from tandem.export.huggingface_card import write_card
from tandem.export.probes import probes
from tandem.model.folder import LoadedModel
from tandem.model.multitask import MultiTaskModel
from tandem.model.weights import to_huggingface
from tandem.parity.reference import quiet_transformers
from tandem.tokens.pieces.tokenizer import Tokenizer, load_tokenizer

TOLERANCE = 1e-5
ENCODER = "encoder"

_NEARLY_ZERO = 2.0**-14
_SAMPLES = ("A quiet film, said Anna Kowalska.", "12 Mill Lane, Leeds!", "Été – naïve 中文", "don't  stop_it 3.14")


class TextHead(NamedTuple):
    """What a family calls the layer before the tanh, and the one after it."""

    dense: str
    output: str


TEXT_HEADS: Mapping[str, TextHead] = {
    "bert": TextHead("bert.pooler.dense", "classifier"),
    "roberta": TextHead("classifier.dense", "classifier.out_proj"),
    "xlm-roberta": TextHead("classifier.dense", "classifier.out_proj"),
}


@dataclass(frozen=True, kw_only=True)
class HuggingFaceExport:
    """The largest difference to our outputs by checkpoint, and why a task has none."""

    differences: dict[str, float] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def export_huggingface(loaded: LoadedModel, folder: Path) -> HuggingFaceExport:
    """Write the checkpoints, load each again with transformers, and compare; nothing is written if one differs.

    Raises `TandemError` if `folder` holds something already, or if an output differs by more than the tolerance.
    """
    check_target(folder)
    export = HuggingFaceExport()
    tokenizer = load_tokenizer(loaded.folder)
    with atomic_folder(folder) as partial, quiet_transformers():
        names = [ENCODER if ENCODER not in loaded.model.heads else "_encoder", *loaded.model.heads]
        for name, task in zip(names, [None, *loaded.model.heads], strict=True):
            reason = _obstacle(loaded.model, task)
            if reason is not None:
                export.left_out[name] = reason
                continue
            _write(loaded, tokenizer, partial / name, task)
            export.differences[name] = _difference(loaded.model, tokenizer, partial / name, task)
            if not export.differences[name] <= TOLERANCE:
                raise TandemError(
                    f"export: {name} differs from our outputs by {export.differences[name]:.1e} where {TOLERANCE:.0e} "
                    "is allowed; nothing was written. Please report it with the model's config.json"
                )
    return export


def _obstacle(model: MultiTaskModel, task: str | None) -> str | None:
    """Why transformers has no class for a task's head; None if it has one."""
    if task is None or model.head_configs[task].kind == "tagging":
        return None
    family = to_huggingface(model)[0]["model_type"]
    if family not in TEXT_HEADS:
        return f"transformers' class for texts puts another layer before the head in {family} models"
    if model.pooling not in ("cls", "pooler"):
        return (
            f"its text vector is the {model.pooling} of all pieces, and transformers' class for texts reads the first "
            "piece alone; train with model.pooling: cls (or pooler) to export it"
        )
    return None


def _write(loaded: LoadedModel, tokenizer: Tokenizer, folder: Path, task: str | None) -> None:
    settings, tensors = to_huggingface(loaded.model)
    labels = () if task is None else loaded.card["labels"][task]
    numbered = {"id2label": dict(enumerate(labels)), "label2id": {label: n for n, label in enumerate(labels)}}
    theirs = _class_for(loaded.model, task).from_config(
        AutoConfig.for_model(**settings, **(numbered if labels else {}))
    )
    prefix = f"{theirs.base_model_prefix}." if task is not None else ""
    named = {prefix + name: tensor for name, tensor in tensors.items()}
    if task is not None:
        named |= _head_tensors(loaded.model, task, settings["model_type"])
    wanted = theirs.state_dict()
    lacking = [name for name in wanted if name not in named and not name.startswith(f"{prefix}pooler.")]
    assert not lacking, f"no weights for {lacking}"
    theirs.load_state_dict({name: named.get(name, torch.zeros_like(wanted[name])) for name in wanted})
    theirs.save_pretrained(folder)
    _fast_tokenizer(tokenizer, loaded.model.encoder.config.max_positions).save_pretrained(folder)
    write_card(folder / "README.md", loaded, task)


def _class_for(model: MultiTaskModel, task: str | None) -> Any:
    if task is None:
        return AutoModel
    is_tagging = model.head_configs[task].kind == "tagging"
    return AutoModelForTokenClassification if is_tagging else AutoModelForSequenceClassification


def _head_tensors(model: MultiTaskModel, task: str, family: str) -> dict[str, Tensor]:
    """The head's weights by their names; before a text's head, the layer that leads into the tanh."""
    own = dict(model.heads[task].named_parameters())
    weight, bias = (own[f"linear.{name}"].detach() for name in ("weight", "bias"))
    if model.head_configs[task].kind == "tagging":
        return {"classifier.weight": weight, "classifier.bias": bias}
    names = TEXT_HEADS[family]
    if model.pooler is not None:
        dense, dense_bias = model.pooler.weight.detach(), model.pooler.bias.detach()
    else:
        width = weight.shape[1]
        dense, dense_bias, weight = torch.eye(width) * _NEARLY_ZERO, torch.zeros(width), weight / _NEARLY_ZERO
    dense_tensors = {f"{names.dense}.weight": dense, f"{names.dense}.bias": dense_bias}
    return {**dense_tensors, f"{names.output}.weight": weight, f"{names.output}.bias": bias}


def _fast_tokenizer(tokenizer: Tokenizer, max_positions: int) -> PreTrainedTokenizerFast:
    token_of = tokenizer.backend.id_to_token
    named = {
        "pad_token": token_of(tokenizer.pad_id),
        "unk_token": None if tokenizer.unknown_id is None else token_of(tokenizer.unknown_id),
        "cls_token": token_of(tokenizer.prefix[0]) if tokenizer.prefix else None,
        "sep_token": token_of(tokenizer.suffix[-1]) if tokenizer.suffix else None,
    }
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend,
        model_max_length=max_positions,
        **{role: token for role, token in named.items() if token is not None},
    )


@torch.inference_mode()
def _difference(model: MultiTaskModel, tokenizer: Tokenizer, folder: Path, task: str | None) -> float:
    """The largest absolute difference over texts of all lengths, padded together, of what transformers loads."""
    _check_tokenizer(tokenizer, folder)
    options = {"local_files_only": True, "use_safetensors": True, "dtype": torch.float32}
    theirs = _class_for(model, task).from_pretrained(folder, **options).eval()
    largest = 0.0
    for ids, mask in probes(model.encoder.config, n_lengths=5):
        found = theirs(input_ids=ids, attention_mask=mask.long())[0]
        expected = model.encode(ids, mask) if task is None else model(ids, mask, [task])[task]
        if found.dim() == 3:
            found, expected = found[mask], expected[mask]
        largest = max(largest, float((found - expected).abs().max()))
    return largest


def _check_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    theirs = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    for text in _SAMPLES:
        if theirs(text)["input_ids"] != tokenizer.backend.encode(text).ids:
            raise TandemError(f"export: transformers reads {text!r} as other pieces than the model's tokenizer")
