"""How a batch's pieces lie in memory while the layers work on them: with padding, or without.

All but attention treats each piece by itself, so the layers may as well see the real pieces alone, text after text
(the idea of unpadding in MosaicBERT, Portes et al. 2023); attention then takes texts of nearly one length at a time,
so hardly any padding is computed anywhere.

Shapes: batch, seq; pieces are those that the layers see; `...` is (batch, seq) or (pieces).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from tandem.model.dropout import Draws, Dropout, Mask, piece_identities

_TIGHTNESS = 0.8  # the shortest text of a block has at least this share of the longest one's pieces
_CELLS = 1 << 18  # weights in a block on a CPU, unless it is a single text
_CELLS_ELSEWHERE = 1 << 26


class Layout(Protocol):
    """From (batch, seq, ...) to what the layers see, and back; what attention and dropout need to know of it."""

    positions: Tensor
    attended: Tensor | None
    draws: Draws | None

    def blocks(self, n_heads: int) -> Blocks:
        """How attention with so many heads takes the pieces, where it takes them block by block."""

    def pack(self, values: Tensor) -> Tensor:
        """From (batch, seq, ...) to what the layers see."""

    def unpack(self, values: Tensor) -> Tensor:
        """From what the layers see back to (batch, seq, ...)."""


class Padded:
    """The layers see (batch, seq, ...), padding included; `attended` (batch, 1, 1, seq) hides it from attention."""

    def __init__(self, mask: Tensor, draws: Draws | None = None) -> None:
        self.mask = mask
        self.draws = draws
        self.positions = torch.arange(mask.shape[1], device=mask.device)  # (seq)
        self.attended = None if bool(mask.all()) else mask[:, None, None, :]
        self._blocks: Blocks | None = None

    def blocks(self, n_heads: int) -> Blocks:
        """Rows of the batch, as many as fit a block: their padding asks, too, but nobody attends to it."""
        if self._blocks is None:
            batch, seq = self.mask.shape
            places = torch.arange(batch * seq, device=self.mask.device).view(batch, seq)
            asking = torch.ones_like(self.mask)
            self._blocks = Blocks(places, self.mask, asking, lengths=[seq] * batch, n_heads=n_heads)
        return self._blocks

    def pack(self, values: Tensor) -> Tensor:
        """Leave values as they are."""
        return values

    def unpack(self, values: Tensor) -> Tensor:
        """Leave values as they are."""
        return values


class Unpadded:
    """The layers see (pieces, ...)."""

    def __init__(self, mask: Tensor, draws: Draws | None = None) -> None:
        self.mask = mask
        self.places = mask.flatten().nonzero()[:, 0]  # (pieces)
        self.positions = self.places % mask.shape[1]  # (pieces)
        self.attended: Tensor | None = None
        self.draws = None if draws is None else draws._replace(identities=self.pack(draws.identities))
        self._blocks: Blocks | None = None

    def blocks(self, n_heads: int) -> Blocks:
        """Texts of nearly one length; the little padding between them is masked."""
        if self._blocks is None:
            places = (self.mask.flatten().cumsum(0) - 1).view(self.mask.shape)  # (batch, seq)
            lengths = self.mask.sum(dim=1).tolist()
            self._blocks = Blocks(places, self.mask, self.mask, lengths=lengths, n_heads=n_heads)
        return self._blocks

    def pack(self, values: Tensor) -> Tensor:
        """Leave out the padding: (batch, seq, ...) to (pieces, ...)."""
        return values.flatten(0, 1)[self.places]

    def unpack(self, values: Tensor) -> Tensor:
        """Put zeros for the padding: (pieces, ...) to (batch, seq, ...)."""
        batch, seq = self.mask.shape
        zeros = values.new_zeros(batch * seq, *values.shape[1:])
        return zeros.index_copy(0, self.places, values).view(batch, seq, *values.shape[1:])


class Block(NamedTuple):
    """Texts that attention takes at a time."""

    vectors: slice  # among all blocks' vectors
    shape: tuple[int, int, int]  # rows, heads, seq
    bias: Tensor | None  # (rows, 1, 1, seq): minus infinity where a text has ended


class Blocks:
    """Which texts attention takes at a time, and where it finds their pieces.

    vectors: (all blocks' vectors) among (pieces, heads); stacked: the same three times a block, for queries, keys and
    values, among (pieces, 3, heads); from_vectors and from_stacked: the way back; padding: vectors of no piece.
    """

    def __init__(self, places: Tensor, attended: Tensor, asking: Tensor, *, lengths: Sequence[int], n_heads: int):
        """Plan for texts of `lengths`.

        places: (batch, seq) int64, where a piece is among the layers' (anything if it is none of them); attended and
        asking: (batch, seq) bool, whether it is seen by others and whether it is one of the layers'.
        """
        self.n_heads = n_heads
        self.blocks: list[Block] = []
        heads = torch.arange(n_heads, device=places.device)[:, None]  # (heads, 1)
        kinds = torch.arange(3, device=places.device)[:, None, None, None]  # (3, 1, 1, 1)
        vectors, stacked, vector_asks, stacked_asks, start = [], [], [], [], 0
        for group in _groups(lengths, _CELLS if places.device.type == "cpu" else _CELLS_ELSEWHERE, n_heads):
            rows, seq = torch.tensor(group, device=places.device), lengths[group[0]]
            place, asks = places[rows, None, :seq], asking[rows, None, :seq].expand(-1, n_heads, -1)
            vectors.append((place * n_heads + heads).flatten())  # (rows * heads * seq)
            stacked.append(((place * 3 + kinds) * n_heads + heads).flatten())  # (3 * rows * heads * seq)
            vector_asks.append(asks.flatten())
            stacked_asks.append(asks.expand(3, *asks.shape).flatten())
            end = start + len(vectors[-1])
            self.blocks.append(Block(slice(start, end), (len(group), n_heads, seq), _bias(attended[rows, :seq])))
            start = end
        self.vectors, self.stacked = torch.cat(vectors), torch.cat(stacked)
        self.from_vectors = _inverse(self.vectors, torch.cat(vector_asks))
        self.from_stacked = _inverse(self.stacked, torch.cat(stacked_asks))
        self.padding = (~torch.cat(vector_asks)).nonzero()[:, 0]
        self._identities: Tensor | None = None  # of the vectors

    def mask(self, dropout: Dropout, draws: Draws | None) -> Mask:
        """The mask of the weights (vectors, seq), which belong to the piece that asks and the head."""
        assert draws is not None, "dropout in training needs the identities of what it drops from"
        if self._identities is None:
            pieces = draws.identities.flatten()[self.vectors // self.n_heads]
            self._identities = piece_identities(pieces, self.vectors % self.n_heads)
        longest = max(block.shape[-1] for block in self.blocks)
        return dropout.mask(draws._replace(identities=self._identities), longest)


def is_right_padded(mask: Tensor) -> bool:
    """Whether every text's real pieces come first and it has some, as `Unpadded` needs; mask: (batch, seq) bool."""
    return bool((mask[:, 1:] <= mask[:, :-1]).all()) and bool(mask[:, 0].all())


def _groups(lengths: Sequence[int], n_cells: int, n_heads: int) -> list[list[int]]:
    """Numbers of texts by falling length, cut where they differ too much or become too many for a block."""
    groups: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        group = groups[-1] if groups else []
        longest = lengths[group[0]] if group else 0
        fits = (len(group) + 1) * n_heads * longest**2 <= n_cells and lengths[row] >= _TIGHTNESS * longest
        if group and fits:
            group.append(row)
        else:
            groups.append([row])
    return groups


def _bias(attended: Tensor) -> Tensor | None:
    if bool(attended.all()):
        return None
    return torch.zeros_like(attended, dtype=torch.float32).masked_fill_(~attended, -torch.inf)[:, None, None, :]


def _inverse(order: Tensor, asks: Tensor) -> Tensor:
    """Where in `order` each number that asks is found."""
    found = asks.nonzero()[:, 0]
    inverse = torch.empty_like(found)
    inverse[order[found]] = found
    return inverse
