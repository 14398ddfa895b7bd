"""One encoder, one pooling, a head for each task.

A text's vector is read off its pieces in one of four ways; `mean` and `max` go over all real pieces, the special
ones included, as sentence-transformers does. A head is dropout, then one linear layer.

Shapes: batch, seq, hidden, labels, tags.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from tandem.errors import TandemError
from tandem.model.dropout import Draws, Dropout, Noise
from tandem.model.encoder import Encoder, EncoderConfig

Pooling = Literal["cls", "mean", "max", "pooler"]

INITIAL_DEVIATION = 0.02  # of new weights, as BERT's own


@dataclass(frozen=True, kw_only=True)
class HeadConfig:
    """What a head gives: one of `n_labels` a text (classification) or a piece (tagging)."""

    kind: Literal["classification", "tagging"]
    n_labels: int


class Head(nn.Module):
    """Scores of one task's labels."""

    def __init__(self, *, width: int, n_labels: int, dropout: Dropout) -> None:
        super().__init__()
        self.dropout = dropout
        self.linear = nn.Linear(width, n_labels)

    def forward(self, vectors: Tensor, draws: Draws | None = None) -> Tensor:
        """Score vectors: (..., hidden) in, (..., labels) out."""
        return self.linear(self.dropout(vectors, draws))  # type: ignore[no-any-return]


class MultiTaskModel(nn.Module):
    """The encoder with its heads; without a head it is the bare encoder."""

    def __init__(
        self,
        config: EncoderConfig,
        heads: Mapping[str, HeadConfig],
        *,
        pooling: Pooling,
        dropout: float,
        encoder_dropout: float,
    ) -> None:
        super().__init__()
        for task in heads:
            _check_name(task)
        self.pooling = pooling
        self.head_configs = dict(heads)
        self.noise = Noise()
        self.encoder = Encoder(config, dropout=encoder_dropout, noise=self.noise)
        self.pooler = nn.Linear(config.hidden_width, config.hidden_width) if pooling == "pooler" else None
        self.has_pretrained_pooler = False
        self.heads = nn.ModuleDict(
            {
                task: Head(
                    width=config.hidden_width,
                    n_labels=head.n_labels,
                    dropout=Dropout(dropout, noise=self.noise),
                )
                for task, head in heads.items()
            }
        )

    def forward(self, ids: Tensor, mask: Tensor, tasks: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Score the labels of `tasks` (None: all) in one pass of the encoder.

        ids: (batch, seq) int64; mask: (batch, seq) bool, true where real; returns for each task
        (batch, labels) if it is a classification, (batch, seq, tags) if it is a tagging.
        """
        tasks = tuple(self.heads) if tasks is None else tasks
        hidden = self.encode(ids, mask)
        is_drawing = any(self._is_drawing(task) for task in tasks)
        identities = self.noise.identities(mask.shape, mask.device) if is_drawing else None  # (batch, seq)
        texts = pieces = (hidden, identities)
        if any(map(self._is_classification, tasks)):
            texts = (self.pool(hidden, mask), None if identities is None else identities[:, 0])
        return {task: self.apply_head(task, *(texts if self._is_classification(task) else pieces)) for task in tasks}

    def encode(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Encode pieces: ids (batch, seq) int64 and mask (batch, seq) bool in, (batch, seq, hidden) out."""
        return self.encoder(ids, mask)  # type: ignore[no-any-return]

    def pool(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Read the texts' vectors off their pieces: (batch, seq, hidden), (batch, seq) bool in, (batch, hidden) out."""
        if self.pooler is not None:
            return torch.tanh(self.pooler(hidden[:, 0]))  # (batch, hidden)
        return pool(hidden, mask, self.pooling)

    def apply_head(self, task: str, vectors: Tensor, identities: Tensor | None = None) -> Tensor:
        """Score vectors of texts or pieces, as the task's kind wants: (..., hidden) in, (..., labels) out.

        identities: (...) int64, as `piece_identities` gives them; needed where the head's dropout is active.
        """
        if not self._is_drawing(task):
            return self.heads[task](vectors)  # type: ignore[no-any-return]
        assert identities is not None, "a head's dropout needs the identities of the vectors"
        return self.heads[task](vectors, self.noise.draws(identities))  # type: ignore[no-any-return]

    def initialise_heads(self, generator: torch.Generator) -> None:
        """Draw the weights that no checkpoint holds: the heads, and the pooler unless a pretrained one is loaded."""
        linears = [module.linear for module in self.heads.values() if isinstance(module, Head)]
        if self.pooler is not None and not self.has_pretrained_pooler:
            linears.append(self.pooler)
        for linear in linears:
            nn.init.normal_(linear.weight, std=INITIAL_DEVIATION, generator=generator)
            nn.init.zeros_(linear.bias)

    def train(self, mode: bool = True) -> MultiTaskModel:
        """Switch to training; an encoder that learns nothing stays in evaluation, its dropout off."""
        super().train(mode)
        if not any(parameter.requires_grad for parameter in self.encoder.parameters()):
            self.encoder.eval()
        return self

    def _is_drawing(self, task: str) -> bool:
        head = self.heads[task]
        assert isinstance(head, Head)
        return head.dropout.is_active

    def _is_classification(self, task: str) -> bool:
        return self.head_configs[task].kind == "classification"


def pool(hidden: Tensor, mask: Tensor, pooling: Pooling) -> Tensor:
    """Pool without weights: (batch, seq, hidden) and (batch, seq) bool in, (batch, hidden) out."""
    assert pooling != "pooler", "the pooler has weights, which the model holds"
    if pooling == "cls":
        return hidden[:, 0]  # (batch, hidden)
    real = mask[:, :, None]  # (batch, seq, 1)
    if pooling == "max":
        return hidden.masked_fill(~real, -torch.inf).amax(dim=1)  # (batch, hidden)
    return (hidden * real).sum(dim=1) / real.sum(dim=1)  # (batch, hidden)


def _check_name(task: str) -> None:
    if not task or "." in task or hasattr(nn.ModuleDict, task):
        raise TandemError(
            f"tasks.{task} cannot be a task's name, because the model's weights are named after it: "
            f"take one without '.', such as {task.replace('.', '_') + '_task'!r}"
        )
