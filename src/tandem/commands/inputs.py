"""Where the texts of a command come from: arguments, a file, or stdin."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tandem.errors import TandemError

if TYPE_CHECKING:
    from tandem.serving.inputs import Input


def add_inputs(command: argparse.ArgumentParser) -> None:
    """Add the options that say which texts are meant."""
    command.add_argument("texts", nargs="*", metavar="TEXT", help="texts (default: --file, or else stdin)")
    command.add_argument(
        "--file", type=Path, metavar="FILE", help="texts, one a line, or a CSV, TSV or JSON Lines file"
    )
    command.add_argument("--format", choices=("lines", "csv", "tsv", "jsonl"), help="default: by the name of the file")
    command.add_argument("--column", metavar="NAME", help="column or key with the text (default: text)")
    command.add_argument(
        "--on-error",
        choices=("skip", "fail"),
        default="skip",
        help="what a line that cannot be read does; either way it is told by its number (default: %(default)s)",
    )


@contextmanager
def open_inputs(arguments: argparse.Namespace) -> Iterator[Iterator[Input]]:
    """Open what the arguments name; raises `TandemError` if it is not there or lacks the column."""
    from tandem.serving.inputs import Input, format_of, read_inputs  # noqa: PLC0415

    path = arguments.file
    if arguments.texts:
        if path is not None:
            raise TandemError("give texts or --file, not both")
        yield (Input(row, text) for row, text in enumerate(arguments.texts, start=1))
    elif path is None:
        yield read_inputs(sys.stdin.buffer, "stdin", arguments.format or "lines", arguments.column)
    else:
        try:
            stream = path.open("rb")
        except OSError as error:
            raise TandemError(f"cannot read {path}: {error.strerror}") from error
        with stream:
            yield read_inputs(stream, str(path), arguments.format or format_of(path), arguments.column)
