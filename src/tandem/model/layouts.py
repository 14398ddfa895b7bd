"""How a batch's pieces lie in memory while the layers work on them: with padding, or without.

All but attention treats each piece by itself, so the layers may as well see the real pieces alone, text after text;
attention then takes the texts of one length at a time, and no padding is computed anywhere (the idea of unpadding
in MosaicBERT, Portes et al. 2023).

Shapes: batch, seq; pieces are a batch's real ones; a block is (rows, seq) texts side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor


class Layout(Protocol):
    """From (batch, seq, ...) to what the layers see, to what attention sees, and back."""

    positions: Tensor
    attended: Tensor | None

    def pack(self, values: Tensor) -> Tensor:
        """From (batch, seq, ...) to what the layers see."""

    def unpack(self, values: Tensor) -> Tensor:
        """From what the layers see back to (batch, seq, ...)."""

    def blocks(self, values: Tensor) -> Sequence[Tensor]:
        """From what the layers see to blocks of texts, each (rows, seq, ...)."""

    def join(self, blocks: Sequence[Tensor]) -> Tensor:
        """From blocks back to what the layers see."""


class Padded:
    """The layers see (batch, seq, ...), padding included; `attended` (batch, 1, 1, seq) hides it from attention."""

    def __init__(self, mask: Tensor) -> None:
        self.positions = torch.arange(mask.shape[1], device=mask.device)  # (seq)
        self.attended = None if bool(mask.all()) else mask[:, None, None, :]

    def pack(self, values: Tensor) -> Tensor:
        """Leave values as they are."""
        return values

    def unpack(self, values: Tensor) -> Tensor:
        """Leave values as they are."""
        return values

    def blocks(self, values: Tensor) -> Sequence[Tensor]:
        """The whole batch is one block."""
        return (values,)

    def join(self, blocks: Sequence[Tensor]) -> Tensor:
        """The one block is the whole batch."""
        return blocks[0]


class Unpadded:
    """The layers see (pieces, ...); a block is a run of texts of one length, so sorted batches have few."""

    def __init__(self, mask: Tensor) -> None:
        self.attended: Tensor | None = None
        self.shape = mask.shape
        self.places = mask.flatten().nonzero()[:, 0]  # (pieces)
        self.positions = self.places % mask.shape[1]  # (pieces)
        lengths, rows = torch.unique_consecutive(mask.sum(dim=1), return_counts=True)
        self.runs = list(zip(rows.tolist(), lengths.tolist(), strict=True))

    def pack(self, values: Tensor) -> Tensor:
        """Leave out the padding: (batch, seq, ...) to (pieces, ...)."""
        return values.flatten(0, 1)[self.places]

    def unpack(self, values: Tensor) -> Tensor:
        """Put zeros for the padding: (pieces, ...) to (batch, seq, ...)."""
        batch, seq = self.shape
        zeros = values.new_zeros(batch * seq, *values.shape[1:])
        return zeros.index_copy(0, self.places, values).view(batch, seq, *values.shape[1:])

    def blocks(self, values: Tensor) -> Sequence[Tensor]:
        """Cut (pieces, ...) into runs of texts of one length."""
        parts = torch.split(values, [rows * seq for rows, seq in self.runs])
        return [
            part.view(*run, *part.shape[1:]) for part, run in zip(parts, self.runs, strict=True)
        ]  # (rows, seq, ...)

    def join(self, blocks: Sequence[Tensor]) -> Tensor:
        """Lay blocks end to end: (rows, seq, ...) each to (pieces, ...)."""
        return torch.cat([block.flatten(0, 1) for block in blocks])


def is_right_padded(mask: Tensor) -> bool:
    """Whether every text's real pieces come first and it has some, as `Unpadded` needs; mask: (batch, seq) bool."""
    return bool((mask[:, 1:] <= mask[:, :-1]).all()) and bool(mask[:, 0].all())
