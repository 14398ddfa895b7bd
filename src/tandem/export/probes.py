"""Random texts of all lengths, to compare an exported model with ours on."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from tandem.model.encoder import EncoderConfig


def probes(config: EncoderConfig, *, n_lengths: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Three texts at a time, of which one is as long as said: ids and mask, each (batch, seq), padded at the right.

    The lengths grow from one piece to as many as the encoder has positions.
    """
    generator = torch.Generator().manual_seed(0)
    for length in sorted({round(config.max_positions ** (step / (n_lengths - 1))) for step in range(n_lengths)}):
        lengths = torch.tensor([length // 2 + 1, length, 1])
        mask = torch.arange(length)[None] < lengths[:, None]  # (batch, seq)
        ids = torch.randint(config.vocabulary_size - 1, mask.shape, generator=generator)
        ids += (ids >= config.pad_id).long()  # any piece but padding
        yield ids.masked_fill(~mask, config.pad_id), mask
