"""Where text may be cut before a tokenizer sees it, without changing what comes out.

BERT's tokenizer (Devlin et al. 2019) reads runs of ASCII letters and digits, and single ASCII marks, each by
itself and without regard to case. Whatever else a stretch between two spaces holds is left to the tokenizer.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SEPARATOR = b"\xff"  # between units; UTF-8 never holds this byte
BLANK, LETTER, MARK, FOREIGN = range(4)

_CHARACTERWISE = {"BertNormalizer", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "StripAccents"}
_SPLITTING_AT_SPACE = {"BertPreTokenizer", "Whitespace", "WhitespaceSplit"}


class Boundaries(NamedTuple):
    """How bytes part words: `kinds` gives each of the 256 bytes' kind and `folded` the byte that it counts as.

    A letter extends a word, a mark is a word, a blank is none; a unit with a foreign byte is one word as it is.
    Words of `plain` letters alone pass the tokenizer's first steps unchanged, so that its model can take them.
    """

    kinds: bytes
    folded: bytes
    at_space: bool
    plain: frozenset[str]


def boundaries_of(settings: Mapping[str, Any]) -> Boundaries:
    """Read from a serialised tokenizer how its texts may be cut."""
    kinds, folded = np.full(256, LETTER, dtype=np.uint8), np.arange(256, dtype=np.uint8)
    is_plain = np.zeros(256, dtype=bool)
    if _reads_like_bert(settings):
        kinds = _bert_kinds(settings["added_tokens"])
        if settings["normalizer"]["lowercase"]:
            folded[_bytes(string.ascii_uppercase)] = _bytes(string.ascii_lowercase)
        is_plain = (kinds == LETTER) & (folded == np.arange(256))
    kinds[SEPARATOR[0]] = BLANK
    plain = frozenset(map(chr, np.flatnonzero(is_plain)))
    return Boundaries(kinds.tobytes(), folded.tobytes(), _splits_at_space(settings), plain)


def _reads_like_bert(settings: Mapping[str, Any]) -> bool:
    """Whether both first steps are BERT's; an added token that is sought after the first could begin anyhow."""
    return (
        _type_of(settings["normalizer"]) == "BertNormalizer"
        and _type_of(settings["pre_tokenizer"]) == "BertPreTokenizer"
        and not any(token["normalized"] for token in settings["added_tokens"])
    )


def _bert_kinds(added_tokens: list[Mapping[str, Any]]) -> NDArray[np.uint8]:
    kinds = np.full(256, FOREIGN, dtype=np.uint8)
    kinds[_bytes(" \t\n\r")] = BLANK
    kinds[_bytes(string.ascii_letters + string.digits)] = LETTER
    kinds[_bytes(string.punctuation)] = MARK
    for token in added_tokens:  # found in the text before it is cut into words
        kinds[token["content"].encode()[0]] = FOREIGN
    return kinds


def _splits_at_space(settings: Mapping[str, Any]) -> bool:
    """Whether no step of the tokenizer looks across a space."""
    normalizer = settings["normalizer"] or {"normalizers": []}
    steps = normalizer.get("normalizers", [normalizer])
    tokens = settings["added_tokens"]
    return (
        all(step["type"] in _CHARACTERWISE for step in steps)
        and _type_of(settings["pre_tokenizer"]) in _SPLITTING_AT_SPACE
        and not any(token["lstrip"] or token["rstrip"] or " " in token["content"] for token in tokens)
    )


def _type_of(step: Mapping[str, Any] | None) -> str | None:
    return step["type"] if step else None


def _bytes(characters: str) -> NDArray[np.uint8]:
    return np.frombuffer(characters.encode(), dtype=np.uint8)
