"""`tandem predict`: texts in, what the trained model says of them out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tandem.commands.inputs import add_inputs, open_inputs

if TYPE_CHECKING:
    from tandem.serving.door import Tandem


def add_predict(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser(
        "predict",
        help="classes and entities of texts, as JSON Lines",
        description="Read texts of any length and print a JSON object for each, in order, from one pass for all tasks: "
        "`row` (its line in the file), `text`, `classes` (label and probability by task), `entities` (by task: `start` "
        "and `end` in characters of the text as it was given, label, text, score). A stream is read a few hundred "
        "texts at a time. A task's entities are decoded as `evaluate` decoded them.",
    )
    add_inputs(command)
    command.add_argument("--model", type=Path, default=Path("data/model"), help="its folder (default: %(default)s)")
    command.add_argument("--onnx", type=Path, metavar="DIR", help="use what `tandem export onnx DIR` wrote instead")
    command.add_argument(
        "--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help="(default: %(default)s)"
    )
    command.add_argument("--all-classes", action="store_true", help="print the probabilities of all classes")
    command.add_argument(
        "--redact",
        action="store_true",
        help="print texts with [LABEL] for each entity, and no entities; with the bias for recall, if there is one",
    )
    command.add_argument(
        "--recall", action="store_true", help="find more entities: with the bias that evaluate.target_recall chose"
    )
    command.set_defaults(command=_predict)


def _predict(arguments: argparse.Namespace) -> None:
    from tandem.serving.door import cut  # noqa: PLC0415
    from tandem.serving.streaming import Sieve, Teller, write_rows  # noqa: PLC0415

    with open_inputs(arguments) as inputs:
        model = _load(arguments)
        teller = Teller("read", is_quiet=bool(arguments.texts))
        skips = arguments.on_error == "skip" and not arguments.texts
        sieve = Sieve(model.reader.flaw_of, skips=skips, tell=teller.note)

        def rows_of(texts: list[str]) -> Iterator[dict[str, Any]]:
            for answer in model.answer(texts, for_recall=arguments.recall or arguments.redact):
                yield answer.as_row(all_classes=arguments.all_classes, redacts=arguments.redact)

        write_rows(cut(sieve.passing(inputs), lambda given: len(given.text)), rows_of, sys.stdout.buffer, teller)
    teller.end(sieve.n_skipped)
    if sieve.error is not None:
        raise sieve.error


def _load(arguments: argparse.Namespace) -> Tandem:
    from tandem.serving.door import Tandem  # noqa: PLC0415

    if arguments.onnx is not None:
        return Tandem.load_graph(arguments.onnx)
    return Tandem.load(arguments.model, device=arguments.device)
