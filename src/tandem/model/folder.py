"""A trained model on disk: weights, settings and tokenizer, all that reading a text needs.

    model.safetensors   every parameter, float32, by our names
    config.json         encoder, heads, pooling, the card (labels, windows, ...), format version, hashes
    tokenizer.json      the pretrained tokenizer, without truncation and padding (or its vocabulary), and its settings

Nothing in it is executed on load; a folder that is incomplete, altered or of a newer format is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn
from torch.overrides import TorchFunctionMode

from tandem.artifacts import FORMAT_KEY, Format, atomic_folder, sha256_of, write_json
from tandem.errors import TandemError
from tandem.model.encoder import EncoderConfig
from tandem.model.multitask import HeadConfig, MultiTaskModel, Pooling
from tandem.model.pretrained import CONFIG, TOKENIZER, TOKENIZER_FILES, VOCABULARIES, WEIGHTS
from tandem.model.weights import copy_into, read_tensors

FORMAT = Format(version=2, remedy="run `dvc repro` to train the model anew")  # since 2, the settings have a hash, too


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A model in evaluation mode on the CPU, its card, where its tokenizer lies, and the hash of its weights."""

    model: MultiTaskModel
    card: Mapping[str, Any]
    folder: Path
    weights_sha256: str


def save_model(folder: Path, model: MultiTaskModel, *, card: Mapping[str, Any], tokenizer_source: Path) -> None:
    """Write the model's folder, whole or not at all, the same bytes for the same values.

    `card` is what a reader needs beside the weights, as JSON values: labels by task, window length, and the like.
    Raises `TandemError` if the folder `tokenizer_source` holds no tokenizer, or if the disk is full.
    """
    with atomic_folder(folder) as partial:
        tensors = {name: value.detach().float().cpu().contiguous() for name, value in model.named_parameters()}
        _save(tensors, partial / WEIGHTS)
        for name, content in _tokenizer_files(tokenizer_source).items():
            (partial / name).write_bytes(content)
        settings: dict[str, Any] = {
            FORMAT_KEY: FORMAT.version,
            "encoder": asdict(model.encoder.config),
            "heads": [{"task": task, **asdict(head)} for task, head in model.head_configs.items()],  # in order
            "pooling": model.pooling,
            "card": card,
            "sha256": {path.name: sha256_of(path) for path in partial.iterdir()},
        }
        write_json(partial / CONFIG, settings)
        settings["sha256"][CONFIG] = _digest(json.loads((partial / CONFIG).read_bytes()))
        write_json(partial / CONFIG, settings)


def load_model(folder: Path) -> LoadedModel:
    """Load a folder that `save_model` wrote.

    Raises `TandemError` if a file is missing, damaged or altered, or if a newer Tandem wrote it.
    """
    settings = _read_settings(folder)
    for name, expected in settings["sha256"].items():
        if (_digest(settings) if name == CONFIG else sha256_of(folder / name)) != expected:
            raise TandemError(f"{folder / name} was altered since it was saved: {_REMEDY}")
    with _Uninitialised():
        model = _build(folder, settings)
    tensors = read_tensors(folder / WEIGHTS)
    differing = sorted(tensors.keys() ^ {name for name, _ in model.named_parameters()})
    if differing:
        raise TandemError(f"{folder / CONFIG} is of another model than {WEIGHTS} ({', '.join(differing)}): {_REMEDY}")
    copy_into(model, tensors, folder / WEIGHTS)
    return LoadedModel(
        model=model.eval(), card=settings["card"], folder=folder, weights_sha256=settings["sha256"][WEIGHTS]
    )


class _Uninitialised(TorchFunctionMode):
    """Leaves new weights as memory has them; as the meta device would, which takes two seconds to import."""

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if getattr(function, "__module__", None) == nn.init.__name__:
            return args[0] if args else None
        return function(*args, **(kwargs or {}))


_REMEDY = "run `dvc repro` to train the model, or `dvc pull` to fetch it"
_TYPES = {FORMAT_KEY: int, "encoder": dict, "heads": list, "pooling": str, "card": dict, "sha256": dict}


def _digest(settings: Mapping[str, Any]) -> str:
    """The SHA-256 of all settings but the hash itself, as JSON with sorted keys."""
    hashes = {name: value for name, value in settings["sha256"].items() if name != CONFIG}
    text = json.dumps({**settings, "sha256": hashes}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _save(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    try:
        save_file(dict(tensors), path, metadata={"format": "pt"})
    except SafetensorError as error:  # how it wraps what the disk says
        raise OSError(str(error)) from error


def _read_settings(folder: Path) -> dict[str, Any]:
    """Read and check `config.json`, and that the files it speaks of are there."""
    _check_files(folder, (CONFIG, WEIGHTS))
    try:
        settings = json.loads((folder / CONFIG).read_bytes())
    except (ValueError, RecursionError) as error:
        raise TandemError(f"{folder / CONFIG} is damaged ({error}): {_REMEDY}") from error
    if not isinstance(settings, dict):
        raise TandemError(f"{folder / CONFIG} must hold a JSON object: {_REMEDY}")
    if isinstance(settings.get(FORMAT_KEY), int):
        FORMAT.check(folder, settings[FORMAT_KEY])
    wrong = [key for key, kind in _TYPES.items() if not isinstance(settings.get(key), kind)]
    if wrong:
        raise TandemError(f"{folder / CONFIG} is not as Tandem wrote it ({', '.join(wrong)}): {_REMEDY}")
    names = settings["sha256"].keys()
    if not {WEIGHTS, CONFIG} <= names <= {WEIGHTS, CONFIG, *TOKENIZER_FILES}:
        raise TandemError(f"{folder / CONFIG} is not as Tandem wrote it (sha256): {_REMEDY}")
    if settings["pooling"] not in get_args(Pooling):
        raise TandemError(f"{folder / CONFIG} is not as Tandem wrote it (pooling {settings['pooling']!r}): {_REMEDY}")
    _check_files(folder, names)
    return settings


def _check_files(folder: Path, names: Iterable[str]) -> None:
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise TandemError(f"{folder} is no trained model: it lacks {', '.join(missing)}; {_REMEDY}")


def _build(folder: Path, settings: Mapping[str, Any]) -> MultiTaskModel:
    try:
        encoder = TypeAdapter(EncoderConfig).validate_python(settings["encoder"])
        _check_layers(folder / WEIGHTS, encoder)
        heads = [(head.pop("task"), head) for head in map(dict, settings["heads"])]
        return MultiTaskModel(
            encoder,
            {str(task): TypeAdapter(HeadConfig).validate_python(head) for task, head in heads},
            pooling=settings["pooling"],
            dropout=0.0,
            encoder_dropout=0.0,
        )
    except ValidationError as error:
        found = error.errors()[0]
        what = f"{'.'.join(map(str, found['loc']))}: {found['msg']}"
        raise TandemError(f"{folder / CONFIG} is not as Tandem wrote it ({what}): {_REMEDY}") from error
    except (KeyError, TypeError, ValueError, RuntimeError, OverflowError, MemoryError) as error:
        raise TandemError(f"{folder / CONFIG} is not as Tandem wrote it ({error}): {_REMEDY}") from error


def _check_layers(weights: Path, encoder: EncoderConfig) -> None:
    """Refuse more layers than there are tensors, before a crafted number is built, and heads without a share."""
    try:
        with safe_open(weights, "pt") as file:
            n_tensors = len(file.keys())
    except SafetensorError as error:
        raise TandemError(f"{weights} is damaged ({error}): {_REMEDY}") from error
    if encoder.n_layers > n_tensors:
        raise ValueError(f"{encoder.n_layers} layers, with weights for {n_tensors} tensors")
    if encoder.n_heads < 1 or encoder.hidden_width % encoder.n_heads:
        raise ValueError(f"{encoder.n_heads} heads, which do not divide a width of {encoder.hidden_width}")


def _tokenizer_files(folder: Path) -> dict[str, bytes]:
    """Read a tokenizer's files; its truncation and padding, which would cut and stretch texts, are switched off."""
    files = {name: (folder / name).read_bytes() for name in TOKENIZER_FILES if (folder / name).is_file()}
    if TOKENIZER in files:
        tokenizer = {**json.loads(files[TOKENIZER]), "truncation": None, "padding": None}
        files[TOKENIZER] = json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")).encode()
        return {name: content for name, content in files.items() if name not in chain(*VOCABULARIES)}
    if not any(files.keys() >= set(names) for names in VOCABULARIES):
        expected = ", nor ".join(" and ".join(names) for names in VOCABULARIES)
        raise TandemError(f"{folder} holds no tokenizer: neither {TOKENIZER} nor {expected}")
    return files
