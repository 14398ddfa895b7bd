"""A frozen encoder runs once: what its heads learn from is kept on disk, and a step only gathers and scores it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tandem.errors import TandemError
from tandem.hardware.execution import Execution
from tandem.hardware.memory import PassLimit
from tandem.model.multitask import MultiTaskModel
from tandem.tokens.batches.batching import PassSize
from tandem.tokens.batches.examples import ALL, Batch, Examples, Part, Targets
from tandem.tokens.storage.ragged import Ints, spread, starts_of
from tandem.training.passing.bars import watch
from tandem.training.passing.passes import Draw, EncoderPass, locate_places


class FeatureBatch(NamedTuple):
    """The vectors of a step's texts, by task (counted, hidden), who they are (counted), and the right answers."""

    vectors: dict[str, Tensor]
    identities: dict[str, Tensor]
    targets: dict[str, Targets]
    n_pieces: int

    @property
    def n_computed(self) -> int:
        """The pieces would have been computed without padding."""
        return self.n_pieces


class Table(NamedTuple):
    """One task's counted places in all texts, text after text: text i's are at `starts[i]:starts[i + 1]`."""

    starts: Ints  # (texts + 1,)
    vectors: NDArray[np.float32]  # (counted, hidden), mapped from disk
    identities: Ints  # (counted,)
    targets: Targets  # of (counted,) each; `places` are rows of `vectors`


class StoredFeatures(nn.Module):
    """Stands in for `EncoderPass` where the encoder learns nothing."""

    def __init__(
        self,
        model: MultiTaskModel,
        examples: Examples,
        *,
        execution: Execution,
        reading: bool,
        folder: Path,
        limit: PassLimit,
    ) -> None:
        """Encode all texts that any task learns from, into `folder`.

        Raises `TandemError` if they do not fit on the disk.
        """
        super().__init__()
        self.model = model
        self.examples = examples
        self.execution = execution
        live = EncoderPass(model, examples, execution, reading=reading)
        self.tables = limit.run(lambda size: _encode(live, folder, size))

    def batches(self, chosen: Mapping[str, Ints], *, size: PassSize, part: Part = ALL) -> Iterator[FeatureBatch]:  # noqa: ARG002 - heads are small
        """All the chosen texts at once."""
        texts = {task: np.unique(own)[part.number :: part.of] for task, own in chosen.items()}
        found = {task: _take(self.tables[task], own) for task, own in texts.items()}
        yield FeatureBatch(
            vectors={task: torch.from_numpy(taken.vectors) for task, taken in found.items()},
            identities={task: torch.from_numpy(taken.identities) for task, taken in found.items()},
            targets={task: taken.targets for task, taken in found.items()},
            n_pieces=int(self.examples.shelf.text_lengths[np.unique(np.concatenate(list(texts.values())))].sum()),
        )

    def forward(self, batch: FeatureBatch, draw: Draw | None = None) -> dict[str, Tensor]:
        """The logits at each task's places, (counted, labels)."""
        device = self.execution.device
        if draw is not None:
            self.model.noise.seat(*draw, keys=())
        with self.execution.autocast():
            return {
                task: self.model.apply_head(task, vectors.to(device), batch.identities[task].to(device))
                for task, vectors in batch.vectors.items()
            }


def _take(table: Table, texts: Ints) -> Table:
    first = table.starts[texts]
    rows = spread(first, table.starts[texts + 1] - first)
    places, answers, weights, owners = table.targets
    targets = Targets(places[rows], answers[rows], weights[rows], owners[rows])
    return Table(table.starts, np.asarray(table.vectors[targets.places]), table.identities[rows], targets)


@torch.no_grad()
def _encode(live: EncoderPass, folder: Path, size: PassSize) -> dict[str, Table]:
    """Run the encoder once over everything, and lay out what each task's head will see."""
    examples = live.examples
    n_windows = len(examples.shelf.windows_of(np.unique(np.concatenate(list(examples.members.values())))))
    batches = examples.batches(examples.members, size=size, reading=live.reading)
    with ExitStack() as files:
        writers = {task: files.enter_context(_Writer(live, task, folder / task)) for task in examples.members}
        for batch in watch(batches, "encode", n_windows=n_windows):
            for task, (vectors, identities) in live.seen_by_heads(batch).items():
                writers[task].append(batch, vectors, identities)
        return {task: writer.finish() for task, writer in writers.items()}


class _Writer:
    """Writes one task's vectors as the batches come by, and remembers whose they are."""

    def __init__(self, live: EncoderPass, task: str, path: Path) -> None:
        self.shelf = live.examples.shelf
        self.kind = live.examples.kinds[task]
        self.task = task
        self.width = live.model.encoder.config.hidden_width
        self.path = path
        self.parts: list[tuple[Ints, Ints, Targets]] = []
        self.n_rows = 0

    def __enter__(self) -> _Writer:
        with self._told():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = self.path.open("wb")
        return self

    def __exit__(self, *_: object) -> None:
        with self._told():
            self.file.close()

    def append(self, batch: Batch, vectors: Tensor, identities: Tensor) -> None:
        """Keep the vectors at the task's places of a batch, (counted, hidden), and who they are, (counted)."""
        targets = batch.targets[self.task]
        rows, _ = locate_places(batch, self.kind, targets)
        with self._told():
            self.file.write(vectors.float().cpu().numpy().data)
        places = np.arange(self.n_rows, self.n_rows + len(vectors))
        texts = self.shelf.window_texts[batch.windows[rows.numpy()]]
        self.parts.append((texts, identities.cpu().numpy(), targets._replace(places=places)))
        self.n_rows += len(vectors)

    def finish(self) -> Table:
        """Sort what came by the texts."""
        if self.n_rows == 0:
            nothing = np.empty(0, dtype=np.int64)
            targets = Targets(nothing, nothing, np.empty(0, dtype=np.float32), nothing)
            return Table(
                np.zeros(self.shelf.n_texts + 1, np.int64), np.empty((0, self.width), np.float32), nothing, targets
            )
        with self._told():
            self.file.flush()
        texts, identities = (np.concatenate([part[n] for part in self.parts]) for n in (0, 1))
        order = np.argsort(texts, kind="stable")
        columns = zip(*(part[2] for part in self.parts), strict=True)
        places, answers, weights, owners = (np.concatenate(column)[order] for column in columns)
        starts = starts_of(np.bincount(texts, minlength=self.shelf.n_texts))
        vectors = np.memmap(self.path, dtype=np.float32, mode="r", shape=(self.n_rows, self.width))
        return Table(starts, vectors, identities[order], Targets(places, answers, weights, owners))

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise TandemError(
                f"cannot keep the encoder's features in {self.path.parent}: {error.strerror}. "
                "Free space, lower split.sample, or choose another train.trainable"
            ) from error
