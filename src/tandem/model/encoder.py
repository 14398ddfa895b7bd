"""The encoder of BERT (Devlin et al. 2019): embeddings, then blocks of self-attention and feed-forward.

Post-norm, exact GELU, learnt positions, one segment. Attention runs fused unless its own dropout is active.

Shapes: batch, seq, hidden, heads, head_width; `...` is what the layout makes of (batch, seq).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from tandem.errors import TandemError
from tandem.model.dropout import Dropout, Noise
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
        noise = noise or Noise()
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
        hidden: Tensor = self.embeddings(layout.pack(ids), layout.positions)
        for layer in self.layers:
            hidden = layer(hidden, layout)
        return layout.unpack(hidden)

    def fuse_attention(self, is_fused: bool) -> None:
        """Choose between the fused attention (as it begins) and the same one step by step."""
        for layer in self.layers:
            layer.attention.is_fused = is_fused  # type: ignore[union-attr]

    def layer_outputs(self, ids: Tensor, mask: Tensor) -> list[Tensor]:
        """As `forward`, but return what the embeddings and every layer give: 1 + n_layers of (batch, seq, hidden)."""
        layout = self._layout(mask)
        outputs = [self.embeddings(layout.pack(ids), layout.positions)]
        for layer in self.layers:
            outputs.append(layer(outputs[-1], layout))
        return [layout.unpack(hidden) for hidden in outputs]

    def _layout(self, mask: Tensor) -> Layout:
        """Skip padding if that is asked for and possible: masks of dropout are drawn for padded batches."""
        limit = self.config.max_positions
        if mask.shape[1] > limit:
            raise TandemError(
                f"a text of {mask.shape[1]} word pieces does not fit the encoder, which has {limit} positions: "
                f"set tokenize_align.max_length to at most {limit}"
            )
        if self.skips_padding and not self.embeddings.dropout.is_active and is_right_padded(mask):
            return Unpadded(mask)
        return Padded(mask)


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

    def forward(self, ids: Tensor, positions: Tensor) -> Tensor:
        """Embed `ids` (...) at `positions`, which broadcast to them; returns (..., hidden)."""
        summed = self.pieces(ids) + self.segments.weight[0] + self.positions(positions)  # (..., hidden)
        return self.dropout(self.norm(summed))  # type: ignore[no-any-return]


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
        hidden = self.attention_norm(hidden + self.attention_dropout(self.attention(hidden, layout)))
        return self.feed_forward_norm(hidden + self.feed_forward_dropout(self.feed_forward(hidden)))  # type: ignore[no-any-return]


class SelfAttention(nn.Module):
    """Multi-head scaled dot-product attention of a text to itself (Vaswani et al. 2017)."""

    def __init__(self, *, width: int, n_heads: int, dropout: Dropout) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.dropout = dropout
        self.is_fused = True

    def forward(self, hidden: Tensor, layout: Layout) -> Tensor:
        """Let the pieces of each text see each other: (..., hidden) in and out."""
        stacked = self.query_key_value(hidden).unflatten(-1, (3, self.n_heads, -1))  # (..., 3, heads, head_width)
        mixed = [self._mix(block, layout.attended) for block in layout.blocks(stacked)]
        return self.output(layout.join(mixed))  # type: ignore[no-any-return]

    def _mix(self, block: Tensor, attended: Tensor | None) -> Tensor:
        """Mix values of a block: (batch, seq, 3, heads, head_width) in, (batch, seq, hidden) out."""
        query, key, value = block.permute(2, 0, 3, 1, 4)  # 3 of (batch, heads, seq, head_width)
        if self.is_fused and not self.dropout.is_active:
            mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=attended)
        else:
            mixed = self._attend(query, key, value, attended)
        return mixed.transpose(1, 2).flatten(2)  # (batch, seq, hidden)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, attended: Tensor | None) -> Tensor:
        """Attend step by step, with dropout: three of (batch, heads, seq, head_width) in, one out."""
        scores = query @ key.transpose(2, 3) * query.shape[-1] ** -0.5  # (batch, heads, seq, seq)
        if attended is not None:
            scores = scores.masked_fill(~attended, -torch.inf)
        return self.dropout(scores.softmax(dim=-1)) @ value  # type: ignore[no-any-return]  # (batch, heads, seq, head_width)


class FeedForward(nn.Module):
    """Two linear layers with an exact GELU between."""

    def __init__(self, *, width: int, inner_width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, inner_width)
        self.outer = nn.Linear(inner_width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        """Transform each vector of (..., hidden) by itself."""
        return self.outer(functional.gelu(self.inner(hidden)))  # type: ignore[no-any-return]
