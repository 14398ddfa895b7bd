"""A model's ONNX graph in use: its folder, a session of ONNX Runtime, and a pass like the encoder's own.

Shapes: batch, seq; `counted` is the number of a task's places in a batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, get_args

import torch
from numpy.typing import NDArray
from torch import Tensor

from tandem.artifacts import FORMAT_KEY, Format, read_json, sha256_of
from tandem.errors import TandemError
from tandem.params import Kind
from tandem.serving.rules import AnswerRules, checked_rules
from tandem.tokens.batches.batching import PassSize
from tandem.tokens.batches.examples import ALL, Batch, Examples, Part, Targets
from tandem.tokens.storage.ragged import Ints
from tandem.training.passing.passes import Draw

FORMAT_VERSION = 1
FORMAT = Format(version=FORMAT_VERSION, remedy="write it anew by `tandem export onnx`")
CONFIG, GRAPH = "config.json", "model.onnx"
ENOUGH_TOKENS = 512
"""What of a pass fits a CPU's caches; more made the graph slower."""

_SLOWER_FUSION = "SkipLayerNormFusion"  # a sum and its norm in one, by a kernel without vector instructions
_KEYS = {"kinds": dict, "card": dict, "rules": dict, "sha256": dict}


@dataclass(frozen=True, kw_only=True)
class LoadedGraph:
    """A graph's session, how many passes it runs at once, the width of each output, and what its folder says of it."""

    session: Any
    passes: int
    n_outputs: Mapping[str, int]
    kinds: Mapping[str, Kind]
    card: Mapping[str, Any]
    rules: AnswerRules
    folder: Path


def load_graph(folder: Path, *, threads: int) -> LoadedGraph:
    """Load a folder that `tandem export onnx` wrote, to run a pass in each of so many threads.

    Raises `TandemError` if a file is missing or altered, if a newer Tandem wrote it, or if ONNX Runtime is missing.
    """
    if not (folder / CONFIG).is_file() or not (folder / GRAPH).is_file():
        raise TandemError(f"{folder} holds no exported graph ({CONFIG} and {GRAPH}): {FORMAT.remedy}")
    settings = read_json(folder / CONFIG)
    if isinstance(settings, dict):
        FORMAT.check(folder, settings.get(FORMAT_KEY))
    if not isinstance(settings, dict) or any(not isinstance(settings.get(key), kind) for key, kind in _KEYS.items()):
        raise TandemError(f"{folder / CONFIG} is not as Tandem wrote it: {FORMAT.remedy}")
    for name, expected in settings["sha256"].items():
        if Path(name).name != name or not (folder / name).is_file() or sha256_of(folder / name) != expected:
            raise TandemError(f"{folder / name} is missing or was altered since it was exported: {FORMAT.remedy}")
    with needs_packages():
        session = open_session(folder / GRAPH)
    widths = {output.name: output.shape[-1] for output in session.get_outputs() if output.shape}
    kinds = settings["kinds"]
    if widths.keys() != kinds.keys() or not all(kind in get_args(Kind) for kind in kinds.values()):
        raise TandemError(f"{folder / CONFIG} is not as Tandem wrote it (kinds): {FORMAT.remedy}")
    rules = checked_rules(folder / CONFIG, settings["rules"])
    return LoadedGraph(
        session=session,
        passes=threads,
        n_outputs=widths,
        kinds=kinds,
        card=settings["card"],
        rules=rules,
        folder=folder,
    )


class Running(NamedTuple):
    """A batch on its way through the graph."""

    batch: Batch
    logits: Future[dict[str, NDArray[Any]]]

    @property
    def targets(self) -> dict[str, Targets]:
        """Where each task's answers are."""
        return self.batch.targets


class GraphPass:
    """The graph on the texts of `examples`, as `EncoderPass` is the model on them."""

    def __init__(self, graph: LoadedGraph, examples: Examples) -> None:
        self.graph = graph
        self.examples = examples

    def batches(self, chosen: Mapping[str, Ints], *, size: PassSize, part: Part = ALL) -> Iterator[Running]:
        """Padded windows that fit into a pass of `size`, and not many; the graph computes their padding, too.

        They are handed on in order, while the next ones are on their way: two for each thread, so that none waits.
        """
        size = PassSize(tokens=min(size.tokens, ENOUGH_TOKENS), counts_padding=True)
        ahead: deque[Running] = deque()
        with ThreadPoolExecutor(self.graph.passes) as pool:
            for batch in self.examples.batches(chosen, size=size, reading=True, part=part):
                ahead.append(Running(batch, pool.submit(run_session, self.graph.session, batch.ids, batch.mask)))
                if len(ahead) > 2 * self.graph.passes:
                    yield ahead.popleft()
            yield from ahead

    def __call__(self, parcel: Running, draw: Draw | None = None) -> dict[str, Tensor]:
        """The logits at each task's places, (counted, labels)."""
        assert draw is None, "a graph does not train"
        found = parcel.logits.result()
        return {
            task: torch.from_numpy(found[task].reshape(-1, found[task].shape[-1])[targets.places])
            for task, targets in parcel.targets.items()
        }


def open_session(path: Path) -> Any:
    """Open a graph in ONNX Runtime on the CPU, for passes of one thread each.

    Raises `TandemError` if it is none, or leads out of its folder.
    """
    import onnxruntime  # noqa: PLC0415 - an optional package
    from onnxruntime.capi import onnxruntime_pybind11_state as errors  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # two threads gain more from a pass each than from sharing one
    options.log_severity_level = 3  # errors
    refusals = (errors.Fail, errors.InvalidArgument, errors.InvalidGraph, errors.InvalidProtobuf, errors.NotImplemented)
    try:
        return onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"], disabled_optimizers=[_SLOWER_FUSION]
        )
    except (*refusals, errors.RuntimeException) as error:
        raise TandemError(f"{path} is no graph that can be run ({error}): {FORMAT.remedy}") from error


def run_session(session: Any, ids: NDArray[Any], mask: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """The logits of all heads by task: ids (batch, seq) int64 and mask (batch, seq) bool in."""
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"ids": ids, "mask": mask}), strict=True))


@contextmanager
def needs_packages() -> Iterator[None]:
    """Turn the lack of an optional package into an error that says what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise TandemError(
            f"there is no package {error.name!r} here: install the extra `onnx`, or run `make run` once"
        ) from error
