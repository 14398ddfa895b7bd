"""Counting the pieces of records, as inspecting a corpus wants it: nothing is downloaded and no window laid out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tandem.corpora.inspection.lengths import CountPieces, PieceCounts
from tandem.corpora.schema.records import Record
from tandem.errors import TandemError
from tandem.model.pretrained import HUB_FILES, SCRATCH, locate
from tandem.params import Params
from tandem.tokens.pieces.alignment import encode_records
from tandem.tokens.pieces.lexicon import Lexicon
from tandem.tokens.pieces.tokenizer import Tokenizer, load_tokenizer


def choose_counter(named: str | None, params: Params | None) -> tuple[CountPieces | None, list[str]]:
    """Return a counter for the tokenizer that is named, or else the params', or none and why.

    Raises `TandemError` if the one named cannot be had offline.
    """
    if named is not None:
        return piece_counter(_tokenizer_of(named)), []
    if params is None:
        return None, ["lengths in pieces: there is no params.yaml here; name a tokenizer by --tokenizer"]
    if params.model.pretrained == SCRATCH:
        return None, ["lengths in pieces: with `model.pretrained: none`, the pieces are learnt from the training texts"]
    try:
        return piece_counter(_tokenizer_of(params.model.pretrained)), []
    except TandemError as error:
        return None, [f"lengths in pieces: {error}"]


def piece_counter(tokenizer: Tokenizer) -> CountPieces:
    """Return a function that counts pieces as training would see them; it remembers the words that it has met."""
    lexicon = Lexicon(tokenizer)

    def count(records: Sequence[Record]) -> PieceCounts:
        encoded = encode_records(records, tokenizer, lexicon)
        is_unknown = encoded.pieces == (-1 if tokenizer.unknown_id is None else tokenizer.unknown_id)
        n_unknown_before = np.concatenate(([0], np.cumsum(is_unknown)))
        lengths = np.diff(encoded.text_starts) + tokenizer.n_special
        return PieceCounts(lengths.tolist(), np.diff(n_unknown_before[encoded.text_starts]).tolist())

    return count


def _tokenizer_of(name: str) -> Tokenizer:
    """Load the tokenizer of a folder, an installed package, or a model in the Hugging Face cache."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return load_tokenizer(folder)
    if name.startswith("package:"):
        return load_tokenizer(locate(name))
    return load_tokenizer(_cached(name))


def _cached(name: str) -> Path:
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - costs a third of a second, and only here
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError  # noqa: PLC0415

    try:
        return Path(snapshot_download(name, allow_patterns=list(HUB_FILES), local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError) as error:
        raise TandemError(
            f"no tokenizer {name!r} on this machine: it is no folder and not in the Hugging Face cache. Give a folder "
            "with tokenizer.json, or package:NAME of an installed package, by --tokenizer"
        ) from error
