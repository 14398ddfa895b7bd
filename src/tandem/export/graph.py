"""The trained model as one ONNX graph: pieces in, the logits of all heads out, any batch and length.

    DIR/model.onnx      ids and mask, (batch, seq), to a row of labels for each text or piece by task
    DIR/config.json     tasks, card, rules, format version, hashes
    DIR/tokenizer.json  as in the model's folder

Shapes: batch, seq.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tandem.artifacts import atomic_folder, sha256_of, write_json
from tandem.errors import TandemError
from tandem.export.folders import check_target
from tandem.export.probes import probes
from tandem.model.encoder import Encoder
from tandem.model.folder import LoadedModel
from tandem.model.multitask import MultiTaskModel
from tandem.model.pretrained import TOKENIZER_FILES
from tandem.serving.graphs import CONFIG, FORMAT_VERSION, GRAPH, needs_packages, open_session, run_session
from tandem.serving.rules import AnswerRules

TOLERANCE = 1e-4
OPSET = 20  # the first that knows GELU
_N_LENGTHS = 14
_OF_GEMM = "_MatMul"  # what quantising adds to the name of a Gemm, which it makes a product and a sum


def export_onnx(loaded: LoadedModel, folder: Path, *, rules: AnswerRules, is_int8: bool) -> float:
    """Write the graph's folder; return the largest difference of its float32 form to ours in ONNX Runtime.

    In int8, the weights of all products but the heads' are whole numbers, scaled by output, and so are, as they come,
    the values that meet them. Raises `TandemError` if `folder` holds something, packages lack, or an output differs by
    more than the tolerance; then nothing is written.
    """
    check_target(folder)
    with needs_packages(), atomic_folder(folder) as partial, _quiet():
        _trace(loaded.model, partial / GRAPH, sets_first_apart=is_int8)
        difference = _difference(loaded.model, partial / GRAPH)
        if not difference <= TOLERANCE:
            raise TandemError(
                f"export: the graph's logits differ from ours by {difference:.1e} where {TOLERANCE:.0e} is allowed; "
                "nothing was written. Please report it with the model's config.json"
            )
        if is_int8:
            _quantise(partial / GRAPH)
        for name in TOKENIZER_FILES:
            if (loaded.folder / name).is_file():
                (partial / name).write_bytes((loaded.folder / name).read_bytes())
        settings = {
            "format_version": FORMAT_VERSION,
            "kinds": {task: head.kind for task, head in loaded.model.head_configs.items()},
            "card": loaded.card,
            "rules": asdict(rules),
            "precision": "int8" if is_int8 else "float32",
            "sha256": {path.name: sha256_of(path) for path in partial.iterdir()},
        }
        write_json(partial / CONFIG, settings)
    return difference


class _WholeLayout:
    """A layout without a choice that depends on the values of the mask: the graph must serve any."""

    def __init__(self, mask: Tensor) -> None:
        self.positions = torch.arange(mask.shape[1])
        self.attended = mask[:, None, None, :]
        self.draws = None

    def pack(self, values: Tensor) -> Tensor:
        return values

    def unpack(self, values: Tensor) -> Tensor:
        return values


class _FirstApart(nn.Module):
    """A block of an encoder's layer that takes the first piece of each text by itself.

    In a trained encoder that piece has far larger values than all others (the massive activations of Sun et al. 2024),
    which would leave them few of the whole numbers: each of the two has a range of its own.
    """

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, hidden: Tensor) -> Tensor:
        """Transform (batch, seq, hidden)."""
        return torch.cat([self.block(hidden[:, :1]), self.block(hidden[:, 1:])], dim=1)


class _Graph(nn.Module):
    """The model with the heads' logits as a tuple, in the order of the tasks."""

    def __init__(self, model: MultiTaskModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.model(ids, mask).values())


@torch.no_grad()
def _trace(model: MultiTaskModel, path: Path, *, sets_first_apart: bool) -> None:
    ids, mask = list(probes(model.encoder.config, n_lengths=_N_LENGTHS))[4]
    batch, seq = torch.export.Dim("batch"), torch.export.Dim("seq", max=model.encoder.config.max_positions)
    with _for_tracing(model.encoder), _firsts_apart(model.encoder) if sets_first_apart else nullcontext():
        program = torch.onnx.export(
            _Graph(model).eval(),
            (ids, mask),
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=["ids", "mask"],
            output_names=list(model.heads),
            dynamic_shapes=({0: batch, 1: seq}, {0: batch, 1: seq}),
        )
    assert program is not None
    program.save(path)


@contextmanager
def _for_tracing(encoder: Encoder) -> Iterator[None]:
    """Lay batches out whatever their masks hold, with attention written out: the fused one tests for empty rows."""
    encoder._layout = _WholeLayout  # type: ignore[assignment,method-assign]
    encoder.fuse_attention(False)
    try:
        yield
    finally:
        del encoder._layout  # the class's own again
        encoder.fuse_attention(True)


@contextmanager
def _firsts_apart(encoder: Encoder) -> Iterator[None]:
    """Set the first pieces apart in the products that meet their large values."""
    places = [(layer, "feed_forward") for layer in encoder.layers]
    places += [(layer.get_submodule("attention"), "query_key_value") for layer in encoder.layers]
    blocks = [owner.get_submodule(name) for owner, name in places]
    for (owner, name), block in zip(places, blocks, strict=True):
        owner.add_module(name, _FirstApart(block))
    try:
        yield
    finally:
        for (owner, name), block in zip(places, blocks, strict=True):
            owner.add_module(name, block)


@torch.inference_mode()
def _difference(model: MultiTaskModel, path: Path) -> float:
    """The largest absolute difference of any logit over texts of all lengths."""
    session = open_session(path)
    largest = 0.0
    for ids, mask in probes(model.encoder.config, n_lengths=_N_LENGTHS):
        expected = model(ids, mask)
        for task, found in run_session(session, ids.numpy(), mask.numpy()).items():
            difference = (torch.from_numpy(found) - expected[task]).abs()
            largest = max(largest, float((difference[mask] if difference.dim() == 3 else difference).max()))
    return largest


def _quantise(path: Path) -> None:
    import onnx  # noqa: PLC0415 - an optional package
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415 - and another

    graph = onnx.load(path)
    _transpose_weights(graph.graph)
    del graph.graph.value_info[:]  # shapes that transposing a head's weights would belie
    quantize_dynamic(
        graph,
        path,
        weight_type=QuantType.QInt8,
        per_channel=True,
        op_types_to_quantize=["MatMul", "Gemm"],
        nodes_to_exclude=[name + end for name in _head_products(graph.graph) for end in ("", _OF_GEMM)],
        extra_options={"MatMulConstBOnly": True},
    )


def _transpose_weights(graph: Any) -> None:
    """Store weights that several products share as they want them: a product's weights must be a constant."""
    from onnx import numpy_helper  # noqa: PLC0415

    weights = {weight.name: weight for weight in graph.initializer}
    for node in [node for node in graph.node if node.op_type == "Transpose" and node.input[0] in weights]:
        weight = weights[node.input[0]]
        weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight).T, node.output[0]))
        graph.node.remove(node)


def _head_products(graph: Any) -> Iterator[str]:
    """The names of the heads' products, the last ones before the outputs: they cost little, and decide."""
    producers = {name: node for node in graph.node for name in node.output}
    for output in graph.output:
        node = producers[output.name]
        while node.op_type not in ("MatMul", "Gemm"):
            node = producers[next(name for name in node.input if name in producers)]
        yield node.name


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter from telling what it does, and what it would do with packages that are not needed."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
