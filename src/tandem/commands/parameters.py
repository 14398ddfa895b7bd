"""`tandem parameters`: what each choice of what learns costs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_parameters(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser(
        "parameters",
        help="what each choice of train.trainable costs",
        description="Print, for every choice of train.trainable, how many parameters of the model in the params would "
        "learn, and the memory that weights, gradients and AdamW's moments would take. Nothing is loaded or trained.",
        epilog="Choose one in params.yaml (train.trainable, train.output_layers, train.frozen_heads), or for one run: "
        "dvc exp run -S train.trainable=output_layers -S train.output_layers=3",
    )
    command.add_argument(
        "--params", type=Path, default=Path("params.yaml"), help="which model and tasks (default: %(default)s)"
    )
    command.add_argument(
        "--tokens",
        type=Path,
        default=Path("data/tokens"),
        help="where the labels of tasks that say `labels: auto` come from (default: %(default)s)",
    )
    command.add_argument("--json", action="store_true", help="print JSON, with memory in bytes, in place of a table")
    command.set_defaults(command=_parameters)


def _parameters(arguments: argparse.Namespace) -> None:
    from tandem.commands.parameter_choices import list_choices, print_choices  # noqa: PLC0415
    from tandem.params import load_params  # noqa: PLC0415

    print_choices(list_choices(load_params(arguments.params), arguments.tokens), as_json=arguments.json)
