"""Vectors of texts from an encoder, trained or as it was published.

A text's vector is pooled from its pieces, special ones included, as sentence-transformers pools them. A text with
more pieces than the encoder has positions is read in windows, and its vector is the mean of theirs; it is not cut.

Shapes: texts, pieces, hidden; rows are the windows of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from tandem.corpora.schema.records import Record
from tandem.errors import TandemError
from tandem.hardware.execution import Execution
from tandem.hardware.process import prepare_torch
from tandem.model.folder import load_model
from tandem.model.multitask import MultiTaskModel, Pooling, pool
from tandem.model.pretrained import locate
from tandem.model.weights import load_encoder_weights, read_config
from tandem.params import TokenizeAlign
from tandem.tokens.batches.examples import Examples
from tandem.tokens.batches.shelf import Shelf
from tandem.tokens.packing.packing import Packer
from tandem.tokens.packing.vocabulary import Vocabularies
from tandem.tokens.pieces.tokenizer import load_tokenizer

Vectors = NDArray[np.float32]

_TEXTS = "texts"  # as if they were a task's


class PieceVectors(NamedTuple):
    """A text's pieces as the tokenizer writes them, and their vectors (pieces, hidden)."""

    pieces: list[str]
    vectors: Vectors


@dataclass(frozen=True, kw_only=True)
class Source:
    """An encoder, and the folder that its tokenizer lies in."""

    model: MultiTaskModel
    folder: Path


def trained_encoder(folder: Path, pooling: Pooling) -> Source:
    """The encoder of a model's folder; raises `TandemError` for the pooling `pooler` if it has not learnt one."""
    model = load_model(folder).model
    if pooling == "pooler" and model.pooler is None:
        raise TandemError(f"{folder} has no pooler: it was trained with model.pooling: {model.pooling}")
    return Source(model=model, folder=folder)


def published_encoder(name: str, pooling: Pooling) -> Source:
    """The encoder that `model.pretrained` would name; raises `TandemError` for `pooler` if it came without one."""
    folder = locate(name)
    model = MultiTaskModel(read_config(folder), {}, pooling=pooling, dropout=0.0, encoder_dropout=0.0)
    load_encoder_weights(model, folder)
    if pooling == "pooler" and not model.has_pretrained_pooler:
        raise TandemError(f"{name} has no pooler: choose cls, mean or max")
    return Source(model=model, folder=folder)


class Embedder:
    """Gives texts their vectors."""

    def __init__(self, source: Source, execution: Execution, *, pooling: Pooling, normalises: bool) -> None:
        prepare_torch(execution)
        self.model = source.model.to(execution.device).eval()
        self.model.encoder.skips_padding = execution.skips_padding
        self.width = self.model.encoder.config.hidden_width
        self._execution = execution
        self._pooling = pooling
        self._normalises = normalises
        self._tokenizer = load_tokenizer(source.folder)
        longest = self.model.encoder.config.max_positions
        settings = TokenizeAlign(max_length=longest, stride=longest // 4, long_texts="windows", subwords="first")
        self._packer = Packer(self._tokenizer, settings, Vocabularies(kinds={}, names={}, train_names={}))

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> Vectors:
        """The vectors of texts: (texts, hidden)."""
        found = torch.zeros(len(texts), self.width)
        for batch, hidden, mask in self._passes(self._examples(texts)):
            targets = batch.targets[_TEXTS]
            shares = self._pooled(hidden, mask).float().cpu() * torch.from_numpy(targets.weights)[:, None]
            found.index_add_(0, torch.from_numpy(targets.owners), shares)
        return self._finished(found)

    @torch.inference_mode()
    def embed_pieces(self, texts: Sequence[str]) -> list[PieceVectors]:
        """The vectors of each text's pieces; raises `TandemError` for a text that one window does not hold."""
        examples = self._examples(texts)
        if examples.shelf.n_windows > len(texts):
            raise TandemError(
                f"a text has more pieces than the encoder has positions ({self.model.encoder.config.max_positions}): "
                "cut it, or ask for a vector of the whole text"
            )
        token_of = self._tokenizer.backend.id_to_token
        found: dict[int, PieceVectors] = {}
        for batch, hidden, mask in self._passes(examples):
            for row, text in enumerate(batch.windows.tolist()):
                own = batch.mask[row]
                pieces = [token_of(piece) or "" for piece in batch.ids[row][own].tolist()]
                found[text] = PieceVectors(pieces, self._finished(hidden[row][mask[row]].float().cpu()))
        return [found[text] for text in range(len(texts))]

    def _examples(self, texts: Sequence[str]) -> Examples:
        store, _ = self._packer.pack([Record(row=number, text=text) for number, text in enumerate(texts)])
        members = {_TEXTS: np.arange(len(texts))}
        return Examples(shelf=Shelf((store,)), labels={_TEXTS: ()}, kinds={_TEXTS: "classification"}, members=members)

    def _passes(self, examples: Examples) -> Any:
        for batch in examples.batches(examples.members, size=self._execution.pass_size, reading=True):
            ids, mask = (torch.from_numpy(array).to(self._execution.device) for array in (batch.ids, batch.mask))
            yield batch, self.model.encode(ids, mask), mask

    def _pooled(self, hidden: Tensor, mask: Tensor) -> Tensor:
        if self._pooling == "pooler":
            return self.model.pool(hidden, mask)
        return pool(hidden, mask, self._pooling)

    def _finished(self, vectors: Tensor) -> Vectors:
        return (functional.normalize(vectors, dim=1) if self._normalises else vectors).numpy()
