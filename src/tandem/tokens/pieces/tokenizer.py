"""A pretrained tokenizer, read from its folder with `tokenizers` alone.

Truncation and padding that a tokenizer.json carries are switched off: windows are Tandem's own business. A byte-level
tokenizer (GPT-2's, RoBERTa's) reads every word as after a space, the first of a text too: a word that stands in a list
of words has then the pieces that it has within a text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import tokenizers
from numpy.typing import NDArray
from tokenizers import pre_tokenizers

from tandem.artifacts import read_json
from tandem.errors import TandemError
from tandem.model.pretrained import TOKENIZER
from tandem.tokens.pieces.boundaries import Boundaries, boundaries_of
from tandem.tokens.pieces.vocabulary_files import from_vocabulary, has_vocabulary, special_names
from tandem.tokens.storage.ragged import Ints, starts_of

_WORDS_AT_ONCE = 256

_REFUSED = (Exception,)  # the library raises no narrower kind for a file that it cannot make out


@dataclass(frozen=True, kw_only=True, eq=False)
class Tokenizer:
    """A tokenizer and what Tandem needs to know of it.

    `prefix` and `suffix` are the special ids around a single text; `boundaries` says where a text may be cut
    before encoding; `fingerprint` is the SHA-256 of the serialised tokenizer.
    """

    backend: tokenizers.Tokenizer
    prefix: tuple[int, ...]
    suffix: tuple[int, ...]
    pad_id: int
    unknown_id: int | None
    boundaries: Boundaries
    fingerprint: str

    @property
    def vocabulary_size(self) -> int:
        """Number of ids, added tokens included."""
        return self.backend.get_vocab_size()

    @property
    def n_special(self) -> int:
        """How many special pieces a window holds."""
        return len(self.prefix) + len(self.suffix)

    def encode(self, words: Sequence[str]) -> tuple[NDArray[np.int32], Ints]:
        """Encode words, each by itself and without special pieces: (pieces) ids, (words) number of pieces."""
        is_plain = [self.boundaries.plain.issuperset(word) for word in words]
        others = self._encode_whole([word for word, plain in zip(words, is_plain, strict=True) if not plain])
        model = self.backend.model
        rows = [
            [token.id for token in model.tokenize(word)] if plain else next(others)
            for word, plain in zip(words, is_plain, strict=True)
        ]
        pieces = np.fromiter(chain.from_iterable(rows), dtype=np.int32)
        return pieces, np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))

    def _encode_whole(self, words: Sequence[str]) -> Iterator[list[int]]:
        """Take words through every step of the tokenizer, many at once."""
        batches = [words[start : start + _WORDS_AT_ONCE] for start in range(0, len(words), _WORDS_AT_ONCE)]
        encodings = self.backend.encode_batch(batches, is_pretokenized=True, add_special_tokens=False)
        for batch, encoding in zip(batches, encodings, strict=True):
            ids = encoding.ids
            counts = np.bincount(np.array(encoding.word_ids, dtype=np.int64), minlength=len(batch))
            for start, end in pairwise(starts_of(counts).tolist()):
                yield ids[start:end]


def load_tokenizer(folder: Path) -> Tokenizer:
    """Load `tokenizer.json`, or build a tokenizer from the vocabulary files of BERT or RoBERTa.

    Raises `TandemError` if the folder has neither, or a file in it is damaged.
    """
    if (folder / TOKENIZER).is_file():
        return _from_json(folder / TOKENIZER, special_names(folder)["pad_token"])
    if has_vocabulary(folder):
        backend, pad_token = from_vocabulary(folder)
        return wrap_tokenizer(backend, pad_token=pad_token)
    raise TandemError(
        f"{folder} has no tokenizer: expected {TOKENIZER}, or vocab.txt of a BERT model, or vocab.json and "
        "merges.txt of a RoBERTa model"
    )


def wrap_tokenizer(backend: tokenizers.Tokenizer, pad_token: str = "[PAD]") -> Tokenizer:
    """Switch truncation and padding off and read the special ids from the tokenizer itself."""
    padding = backend.padding
    known = (backend.token_to_id(token) for token in (pad_token, "[PAD]", "<pad>"))
    pad_id = next((number for number in known if number is not None), padding["pad_id"] if padding else 0)
    if isinstance(backend.pre_tokenizer, pre_tokenizers.ByteLevel):
        backend.pre_tokenizer.add_prefix_space = True
    backend.no_padding()
    backend.no_truncation()
    serialised = backend.to_str()
    settings = orjson.loads(serialised)
    prefix, suffix = _special_ids(backend)
    return Tokenizer(
        backend=backend,
        prefix=prefix,
        suffix=suffix,
        pad_id=pad_id,
        unknown_id=_unknown_id(backend, settings["model"]),
        boundaries=boundaries_of(settings),
        fingerprint=hashlib.sha256(serialised.encode()).hexdigest(),
    )


def _special_ids(backend: tokenizers.Tokenizer) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What the post-processor puts before and after a text."""
    content = backend.encode("a", add_special_tokens=False).ids
    whole = backend.encode("a").ids
    before = backend.encode("a").special_tokens_mask.index(0) if content else len(whole)
    return tuple(whole[:before]), tuple(whole[before + len(content) :])


def _unknown_id(backend: tokenizers.Tokenizer, model: Mapping[str, Any]) -> int | None:
    if model.get("unk_token") is not None:
        return backend.token_to_id(model["unk_token"])
    return model.get("unk_id")


def _from_json(path: Path, pad_token: str) -> Tokenizer:
    settings = read_json(path)
    if not isinstance(settings, dict) or "model" not in settings:
        raise TandemError(f"{path} is not a tokenizer of the `tokenizers` library: it names no model")
    try:
        backend = tokenizers.Tokenizer.from_file(str(path))
        _check_template(settings.get("post_processor"))
        model = settings["model"]
        if model.get("type") == "WordPiece" and model["unk_token"] not in model["vocab"]:
            raise ValueError(f"its vocabulary lacks {model['unk_token']}, as which unknown words are read")
        return wrap_tokenizer(backend, pad_token=pad_token)
    except _REFUSED as error:
        raise TandemError(f"{path} is damaged, or of another version of the `tokenizers` library ({error})") from error


def _check_template(processor: Any) -> None:
    """Raise `ValueError` for a special token around texts that the template does not know: the library panics."""
    if isinstance(processor, dict) and processor.get("type") == "TemplateProcessing":
        used = {part["SpecialToken"]["id"] for part in processor["single"] if "SpecialToken" in part}
        if unknown := used - processor["special_tokens"].keys():
            raise ValueError(f"its template puts {', '.join(sorted(unknown))} around texts, which it does not know")
