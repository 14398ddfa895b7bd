"""The command `tandem`. Each subcommand imports what it needs when it runs, so that `--help` waits for no library."""

from __future__ import annotations

import argparse
import os
import sys

from tandem.commands.comparing import add_compare
from tandem.commands.embedding import add_embed
from tandem.commands.exporting import add_export
from tandem.commands.inspecting import add_inspect
from tandem.commands.parameters import add_parameters
from tandem.commands.predicting import add_predict
from tandem.commands.summary import add_summary
from tandem.commands.verifying import add_verify
from tandem.errors import TandemError

COMMANDS = (
    add_inspect,
    add_parameters,
    add_summary,
    add_compare,
    add_predict,
    add_embed,
    add_export,
    add_verify,
)  # in the order of `--help`


def main(words: list[str] | None = None) -> None:
    """Run one subcommand; what a user can mend ends as one message on stderr and exit code 1."""
    arguments = _parser().parse_args(words)
    try:
        arguments.command(arguments)
    except TandemError as error:
        sys.exit(f"tandem: {error}")
    except BrokenPipeError:  # whoever read what was printed has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        sys.exit(130)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tandem", description="One encoder, many tasks: what the pipeline made.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in COMMANDS:
        add(commands)
    return parser
