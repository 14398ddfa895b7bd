"""From a batch to the logits at its counted places: through the encoder, or from features stored once.

Shapes: `rows` windows of `seq` pieces; `counted` is the number of a task's places in the batch.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tandem.errors import TandemError
from tandem.hardware.execution import Execution
from tandem.model.multitask import MultiTaskModel
from tandem.tokens.examples import Batch, Examples
from tandem.tokens.ragged import IGNORED
from tandem.tokens.store import TokenStore
from tandem.training.progress import watch


class Draw(NamedTuple):
    """What the dropout masks of a training pass depend on, beside the text and the place in the network."""

    seed: int
    step: int


class Pass(Protocol):
    """Anything that gives each task of a batch its logits, (counted, labels)."""

    def __call__(self, batch: Batch, draw: Draw | None = None) -> dict[str, Tensor]:
        """Run the model, or its heads alone, on a batch; in training with the step's `draw`."""


class EncoderPass:
    """Encoder, pooling and heads."""

    def __init__(self, model: MultiTaskModel, kinds: Mapping[str, str], execution: Execution):
        self.model = model
        self.kinds = kinds
        self.execution = execution
        model.encoder.skips_padding = execution.skips_padding

    def __call__(self, batch: Batch, draw: Draw | None = None) -> dict[str, Tensor]:
        """The logits at each task's places, (counted, labels)."""
        device = self.execution.device
        if draw is not None:
            self.model.noise.seat(*draw, rows=_keys(batch.store, batch.windows))
        ids, mask = torch.from_numpy(batch.ids).to(device), torch.from_numpy(batch.mask).to(device)
        with self.execution.autocast():
            hidden = self.model.encode(ids, mask)  # (rows, seq, hidden)
            logits = {}
            for task, targets in batch.targets.items():
                places = torch.from_numpy(targets.places).to(device)
                vectors = self.model.pool(hidden, mask) if self.kinds[task] == "classification" else hidden
                logits[task] = self.model.apply_head(task, vectors).flatten(0, -2)[places]
        return logits


class StoredFeatures:
    """The vectors that a frozen encoder gives to the heads, computed once and mapped from disk.

    Per store: the pooled vector of each window, (windows, hidden), and the vector of each piece that carries an
    answer or is read, (pieces, hidden).
    """

    def __init__(self, model: MultiTaskModel, examples: Examples, execution: Execution, scratch: Path):
        self.model = model
        self.examples = examples
        self.execution = execution
        model.encoder.skips_padding = execution.skips_padding
        self.needed = [_needed_pieces(store) for store in examples.stores]
        width = model.encoder.config.hidden_width
        self.pooled = [
            _scratch_array(scratch / f"pooled-{number}.npy", store.n_windows, width)
            for number, store in enumerate(examples.stores)
        ]
        self.pieces = [
            _scratch_array(scratch / f"pieces-{number}.npy", len(needed), width)
            for number, needed in enumerate(self.needed)
        ]
        everything = {task: np.arange(len(rows)) for task, rows in examples.members.items()}
        batches = examples.batches(everything, size=execution.pass_size, reading=True)
        for batch in watch(batches, "encode", n_windows=sum(store.n_windows for store in examples.stores)):
            self._encode(batch)

    def __call__(self, batch: Batch, draw: Draw | None = None) -> dict[str, Tensor]:
        """The logits at each task's places, (counted, labels)."""
        logits = {}
        for task in batch.targets:
            keys, vectors = self._vectors(batch, task)
            if draw is not None:
                self.model.noise.seat(*draw, rows=keys)
            with self.execution.autocast():
                logits[task] = self.model.apply_head(task, vectors.to(self.execution.device))
        return logits

    def _vectors(self, batch: Batch, task: str) -> tuple[list[int], Tensor]:
        """A key for the noise of each counted place, and its vector: (counted, hidden)."""
        places = batch.targets[task].places
        if self.examples.kinds[task] == "classification":
            windows = batch.windows[places]
            return _keys(batch.store, windows), torch.from_numpy(self.pooled[batch.store][windows])
        rows, columns = np.divmod(places, batch.ids.shape[1])
        pieces = self.examples.stores[batch.store].window_starts[batch.windows[rows]] + columns
        kept = np.searchsorted(self.needed[batch.store], pieces)
        return _keys(batch.store, pieces), torch.from_numpy(self.pieces[batch.store][kept])

    @torch.no_grad()
    def _encode(self, batch: Batch) -> None:
        store = self.examples.stores[batch.store]
        device = self.execution.device
        ids, mask = torch.from_numpy(batch.ids).to(device), torch.from_numpy(batch.mask).to(device)
        with self.execution.autocast():
            hidden = self.model.encode(ids, mask)  # (rows, seq, hidden)
            self.pooled[batch.store][batch.windows] = self.model.pool(hidden, mask).float().cpu().numpy()
        starts = store.window_starts[batch.windows][:, None]
        pieces = np.where(batch.mask, starts + np.arange(batch.ids.shape[1]), -1)
        wanted = np.isin(pieces, self.needed[batch.store])
        kept = np.searchsorted(self.needed[batch.store], pieces[wanted])
        self.pieces[batch.store][kept] = hidden[torch.from_numpy(wanted).to(device)].float().cpu().numpy()


def _keys(store: int, numbers: NDArray[np.int64]) -> list[int]:
    """Numbers that no two windows (or pieces) of any stores share."""
    return ((store << 48) + numbers).tolist()  # type: ignore[no-any-return]


def _needed_pieces(store: TokenStore) -> NDArray[np.int64]:
    """The pieces, in order, whose vector a tagging head may ask for."""
    wanted = np.zeros(store.n_pieces, dtype=bool)
    for tags in store.piece_tags.values():
        wanted |= (np.asarray(tags) != IGNORED) | (np.asarray(store.piece_words) >= 0)
    return np.flatnonzero(wanted)


def _scratch_array(path: Path, rows: int, width: int) -> NDArray[np.float32]:
    if rows == 0:
        return np.empty((0, width), dtype=np.float32)  # an empty file cannot be mapped
    n_bytes = rows * width * 4
    try:
        path.parent.mkdir(exist_ok=True)
        if shutil.disk_usage(path.parent).free < n_bytes:  # a mapped file that outgrows the disk kills the process
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(rows, width))
    except OSError as error:
        raise TandemError(
            f"cannot keep the encoder's features, {n_bytes / 2**20:,.0f} MiB, in {path.parent}: {error.strerror}. "
            "Free space, lower split.sample, or choose another train.trainable"
        ) from error
