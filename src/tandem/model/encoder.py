"""The encoder of BERT (Devlin et al. 2019): embeddings, then blocks of self-attention and feed-forward.

Post-norm, exact GELU, learnt positions, one segment; the config may ask for parts of `classic` in their place.

Shapes: batch, seq, hidden, heads, head_width; `...` is what the layout makes of (batch, seq).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from tandem.errors import TandemError
from tandem.model.attention import SelfAttention
from tandem.model.classic import PreNormLayer, ReluFeedForward, SinusoidalEmbeddings
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
    family: str | None = "bert"  # whose names its weights have outside; None where no family is like it
    embedding_width: int | None = None  # where it is not the hidden one
    position_offset: int = 0  # the row of a text's first position
    activation: Literal["gelu", "relu"] = "gelu"
    norm: Literal["post", "pre"] = "post"
    positions: Literal["learnt", "sinusoidal"] = "learnt"


class Encoder(nn.Module):
    """Word pieces in, one vector a piece out."""

    def __init__(self, config: EncoderConfig, *, dropout: float = 0.0, noise: Noise | None = None) -> None:
        super().__init__()
        self.config = config
        self.skips_padding = False
        self.checkpoints_layers = False
        self.noise = noise = noise or Noise()
        self.embeddings = _embeddings(config, Dropout(dropout, noise=noise))
        layer_type = {"post": Layer, "pre": PreNormLayer}[config.norm]
        feed_forward_type = {"gelu": FeedForward, "relu": ReluFeedForward}[config.activation]
        self.layers = nn.ModuleList(
            layer_type(
                attention=SelfAttention(
                    width=config.hidden_width, n_heads=config.n_heads, dropout=Dropout(dropout, noise=noise)
                ),
                feed_forward=feed_forward_type(width=config.hidden_width, inner_width=config.feed_forward_width),
                width=config.hidden_width,
                norm_eps=config.norm_eps,
                dropouts=(Dropout(dropout, noise=noise), Dropout(dropout, noise=noise)),
            )
            for _ in range(config.n_layers)
        )
        is_pre_norm = config.norm == "pre"  # whose last layer leaves its sum as it is
        self.final_norm = nn.LayerNorm(config.hidden_width, eps=config.norm_eps) if is_pre_norm else nn.Identity()

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
        return layout.unpack(self.final_norm(hidden))

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
        outputs[-1] = self.final_norm(outputs[-1])
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
    """Sum of a piece's, its position's and the first segment's vector, normalised (and projected to another width)."""

    def __init__(
        self,
        *,
        vocabulary_size: int,
        n_positions: int,
        n_segments: int,
        width: int,
        norm_eps: float,
        dropout: Dropout,
        position_offset: int = 0,
        projected_width: int | None = None,
    ) -> None:
        super().__init__()
        self.pieces = nn.Embedding(vocabulary_size, width)
        self.positions = nn.Embedding(n_positions, width)
        self.segments = nn.Embedding(n_segments, width) if n_segments else None
        self.norm = nn.LayerNorm(width, eps=norm_eps)
        self.dropout = dropout
        self.projection = nn.Linear(width, projected_width) if projected_width else nn.Identity()
        self.position_offset = position_offset

    def forward(self, ids: Tensor, positions: Tensor, draws: Draws | None = None) -> Tensor:
        """Embed `ids` (...) at `positions`, which broadcast to them; returns (..., hidden)."""
        summed = self.pieces(ids)  # (..., hidden)
        if self.segments is not None:
            summed = summed + self.segments.weight[0]
        summed = summed + self.positions(positions + self.position_offset)
        return self.projection(self.dropout(self.norm(summed), draws))  # type: ignore[no-any-return]


def _embeddings(config: EncoderConfig, dropout: Dropout) -> Embeddings | SinusoidalEmbeddings:
    if config.positions == "sinusoidal":
        width = config.hidden_width
        return SinusoidalEmbeddings(vocabulary_size=config.vocabulary_size, width=width, dropout=dropout)
    return Embeddings(
        vocabulary_size=config.vocabulary_size,
        n_positions=config.max_positions + config.position_offset,
        n_segments=config.n_segments,
        width=config.embedding_width or config.hidden_width,
        norm_eps=config.norm_eps,
        dropout=dropout,
        position_offset=config.position_offset,
        projected_width=config.hidden_width if config.embedding_width else None,
    )


class Layer(nn.Module):
    """One block: attention, then feed-forward, each added to its input and normalised."""

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
        mixed = self.attention(hidden, layout)
        hidden = self.attention_norm(self.attention_dropout(mixed, layout.draws, onto=hidden))
        transformed = self.feed_forward(hidden)
        return self.feed_forward_norm(  # type: ignore[no-any-return]
            self.feed_forward_dropout(transformed, layout.draws, onto=hidden)
        )


class FeedForward(nn.Module):
    """Two linear layers with an exact GELU between."""

    def __init__(self, *, width: int, inner_width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, inner_width)
        self.outer = nn.Linear(inner_width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        """Transform each vector of (..., hidden) by itself."""
        inner = self.inner(hidden)  # (..., inner)
        activate = functional.gelu if torch.is_grad_enabled() else torch.ops.aten.gelu_  # nobody else sees `inner`
        return self.outer(activate(inner))  # type: ignore[no-any-return]
