"""Multi-head attention of texts to themselves, and its gradient block by block.

A block's weights fit a CPU's cache. Those of long texts are computed once more for the gradient (as in
FlashAttention, Dao et al. 2022), and so are their masks of dropout; those of short ones, which are small, are kept.

Shapes: batch, seq, hidden, heads, head_width; `...` is what the layout makes of (batch, seq); pieces are all of `...`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from tandem.model.dropout import Dropout, Mask
from tandem.model.layouts import Block, Blocks, Layout, Unpadded

_KEPT_LENGTH = 2  # a text's weights are kept for the gradient up to so many head widths of pieces


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
        if isinstance(layout, Unpadded) or self.dropout.is_active:
            blocks = layout.blocks(self.n_heads)
            mask = blocks.mask(self.dropout, layout.draws) if self.dropout.is_active else None
            mixed = attend(stacked.view(-1, *stacked.shape[-3:]), blocks, mask).view(hidden.shape)
        else:
            mixed = self._attend_whole(stacked, layout.attended)
        return self.output(mixed)  # type: ignore[no-any-return]

    def _attend_whole(self, stacked: Tensor, attended: Tensor | None) -> Tensor:
        """Attend as the reference does: (batch, seq, 3, heads, head_width) in, (batch, seq, hidden) out."""
        if stacked.device.type == "cpu" and stacked.dtype in (torch.bfloat16, torch.float16):
            return self._attend_whole(stacked.float(), attended).to(stacked.dtype)  # in half, its gradient is slow
        query, key, value = stacked.permute(2, 0, 3, 1, 4)  # 3 of (batch, heads, seq, head_width)
        if self.is_fused:
            mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=attended)
        else:
            scores = query @ key.transpose(2, 3) * query.shape[-1] ** -0.5  # (batch, heads, seq, seq)
            if attended is not None:
                scores = scores.masked_fill(~attended, -torch.inf)
            mixed = scores.softmax(dim=-1) @ value  # (batch, heads, seq, head_width)
        return mixed.transpose(1, 2).flatten(2)  # (batch, seq, hidden)


def attend(stacked: Tensor, blocks: Blocks, mask: Mask | None) -> Tensor:
    """Scaled dot-product attention (Vaswani et al. 2017) of each text to itself.

    stacked: (pieces, 3, heads, head_width), queries, keys and values; mask: dropout of the weights, if any;
    returns (pieces, hidden).
    """
    return _Attend.apply(stacked, blocks, mask)  # type: ignore[no-any-return, no-untyped-call]


class _Weights(NamedTuple):
    """How much of each piece each takes: both (rows * heads, seq, seq), at least in float32."""

    whole: Tensor
    dropped: Tensor  # what dropout left of it


class _Attend(torch.autograd.Function):
    """Keeps queries, keys and values, and the weights where they take no more than a few vectors a piece."""

    @staticmethod
    def forward(ctx: Any, stacked: Tensor, blocks: Blocks, mask: Mask | None) -> Tensor:
        gathered = stacked.reshape(-1, stacked.shape[-1]).index_select(0, blocks.stacked)
        ctx.save_for_backward(gathered)
        ctx.blocks, ctx.mask, ctx.weights = blocks, mask, []
        scale = 1.0 if mask is None else mask.scale
        mixed = gathered.new_empty(len(blocks.vectors), gathered.shape[-1], dtype=_exact(gathered))
        with torch.autocast(stacked.device.type, enabled=False):
            for block in blocks.blocks:
                query, key, value = _parts(gathered, block, mixed.dtype)
                weights = _weights(query, key, block, mask)
                taken = mixed[block.vectors].view_as(value)
                taken.baddbmm_(weights.dropped.to(mixed.dtype), value, beta=0, alpha=scale)
                is_kept = block.shape[-1] <= _KEPT_LENGTH * gathered.shape[-1] and ctx.needs_input_grad[0]
                ctx.weights.append(weights if is_kept else None)
        return mixed.index_select(0, blocks.from_vectors).to(stacked.dtype).view(len(stacked), -1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (gathered,) = ctx.saved_tensors
        blocks, mask, width = ctx.blocks, ctx.mask, gathered.shape[-1]
        dtype, scale = _exact(gathered), 1.0 if mask is None else mask.scale
        incoming = gradient.reshape(-1, width).index_select(0, blocks.vectors).to(dtype)
        incoming.index_fill_(0, blocks.padding, 0)
        outgoing = torch.empty_like(gathered, dtype=dtype)
        with torch.autocast(gradient.device.type, enabled=False):
            for block, kept in zip(blocks.blocks, ctx.weights, strict=True):
                query, key, value = _parts(gathered, block, dtype)
                for_query, for_key, for_value = _parts(outgoing, block, dtype)
                to_mixed = incoming[block.vectors].view_as(value)
                whole, dropped = kept or _weights(query, key, block, mask)
                for_value.baddbmm_(dropped.to(dtype).transpose(1, 2), to_mixed, beta=0, alpha=scale)
                felt = torch.bmm(to_mixed, value.transpose(1, 2)).to(dropped.dtype).mul_(dropped)
                to_scores = felt.addcmul_(whole, felt.sum(dim=-1, keepdim=True), value=-1).to(dtype)  # of the softmax
                for_query.baddbmm_(to_scores, key, beta=0, alpha=scale * width**-0.5)
                for_key.baddbmm_(to_scores.transpose(1, 2), query, beta=0, alpha=scale * width**-0.5)
        restored = outgoing.index_select(0, blocks.from_stacked).to(gradient.dtype)
        return restored.view(-1, 3, blocks.n_heads, width), None, None


def _exact(values: Tensor) -> torch.dtype:
    """The type to multiply in: a CPU has no fast small products in half precision (each shape is compiled anew)."""
    return torch.promote_types(values.dtype, torch.float32) if values.device.type == "cpu" else values.dtype


def _parts(gathered: Tensor, block: Block, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """A block's queries, keys and values, or their gradients: each (rows * heads, seq, head_width)."""
    rows, heads, seq = block.shape
    part = gathered[3 * block.vectors.start : 3 * block.vectors.stop].to(dtype)
    query, key, value = part.view(3, rows * heads, seq, -1)
    return query, key, value


def _weights(query: Tensor, key: Tensor, block: Block, mask: Mask | None) -> _Weights:
    rows, heads, seq = block.shape
    scores = query.new_empty(rows * heads, seq, seq)
    scores.baddbmm_(query, key.transpose(1, 2), beta=0, alpha=query.shape[-1] ** -0.5)
    if block.bias is not None:
        scores.view(rows, heads, seq, seq).add_(block.bias)
    whole = scores.softmax(dim=-1, dtype=torch.promote_types(scores.dtype, torch.float32))
    if mask is None:
        return _Weights(whole, whole)
    return _Weights(whole, mask.kept(seq, whole.dtype, block.vectors).view_as(whole).mul_(whole))
