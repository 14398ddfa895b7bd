"""The encoder of BERT (Devlin et al. 2019): embeddings, then blocks of self-attention and feed-forward.

Post-norm, exact GELU, learnt positions, one segment.

Shapes: batch, seq, hidden, heads, head_width; `...` is what the layout makes of (batch, seq).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from tandem.errors import TandemError
from tandem.model.attention import SelfAttention
from tandem.model.dropout import Draws, Dropout, Noise
from tandem.model.layouts import Layout, Padded, Unpadded, is_right_padded


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """Sizes and constants of an encoder, as its checkpoint states them."""

    vocabulary_size: int
    hidden_width: int
    n_layers: int
    n_heads: int
    feed_forward_width: int
    max_positions: int
    n_segments: int
    norm_eps: float
    pad_id: int


class Encoder(nn.Module):
    """Word pieces in, one vector a piece out."""

    def __init__(self, config: EncoderConfig, *, dropout: float = 0.0, noise: Noise | None = None) -> None:
        super().__init__()
        self.config = config
        self.skips_padding = False
        self.checkpoints_layers = False
        self.noise = noise = noise or Noise()
        self.embeddings = Embeddings(
            vocabulary_size=config.vocabulary_size,
            max_positions=config.max_positions,
            n_segments=config.n_segments,
            width=config.hidden_width,
            norm_eps=config.norm_eps,
            dropout=Dropout(dropout, noise=noise),
        )
        self.layers = nn.ModuleList(
            Layer(
                attention=SelfAttention(
                    width=config.hidden_width, n_heads=config.n_heads, dropout=Dropout(dropout, noise=noise)
                ),
                feed_forward=FeedForward(width=config.hidden_width, inner_width=config.feed_forward_width),
                width=config.hidden_width,
                norm_eps=config.norm_eps,
                dropouts=(Dropout(dropout, noise=noise), Dropout(dropout, noise=noise)),
            )
            for _ in range(config.n_layers)
        )

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Encode pieces.

        ids: (batch, seq) int64; mask: (batch, seq) bool, true where real; returns (batch, seq, hidden).
        Raises `TandemError` for more pieces than the encoder has positions.
        """
        layout = self._layout(mask)
        hidden: Tensor = self.embeddings(layout.pack(ids), layout.positions, layout.draws)
        for layer in self.layers:
            if self.checkpoints_layers and torch.is_grad_enabled():
                # computed anew for the gradient (Chen et al. 2016); the masks are drawn alike without torch's state
                hidden = checkpoint(layer, hidden, layout, use_reentrant=False, preserve_rng_state=False)
            else:
                hidden = layer(hidden, layout)
        return layout.unpack(hidden)

    def fuse_attention(self, is_fused: bool) -> None:
        """Choose between the fused attention (as it begins) and the same one step by step."""
        for layer in self.layers:
            layer.attention.is_fused = is_fused  # type: ignore[union-attr]

    def layer_outputs(self, ids: Tensor, mask: Tensor) -> list[Tensor]:
        """As `forward`, but return what the embeddings and every layer give: 1 + n_layers of (batch, seq, hidden)."""
        layout = self._layout(mask)
        outputs = [self.embeddings(layout.pack(ids), layout.positions, layout.draws)]
        for layer in self.layers:
            outputs.append(layer(outputs[-1], layout))
        return [layout.unpack(hidden) for hidden in outputs]

    def _layout(self, mask: Tensor) -> Layout:
        """Skip padding if that is asked for and possible; take the noise's seat, which may change before backward."""
        limit = self.config.max_positions
        if mask.shape[1] > limit:
            raise TandemError(
                f"a text of {mask.shape[1]} word pieces does not fit the encoder, which has {limit} positions: "
                f"set tokenize_align.max_length to at most {limit}"
            )
        draws = None
        if self.embeddings.dropout.is_active:
            draws = self.noise.draws(self.noise.identities(mask.shape, mask.device))
        return (Unpadded if self.skips_padding and is_right_padded(mask) else Padded)(mask, draws)


class Embeddings(nn.Module):
    """Sum of a piece's, its position's and the first segment's vector, normalised."""

    def __init__(
        self,
        *,
        vocabulary_size: int,
        max_positions: int,
        n_segments: int,
        width: int,
        norm_eps: float,
        dropout: Dropout,
    ) -> None:
        super().__init__()
        self.pieces = nn.Embedding(vocabulary_size, width)
        self.positions = nn.Embedding(max_positions, width)
        self.segments = nn.Embedding(n_segments, width)
        self.norm = nn.LayerNorm(width, eps=norm_eps)
        self.dropout = dropout

    def forward(self, ids: Tensor, positions: Tensor, draws: Draws | None = None) -> Tensor:
        """Embed `ids` (...) at `positions`, which broadcast to them; returns (..., hidden)."""
        summed = self.pieces(ids) + self.segments.weight[0] + self.positions(positions)  # (..., hidden)
        return self.dropout(self.norm(summed), draws)  # type: ignore[no-any-return]


class Layer(nn.Module):
    """One block: attention, then feed-forward, each added to its input and normalised."""

    def __init__(
        self,
        *,
        attention: SelfAttention,
        feed_forward: FeedForward,
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
        mixed = self.attention_dropout(self.attention(hidden, layout), layout.draws)
        hidden = self.attention_norm(hidden + mixed)
        transformed = self.feed_forward_dropout(self.feed_forward(hidden), layout.draws)
        return self.feed_forward_norm(hidden + transformed)  # type: ignore[no-any-return]


class FeedForward(nn.Module):
    """Two linear layers with an exact GELU between."""

    def __init__(self, *, width: int, inner_width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, inner_width)
        self.outer = nn.Linear(inner_width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        """Transform each vector of (..., hidden) by itself."""
        inner = self.inner(hidden)  # (..., inner)
        if not torch.is_grad_enabled():
            return self.outer(torch.ops.aten.gelu_(inner))  # type: ignore[no-any-return]  # nobody else sees `inner`
        weight, bias = self.outer.weight.to(inner.dtype), self.outer.bias.to(inner.dtype)
        return _GeluLinear.apply(inner, weight, bias)  # type: ignore[no-any-return, no-untyped-call]


class _GeluLinear(torch.autograd.Function):
    """GELU, then a linear layer; the GELU's output, the widest of all, is computed once more rather than kept."""

    @staticmethod
    def forward(ctx: Any, inner: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(inner, weight)
        return functional.linear(functional.gelu(inner), weight, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        inner, weight = ctx.saved_tensors
        needs_inner, needs_weight, needs_bias = ctx.needs_input_grad
        rows = gradient.flatten(0, -2)  # (rows, hidden)
        to_weight = rows.t() @ functional.gelu(inner).flatten(0, -2) if needs_weight else None
        to_inner = torch.ops.aten.gelu_backward(gradient @ weight, inner) if needs_inner else None
        return to_inner, to_weight, rows.sum(dim=0) if needs_bias else None
