"""The command `tandem`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

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
    summary = commands.add_parser(
        "summary",
        help="the results as a table",
        description="Print the scores before and after training, and the parity with the reference encoder.",
    )
    summary.add_argument(
        "--metrics", type=Path, default=Path("data/metrics"), help="where the metrics lie (default: %(default)s)"
    )
    summary.set_defaults(command=_summary)
    return parser


def _summary(arguments: argparse.Namespace) -> None:
    from tandem.evaluation.summary import print_summary  # noqa: PLC0415 - `--help` should not wait for it

    print_summary(arguments.metrics)
