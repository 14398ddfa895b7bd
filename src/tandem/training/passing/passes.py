"""From the texts of a step to the logits at their counted places, through the encoder.

Shapes: `rows` windows of `seq` pieces; `counted` is the number of a task's places in the batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from tandem.hardware.execution import Execution
from tandem.model.dropout import piece_identities
from tandem.model.multitask import MultiTaskModel
from tandem.tokens.batches.batching import PassSize
from tandem.tokens.batches.examples import ALL, Batch, Examples, Part, Targets
from tandem.tokens.storage.ragged import Ints


class Draw(NamedTuple):
    """What the dropout masks of a training pass depend on, beside the text and the place in the network."""

    seed: int
    step: int


class Parcel(Protocol):
    """What a pass takes at once: answers by task, and how many pieces are real and are computed."""

    @property
    def targets(self) -> dict[str, Targets]:
        """Where each task's answers are."""

    @property
    def n_pieces(self) -> int:
        """Real pieces."""

    @property
    def n_computed(self) -> int:
        """Pieces that the layers compute: with the padding, unless it is skipped."""


class Pass(Protocol):
    """Anything that cuts texts into parcels and gives each task of a parcel its logits, (counted, labels)."""

    def batches(self, chosen: Mapping[str, Ints], *, size: PassSize, part: Part = ALL) -> Iterator[Any]:
        """Cut the chosen texts of each task into parcels that fit into a pass."""

    def __call__(self, parcel: Any, draw: Draw | None = None) -> dict[str, Tensor]:
        """Run the model, or its heads alone, on a parcel; in training with the step's `draw`."""


class EncoderPass(nn.Module):
    """Encoder, pooling and heads, on the texts of `examples`; `reading` as in `Examples.batches`."""

    def __init__(self, model: MultiTaskModel, examples: Examples, execution: Execution, *, reading: bool) -> None:
        super().__init__()
        self.model = model
        self.examples = examples
        self.execution = execution
        self.reading = reading
        model.encoder.skips_padding = execution.skips_padding

    def batches(self, chosen: Mapping[str, Ints], *, size: PassSize, part: Part = ALL) -> Iterator[Batch]:
        """Padded windows that fit into a pass of `size`."""
        return self.examples.batches(chosen, size=size, reading=self.reading, part=part)

    def forward(self, batch: Batch, draw: Draw | None = None) -> dict[str, Tensor]:
        """The logits at each task's places, (counted, labels)."""
        if draw is not None:
            self.model.noise.seat(*draw, keys=batch.windows)
        with self.execution.autocast():
            return {task: self.model.apply_head(task, *seen) for task, seen in self.seen_by_heads(batch).items()}

    def seen_by_heads(self, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """The vectors at each task's places, (counted, hidden), and who they are, (counted)."""
        device = self.execution.device
        ids, mask = torch.from_numpy(batch.ids).to(device), torch.from_numpy(batch.mask).to(device)
        with self.execution.autocast():
            hidden = self.model.encode(ids, mask)  # (rows, seq, hidden)
            return {task: self._at_places(batch, task, hidden, mask) for task in batch.targets}

    def _at_places(self, batch: Batch, task: str, hidden: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        rows, positions = locate_places(batch, self.examples.kinds[task], batch.targets[task])
        windows = torch.from_numpy(batch.windows)[rows]
        identities = piece_identities(windows, positions).to(hidden.device)
        rows, positions = rows.to(hidden.device), positions.to(hidden.device)
        if self.examples.kinds[task] == "classification":
            return self.model.pool(hidden, mask)[rows], identities
        return hidden[rows, positions], identities


def locate_places(batch: Batch, kind: str, targets: Targets) -> tuple[Tensor, Tensor]:
    """The row and the position of each counted place, a text's vector at position 0: two of (counted)."""
    places = torch.from_numpy(targets.places)
    if kind == "classification":
        return places, torch.zeros_like(places)
    seq = batch.ids.shape[1]
    return places // seq, places % seq
