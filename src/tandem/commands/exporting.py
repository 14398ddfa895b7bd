"""`tandem export`: the trained model in the formats of other tools."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tandem.model.folder import LoadedModel


def add_export(commands: Any) -> None:
    """Add the command with a subcommand for each format."""
    command = commands.add_parser(
        "export",
        help="the model in the formats of other tools",
        description="Write the trained model for other tools. What was written is loaded again by the other tool and "
        "compared with ours before the command says that it is done.",
    )
    formats = command.add_subparsers(title="formats", required=True)
    _add_huggingface(formats)
    _add_onnx(formats)


def _add_huggingface(formats: Any) -> None:
    command = formats.add_parser(
        "huggingface",
        help="checkpoints for transformers' pipelines and AutoModel",
        description="Write DIR/encoder for AutoModel, and DIR/TASK for each task: token-classification for a tagging, "
        "text-classification for a classification whose model.pooling is cls or pooler. They load offline and without "
        "our code.",
    )
    _add_places(command)
    command.set_defaults(command=_huggingface)


def _add_onnx(formats: Any) -> None:
    command = formats.add_parser(
        "onnx",
        help="one graph with all heads, for ONNX Runtime",
        description="Write the model as one graph that gives all tasks' logits in one pass, for any batch and length. "
        "It is compared with ours in ONNX Runtime over texts of one piece to as many as fit. `tandem predict --onnx "
        "DIR` uses it.",
    )
    _add_places(command)
    command.add_argument(
        "--int8",
        action="store_true",
        help="weights in 8 bits; prints what that costs on the test split, and how much faster it is here",
    )
    command.add_argument("--tokens", type=Path, default=Path("data/tokens"), help="(default: %(default)s)")
    command.add_argument("--params", type=Path, default=Path("params.yaml"), help="(default: %(default)s)")
    command.set_defaults(command=_onnx)


def _add_places(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=Path, metavar="DIR", help="a new folder to write to")
    command.add_argument("--model", type=Path, default=Path("data/model"), help="its folder (default: %(default)s)")


def _huggingface(arguments: argparse.Namespace) -> None:
    from tandem.export.huggingface import TOLERANCE, export_huggingface  # noqa: PLC0415
    from tandem.model.folder import load_model  # noqa: PLC0415

    export = export_huggingface(load_model(arguments.model), arguments.folder)
    for name, difference in export.differences.items():
        sys.stdout.write(
            f"{arguments.folder / name}: differs from ours by {difference:.1e} (allowed {TOLERANCE:.0e})\n"
        )
    for name, reason in export.left_out.items():
        sys.stdout.write(f"left out {name}: {reason}\n")


def _onnx(arguments: argparse.Namespace) -> None:
    from tandem.export.graph import TOLERANCE, export_onnx  # noqa: PLC0415
    from tandem.model.folder import load_model  # noqa: PLC0415
    from tandem.serving.rules import find_rules  # noqa: PLC0415

    loaded = load_model(arguments.model)
    difference = export_onnx(loaded, arguments.folder, rules=find_rules(loaded), is_int8=arguments.int8)
    sys.stdout.write(
        f"{arguments.folder}: differs from ours by {difference:.1e} (allowed {TOLERANCE:.0e}) in float32\n"
    )
    if arguments.int8:
        _tell_quality(loaded, arguments)


def _tell_quality(loaded: LoadedModel, arguments: argparse.Namespace) -> None:
    from tandem.export.graph_quality import measure_graph  # noqa: PLC0415
    from tandem.hardware.execution import choose_for_reading  # noqa: PLC0415
    from tandem.hardware.machine import detect  # noqa: PLC0415
    from tandem.hardware.process import prepare_torch  # noqa: PLC0415
    from tandem.params import load_params  # noqa: PLC0415
    from tandem.serving.graphs import load_graph  # noqa: PLC0415
    from tandem.tokens.batches.examples import open_examples  # noqa: PLC0415

    test = open_examples(arguments.tokens, load_params(arguments.params), "test")
    execution = choose_for_reading(detect("cpu"))
    prepare_torch(execution)
    graph = load_graph(arguments.folder, threads=execution.threads)
    quality = measure_graph(loaded.model, graph, test, execution, rounds=1)
    for task, (before, after) in quality.scores.items():
        sys.stdout.write(f"{task}: F1 on the test split {before:.4f} in float32, {after:.4f} in int8\n")
    sys.stdout.write(f"speed-up on this machine over PyTorch in float32: {quality.speed_up:.2f}\n")
