"""The reference model: transformers' `BertModel` with the heads that Tandem's has; rows to batches. No Tandem here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from transformers import BertModel
from transformers.utils import logging

IGNORED = -100
DROPOUT = 0.1

Row = dict[str, Any]  # `input_ids`, and `text_label` or `piece_labels`


class Reference(nn.Module):
    """Dropout and a linear layer on the mean of a text's pieces, and on each piece."""

    def __init__(self, pretrained: Path, *, n_labels: int, n_tags: int) -> None:
        super().__init__()
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        self.encoder = BertModel.from_pretrained(
            pretrained,
            add_pooling_layer=False,
            hidden_dropout_prob=DROPOUT,
            attention_probs_dropout_prob=DROPOUT,
            dtype=torch.float32,
        )
        width = self.encoder.config.hidden_size
        self.text_head = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(width, n_labels))
        self.piece_head = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(width, n_tags))

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        text_labels: Tensor | None = None,
        piece_labels: Tensor | None = None,
    ) -> dict[str, Tensor]:
        hidden = self.encoder(input_ids, attention_mask=attention_mask).last_hidden_state
        return {"loss": self.loss(hidden, attention_mask, text_labels, piece_labels)}

    def loss(
        self, hidden: Tensor, attention_mask: Tensor, text_labels: Tensor | None, piece_labels: Tensor | None
    ) -> Tensor:
        """The sum of the heads' mean losses, of those that have labels in the batch."""
        losses = []
        if text_labels is not None:
            real = attention_mask[:, :, None]
            pooled = (hidden * real).sum(dim=1) / real.sum(dim=1)
            losses.append(_mean_loss(self.text_head(pooled), text_labels))
        if piece_labels is not None:
            losses.append(_mean_loss(self.piece_head(hidden).flatten(0, 1), piece_labels.flatten()))
        return torch.stack(losses).sum()


def _mean_loss(logits: Tensor, labels: Tensor) -> Tensor:
    total = functional.cross_entropy(logits.float(), labels, ignore_index=IGNORED, reduction="sum")
    return total / (labels != IGNORED).sum().clamp(min=1)


def as_tensors(rows: Sequence[Row]) -> list[Row]:
    """Rows as a loader hands them out fastest."""
    return [{name: torch.tensor(value) for name, value in row.items()} for row in rows]


def collate(rows: Sequence[Row], *, length: int | None = None) -> dict[str, Tensor]:
    """Pad rows of tensors to the longest, or to `length`; labels of a task that no row has are left out."""
    ids = _padded([row["input_ids"] for row in rows], length, fill=0)
    lengths = torch.tensor([len(row["input_ids"]) for row in rows])
    batch = {"input_ids": ids, "attention_mask": (torch.arange(ids.shape[1]) < lengths[:, None]).long()}
    if any("text_label" in row for row in rows):
        batch["text_labels"] = torch.tensor([int(row.get("text_label", IGNORED)) for row in rows])
    if any("piece_labels" in row for row in rows):
        none = torch.empty(0, dtype=torch.long)
        batch["piece_labels"] = _padded([row.get("piece_labels", none) for row in rows], ids.shape[1], fill=IGNORED)
    return batch


def _padded(columns: Sequence[Tensor], length: int | None, *, fill: int) -> Tensor:
    padded = pad_sequence(list(columns), batch_first=True, padding_value=fill)
    return padded if length is None else functional.pad(padded, (0, length - padded.shape[1]), value=fill)
