"""`tandem summary`: the results as a table."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_summary(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser(
        "summary",
        help="the results as a table",
        description="Print the scores before and after training, and the parity with the reference encoder.",
    )
    command.add_argument(
        "--metrics", type=Path, default=Path("data/metrics"), help="where the metrics lie (default: %(default)s)"
    )
    command.set_defaults(command=_summary)


def _summary(arguments: argparse.Namespace) -> None:
    from tandem.commands.summary_table import print_summary  # noqa: PLC0415

    print_summary(arguments.metrics)
