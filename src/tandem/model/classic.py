"""What may stand in for BERT's parts: those of the classic Transformer (Vaswani et al. 2017), and pre-norm.

Each part is called like the one whose place it takes. The classic encoder is post-norm, sinusoidal and ReLU.

Shapes: batch, seq, hidden; `...` is what the layout makes of (batch, seq).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tandem.model.attention import SelfAttention
from tandem.model.dropout import Draws, Dropout
from tandem.model.layouts import Layout

_LONGEST_WAVE = 10_000


class SinusoidalEmbeddings(nn.Module):
    """Sum of a piece's vector, scaled by the root of the width, and its position's waves (Vaswani et al. 2017, 3.5)."""

    def __init__(self, *, vocabulary_size: int, width: int, dropout: Dropout) -> None:
        super().__init__()
        self.pieces = nn.Embedding(vocabulary_size, width)
        self.dropout = dropout

    def forward(self, ids: Tensor, positions: Tensor, draws: Draws | None = None) -> Tensor:
        """Embed `ids` (...) at `positions`, which broadcast to them; returns (..., hidden)."""
        vectors = self.pieces(ids)  # (..., hidden)
        width = vectors.shape[-1]
        return self.dropout(vectors * math.sqrt(width) + waves(positions, width, vectors.dtype), draws)  # type: ignore[no-any-return]


def waves(positions: Tensor, width: int, dtype: torch.dtype) -> Tensor:
    """Sines at even and cosines at odd channels, of wavelengths from 2 pi to 20,000 pi: (...) in, (..., hidden) out."""
    channels = torch.arange(0, width, 2, device=positions.device, dtype=torch.float64)
    angles = positions[..., None] * torch.exp(channels * (-math.log(_LONGEST_WAVE) / width))  # (..., hidden / 2)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2).to(dtype)  # (..., hidden)


class PreNormLayer(nn.Module):
    """One block: attention, then feed-forward, each of its normalised input and added to it (Xiong et al. 2020)."""

    def __init__(
        self,
        *,
        attention: SelfAttention,
        feed_forward: nn.Module,
        width: int,
        norm_eps: float,
        dropouts: tuple[Dropout, Dropout],
    ) -> None:
        super().__init__()
        self.attention = attention
        self.attention_dropout = dropouts[0]
        self.attention_norm = nn.LayerNorm(width, eps=norm_eps)
        self.feed_forward = feed_forward
        self.feed_forward_dropout = dropouts[1]
        self.feed_forward_norm = nn.LayerNorm(width, eps=norm_eps)

    def forward(self, hidden: Tensor, layout: Layout) -> Tensor:
        """Transform (..., hidden), as `layout` has laid it out."""
        mixed = self.attention(self.attention_norm(hidden), layout)
        hidden = self.attention_dropout(mixed, layout.draws, onto=hidden)
        transformed = self.feed_forward(self.feed_forward_norm(hidden))
        return self.feed_forward_dropout(transformed, layout.draws, onto=hidden)  # type: ignore[no-any-return]


class ReluFeedForward(nn.Module):
    """Two linear layers with a ReLU between."""

    def __init__(self, *, width: int, inner_width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, inner_width)
        self.outer = nn.Linear(inner_width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        """Transform each vector of (..., hidden) by itself."""
        return self.outer(self.inner(hidden).relu_())  # type: ignore[no-any-return]
