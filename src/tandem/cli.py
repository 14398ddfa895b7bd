"""The command `tandem`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from tandem.errors import TandemError


def main(words: list[str] | None = None) -> None:
    """Run one subcommand; what a user can mend ends as one message on stderr and exit code 1."""
    arguments = _parser().parse_args(words)
    try:
        arguments.command(arguments)
    except TandemError as error:
        sys.exit(f"tandem: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tandem", description="One encoder, many tasks: what the pipeline made.")
    commands = parser.add_subparsers(title="commands", required=True)
    _add_parameters(commands)
    _add_summary(commands)
    return parser


def _add_parameters(commands: Any) -> None:
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


def _add_summary(commands: Any) -> None:
    command = commands.add_parser(
        "summary",
        help="the results as a table",
        description="Print the scores before and after training, and the parity with the reference encoder.",
    )
    command.add_argument(
        "--metrics", type=Path, default=Path("data/metrics"), help="where the metrics lie (default: %(default)s)"
    )
    command.set_defaults(command=_summary)


# Each command imports what it needs, so that `--help` waits for no library.


def _parameters(arguments: argparse.Namespace) -> None:
    from tandem.params import load_params  # noqa: PLC0415
    from tandem.training.choices import list_choices, print_choices  # noqa: PLC0415

    print_choices(list_choices(load_params(arguments.params), arguments.tokens), as_json=arguments.json)


def _summary(arguments: argparse.Namespace) -> None:
    from tandem.evaluation.summary import print_summary  # noqa: PLC0415

    print_summary(arguments.metrics)
