"""`tandem export`: the trained model in the formats of other tools."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


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
