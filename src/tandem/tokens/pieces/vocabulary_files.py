"""Tokenizers of checkpoints that came without a `tokenizer.json`, built from the vocabulary files of their family."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import models, normalizers, pre_tokenizers, processors

from tandem.artifacts import read_json
from tandem.errors import TandemError
from tandem.model.pretrained import BYTE_PAIRS, VOCABULARIES, WORD_PIECES

_BERT = {f"{role}_token": f"[{role.upper()}]" for role in ("unk", "cls", "sep", "pad", "mask")}
_ROBERTA = {
    "unk_token": "<unk>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "mask_token": "<mask>",
}
_NEEDED = ("unk_token", "cls_token", "sep_token", "pad_token")

_REFUSED = (Exception,)  # the library raises no narrower kind for a file that it cannot make out


def special_names(folder: Path, usual: Mapping[str, str] = _BERT) -> dict[str, str]:
    """The special tokens by role, from whichever file of the folder names them, else the usual ones."""
    named = {**_read(folder / "special_tokens_map.json"), **_read(folder / "tokenizer_config.json")}
    found = {role: named.get(role) or default for role, default in usual.items()}
    return {role: token["content"] if isinstance(token, dict) else token for role, token in found.items()}


def has_vocabulary(folder: Path) -> bool:
    """Say whether a folder holds the files that `from_vocabulary` reads."""
    return any(all((folder / name).is_file() for name in names) for names in VOCABULARIES)


def from_vocabulary(folder: Path) -> tuple[tokenizers.Tokenizer, str]:
    """Build a tokenizer, and name its padding token.

    BERT's from `vocab.txt` (WordPiece, Devlin et al. 2019), or RoBERTa's from `vocab.json` and `merges.txt` (byte
    pairs, Radford et al. 2019, Liu et al. 2019). Raises `TandemError` if they are damaged or lack special tokens.
    """
    if (folder / WORD_PIECES).is_file():
        names = special_names(folder)
        return _word_piece(folder, names), names["pad_token"]
    names = special_names(folder, _ROBERTA)
    return _byte_pairs(folder, names), names["pad_token"]


def _word_piece(folder: Path, names: Mapping[str, str]) -> tokenizers.Tokenizer:
    path = folder / WORD_PIECES
    lines = path.read_text(encoding="utf-8").split("\n")
    vocabulary = {token.rstrip("\r"): number for number, token in enumerate(lines) if token}
    _check_special(path, vocabulary, names, "BERT")
    settings = _read(folder / "tokenizer_config.json")
    backend = tokenizers.Tokenizer(models.WordPiece(vocabulary, unk_token=names["unk_token"]))
    backend.normalizer = normalizers.BertNormalizer(
        handle_chinese_chars=settings.get("tokenize_chinese_chars", True),
        strip_accents=settings.get("strip_accents"),
        lowercase=settings.get("do_lower_case", True),
    )
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    first, last = ((names[role], vocabulary[names[role]]) for role in ("cls_token", "sep_token"))
    backend.post_processor = processors.BertProcessing(last, first)
    backend.add_special_tokens([token for token in names.values() if token in vocabulary])
    return backend


def _byte_pairs(folder: Path, names: Mapping[str, str]) -> tokenizers.Tokenizer:
    vocabulary_path, merges_path = (folder / name for name in BYTE_PAIRS)
    vocabulary = read_json(vocabulary_path)
    if not isinstance(vocabulary, dict):
        raise TandemError(f"{vocabulary_path} must hold a JSON object of pieces and their numbers")
    _check_special(vocabulary_path, vocabulary, names, "RoBERTa")
    try:
        backend = tokenizers.Tokenizer(models.BPE.from_file(str(vocabulary_path), str(merges_path)))
    except _REFUSED as error:
        raise TandemError(f"{vocabulary_path} and {merges_path.name} are no byte pairs ({error})") from error
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    first, last = ((names[role], vocabulary[names[role]]) for role in ("cls_token", "sep_token"))
    backend.post_processor = processors.RobertaProcessing(last, first)
    backend.add_special_tokens([token for token in names.values() if token in vocabulary])
    return backend


def _check_special(path: Path, vocabulary: Mapping[str, int], names: Mapping[str, str], family: str) -> None:
    missing = [names[role] for role in _NEEDED if names[role] not in vocabulary]
    if missing:
        raise TandemError(f"{path} lacks {', '.join(missing)}: it is not a {family} vocabulary")


def _read(path: Path) -> Any:
    return read_json(path) if path.is_file() else {}
