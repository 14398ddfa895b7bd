"""Dropout whose draws belong to a text, not to its place in a batch.

A mask is a pure function of (seed, step, the text's key, the position in it, the place in the network, the channel):
counters are hashed (as in Salmon et al. 2011, here by multiplying and shifting as splitmix64 does, Steele et al.
2014), and no generator has a state. So the same text is masked alike in any batch, with or without padding, in any
process and, all arithmetic being on integers, on any device.

Shapes: batch, seq, hidden; `rows` are the vectors to mask, whatever their layout; a word of 64 bits holds 4 draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

_LEVELS = 1 << 16  # a draw is one of so many whole numbers
_DRAWS_PER_WORD = 4
_WORDS = 1 << 64
_GOLDEN, _FIRST, _SECOND = -0x61C8864680B583EB, -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15  # of splitmix64, as int64


class Draws(NamedTuple):
    """What a forward's masks depend on, beside the place in the network and the channel."""

    seed: int
    step: int
    identities: Tensor  # (rows...) int64: of text and position


class Noise:
    """The source of one model's dropout masks: seat it on the batch's texts before each training forward."""

    def __init__(self) -> None:
        self._n_sites = 0
        self._seed = 0
        self._step = 0
        self._keys: Tensor | None = None

    def new_site(self) -> int:
        """Number a place in the network that draws its own masks."""
        self._n_sites += 1
        return self._n_sites

    def seat(self, seed: int, step: int, keys: Sequence[int] | NDArray[np.int64]) -> None:
        """Say what the next forward is about: `keys` holds an int64 for each text, unique within the step."""
        keys = np.asarray(keys, dtype=np.int64)
        assert len(np.unique(keys)) == len(keys), "two texts of one step must not share their noise"
        self._seed, self._step, self._keys = seed, step, torch.from_numpy(keys.copy())

    def identities(self, shape: Sequence[int], device: torch.device) -> Tensor:
        """Who the pieces of the seated texts are: (batch, seq) int64 for that shape."""
        assert self._keys is not None, "noise.seat must be called before a forward in training with dropout"
        assert len(self._keys) == shape[0], f"the noise is seated for {len(self._keys)} texts, got {shape[0]}"
        return piece_identities(self._keys.to(device)[:, None], torch.arange(shape[1], device=device))

    def draws(self, identities: Tensor) -> Draws:
        """The masks of this step for rows that are so identified: (rows...) int64."""
        assert self._keys is not None, "noise.seat must be called before a forward in training with dropout"
        return Draws(self._seed, self._step, identities)


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

    def forward(self, values: Tensor, draws: Draws | None, *, onto: Tensor | None = None) -> Tensor:
        """Drop from values (rows..., channels), as `draws` for (rows...) has it, and add what is left `onto` others."""
        if not self.is_active:
            return values if onto is None else onto + values
        assert draws is not None, "dropout in training needs the identities of what it drops from"
        assert draws.identities.shape == values.shape[:-1], "one identity for each vector"
        mask = self.mask(draws, values.shape[-1])
        return _Drop.apply(values, onto, mask)  # type: ignore[no-any-return, no-untyped-call]

    def mask(self, draws: Draws, n_channels: int) -> Mask:
        """Which of (rows, channels) to keep at this place in the network."""
        key = hashed(hashed(hashed(draws.seed) + draws.step) + self.site)
        return Mask(draws.identities.flatten(), key, n_channels=n_channels, threshold=round(self.prob * _LEVELS))

    def extra_repr(self) -> str:
        """What `print(model)` shows."""
        return f"prob={self.prob}, site={self.site}"


class Mask:
    """Which values of some rows to keep, drawn whenever it is asked for; what is kept is to be scaled by `scale`."""

    def __init__(self, identities: Tensor, key: int, *, n_channels: int, threshold: int) -> None:
        self.threshold = threshold
        self.scale = _LEVELS / (_LEVELS - threshold)
        self.start = _halved((identities + key)[:, None] * _FIRST)  # (rows, 1)
        self.factor = self.start * _SECOND | 1  # (rows, 1)
        self.channels = torch.arange(1, 1 - -n_channels // _DRAWS_PER_WORD, device=identities.device) * _GOLDEN

    def kept(self, n_channels: int, dtype: torch.dtype, rows: slice = slice(None)) -> Tensor:
        """Draw for some rows and the first channels: (rows, channels), 1 where kept and 0 where not."""
        words = self.start[rows] ^ self.channels[: -(-n_channels // _DRAWS_PER_WORD)]  # (rows, words)
        words *= self.factor[rows]  # an odd factor for each row (multiply-shift, Dietzfelbinger et al. 1997)
        words = _halved(words).mul_(_SECOND)
        return words.view(torch.int16).ge_(self.threshold - _LEVELS // 2)[:, :n_channels].to(dtype)


class _Drop(torch.autograd.Function):
    """Multiplication by a mask of which a byte a value is kept for the gradient, in one pass with adding to others."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, onto: Tensor | None, mask: Mask) -> Tensor:
        kept = mask.kept(values.shape[-1], torch.uint8).view(values.shape)
        ctx.save_for_backward(kept)
        ctx.scale, ctx.dtype = mask.scale, values.dtype
        onto = values.new_zeros(()) if onto is None else onto
        dtype = torch.promote_types(values.dtype, onto.dtype)
        return torch.addcmul(onto, values.to(dtype), kept.to(dtype), value=mask.scale)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, None]:
        (kept,) = ctx.saved_tensors
        to_values = kept.to(ctx.dtype).mul_(gradient.to(ctx.dtype)).mul_(ctx.scale)
        return to_values, gradient if ctx.needs_input_grad[1] else None, None


def piece_identities(keys: Tensor, positions: Tensor) -> Tensor:
    """Who a vector is: an int64 for a text's key and a position in it, of int64 tensors that broadcast.

    A text's pooled vector takes the identity of its position 0.
    """
    return _mixed(_mixed(keys) + positions)


def hashed(number: int) -> int:
    """The int64 that a whole number is mixed to, by splitmix64's output function."""
    word = (number + _GOLDEN) % _WORDS
    for n_bits, factor in ((30, _FIRST), (27, _SECOND), (31, 1)):
        word = (word ^ (word >> n_bits)) * factor % _WORDS
    return word - _WORDS * (word >= _WORDS // 2)


def _mixed(words: Tensor) -> Tensor:
    """`hashed` for int64 tensors, which wrap around."""
    words = words + _GOLDEN
    for n_bits, factor in ((30, _FIRST), (27, _SECOND), (31, 1)):
        shifted = (words >> n_bits) & ((1 << 64 - n_bits) - 1)  # zeros come in
        words = (words ^ shifted) * factor
    return words


def _halved(words: Tensor) -> Tensor:
    """Let each word's high half into its low one, in place."""
    halves = words.view(torch.int32)
    halves[..., ::2].bitwise_xor_(halves[..., 1::2])
    return words
