"""`tandem verify`: whether every cached artifact has the bytes that it should have."""

from __future__ import annotations

import argparse
import sys
from typing import Any


def add_verify(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser(
        "verify",
        help="whether every cached artifact has the bytes that it should have",
        description="Hash every object of DVC's cache and every output in the working folder, compare with dvc.lock, "
        "name what is damaged, missing or changed, and how to mend it. Exits with 1 if anything is.",
        epilog="DVC itself trusts the names of its objects: without this, a flipped bit goes unnoticed.",
    )
    command.add_argument(
        "--repair",
        action="store_true",
        help="delete damaged objects and take them from the working folder or the default remote, hashed on the way; "
        "files that you changed stay as they are",
    )
    command.add_argument("--json", action="store_true", help="print JSON in place of tables")
    command.set_defaults(command=_verify)


def _verify(arguments: argparse.Namespace) -> None:
    from tandem.verification.command import run_verification  # noqa: PLC0415

    if not run_verification(is_repaired=arguments.repair, as_json=arguments.json):
        sys.exit(1)
