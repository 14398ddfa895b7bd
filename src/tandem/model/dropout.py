"""Dropout whose draws belong to a text, not to its place in a batch.

The mask of a text is a pure function of (seed, step, the text's row number, the place in the network): Philox
(Salmon et al. 2011) is keyed by seed and place and counts on from (step, row). Values are drawn in the order of
positions, so the draws of real positions depend neither on the padding nor on the batch's other texts, and
splitting a batch differently, or over several processes, changes nothing.

Shapes: batch, seq, hidden, heads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

_LEVELS = 1 << 16  # a draw is one of so many whole numbers


class Noise:
    """The source of one model's dropout masks: seat it on the batch's rows before each training forward."""

    def __init__(self) -> None:
        self._n_sites = 0
        self._seed = 0
        self._step = 0
        self._rows: tuple[int, ...] | None = None

    def new_site(self) -> int:
        """Number a place in the network that draws its own masks."""
        self._n_sites += 1
        return self._n_sites

    def seat(self, seed: int, step: int, rows: Sequence[int]) -> None:
        """Say what the next forward is about: `rows` holds a number for each text, unique within the step."""
        assert len(set(rows)) == len(rows), "two texts of one step must not share their noise"
        self._seed, self._step, self._rows = seed % (1 << 64), step, tuple(rows)

    def draws(self, site: int, shape: Sequence[int]) -> NDArray[np.uint16]:
        """Draw whole numbers below 65,536, text by text in the order of `shape`, whose first size is the batch."""
        assert self._rows is not None, "noise.seat must be called before a forward in training with dropout"
        assert len(self._rows) == shape[0], f"the noise is seated for {len(self._rows)} texts, got {shape[0]}"
        count = math.prod(shape[1:])
        raw = np.empty((len(self._rows), -(-count // 4)), dtype="<u8")  # four draws in each
        for index, row in enumerate(self._rows):
            key = np.array([self._seed, site], dtype=np.uint64)
            counter = np.array([0, 0, self._step, row], dtype=np.uint64)
            raw[index] = np.random.Philox(key=key, counter=counter).random_raw(raw.shape[1])
        return raw.view("<u2")[:, :count].reshape(shape)


class Dropout(nn.Module):
    """Zeroes a share of the values in training and scales the rest by 1 / (1 - share)."""

    def __init__(self, prob: float, *, noise: Noise) -> None:
        super().__init__()
        self.prob = prob
        self.noise = noise
        self.site = noise.new_site()

    @property
    def is_active(self) -> bool:
        """Whether a forward now would drop anything."""
        return self.training and self.prob > 0

    def forward(self, values: Tensor) -> Tensor:
        """Drop from text vectors (batch, hidden), pieces (batch, seq, hidden) or attention (batch, heads, seq, seq)."""
        if not self.is_active:
            return values
        keep = torch.from_numpy(self._kept(values.shape)).to(values.device)
        return values * keep.to(values.dtype).mul_(1 / (1 - self.prob))

    def extra_repr(self) -> str:
        """What `print(model)` shows."""
        return f"prob={self.prob}, site={self.site}"

    def _kept(self, shape: torch.Size) -> NDArray[np.bool_]:
        threshold = round(self.prob * _LEVELS)
        if len(shape) < 4:
            return self.noise.draws(self.site, shape) >= threshold  # (batch, hidden) or (batch, seq, hidden)
        batch, heads, seq, _ = shape
        kept = self.noise.draws(self.site, (batch, seq * seq, heads)) >= threshold
        ordered = kept[:, _pair_order(seq)]  # (batch, seq, seq, heads)
        return np.ascontiguousarray(ordered.transpose(0, 3, 1, 2))  # (batch, heads, seq, seq)


def _pair_order(seq: int) -> NDArray[np.int64]:
    """Number the pairs of positions so that those of a shorter text come first: (seq, seq)."""
    query, key = np.ogrid[:seq, :seq]
    return np.where(query >= key, query * query + key, key * key + key + 1 + query)
