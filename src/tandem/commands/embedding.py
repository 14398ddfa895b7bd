"""`tandem embed`: texts in, vectors out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tandem.commands.inputs import add_inputs, open_inputs
from tandem.errors import TandemError

if TYPE_CHECKING:
    from tandem.serving.embedding import Embedder
    from tandem.serving.inputs import Input


def add_embed(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser(
        "embed",
        help="vectors of texts, as JSON Lines or npy",
        description="Print a JSON object for each text, in order, with its `row` and `vector`, or write all vectors as "
        "one float32 array, (texts, width). Texts are read as they are, of any length.",
    )
    add_inputs(command)
    command.add_argument("--model", type=Path, default=Path("data/model"), help="its folder (default: %(default)s)")
    command.add_argument("--pretrained", metavar="NAME", help="instead, an encoder as model.pretrained names it")
    command.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help="(default: auto)")
    command.add_argument("--pooling", choices=("cls", "mean", "max", "pooler"), default="mean", help="(default: mean)")
    command.add_argument("--per-token", action="store_true", help="print `pieces` and a vector for each (`vectors`)")
    command.add_argument("--normalise", action="store_true", help="scale vectors to length 1")
    command.add_argument("--npy", type=Path, metavar="FILE", help="write an array to FILE in place of JSON Lines")
    command.add_argument(
        "--similarities", action="store_true", help="print a table of the texts' cosines in place of vectors"
    )
    command.set_defaults(command=_embed)


def _embed(arguments: argparse.Namespace) -> None:
    from tandem.serving.arrays import ArrayRows  # noqa: PLC0415
    from tandem.serving.door import cut  # noqa: PLC0415
    from tandem.serving.streaming import Sieve, Teller, write_rows  # noqa: PLC0415

    _check(arguments)
    with ExitStack() as stack:
        inputs = stack.enter_context(open_inputs(arguments))
        embedder = _load(arguments)
        teller = Teller("embedded", is_quiet=bool(arguments.texts))
        skips = arguments.on_error == "skip" and not arguments.texts
        sieve = Sieve(_flaw_of, skips=skips, tell=teller.note)
        groups = cut(sieve.passing(inputs), lambda given: len(given.text))
        if arguments.npy is not None:
            array = stack.enter_context(ArrayRows(arguments.npy, embedder.width))
            for group in groups:
                array.append(embedder.embed([given.text for given in group]))
                teller.add(len(group))
        elif arguments.similarities:
            passed = [given for group in groups for given in group]
            if sieve.error is None:
                _print_similarities(embedder, passed)
                teller.add(len(passed))
        else:
            write_rows(groups, lambda texts: _rows(embedder, texts, arguments.per_token), sys.stdout.buffer, teller)
        if sieve.error is not None:
            raise sieve.error
    teller.end(sieve.n_skipped)


def _check(arguments: argparse.Namespace) -> None:
    if arguments.npy is not None and arguments.per_token:
        raise TandemError("--npy holds one vector a text: leave out --per-token, or --npy")
    if arguments.similarities and (arguments.npy is not None or arguments.per_token):
        raise TandemError("--similarities prints a table alone: leave out --npy and --per-token, or --similarities")


def _print_similarities(embedder: Embedder, inputs: list[Input]) -> None:
    from tandem.serving.similarities import cosines, table_lines  # noqa: PLC0415

    texts = [given.text for given in inputs]
    for line in table_lines([given.row for given in inputs], texts, cosines(embedder.embed(texts))):
        sys.stdout.write(f"{line}\n")


def _flaw_of(text: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return "holds what is no text in UTF-8"
    return None if text.strip() else "holds no text"


def _rows(embedder: Embedder, texts: list[str], per_token: bool) -> Iterator[dict[str, Any]]:
    if per_token:
        for found in embedder.embed_pieces(texts):
            yield {"pieces": found.pieces, "vectors": found.vectors.tolist()}
    else:
        for vector in embedder.embed(texts):
            yield {"vector": vector.tolist()}


def _load(arguments: argparse.Namespace) -> Embedder:
    from tandem.hardware.execution import choose_for_reading  # noqa: PLC0415
    from tandem.hardware.machine import detect  # noqa: PLC0415
    from tandem.serving.embedding import Embedder, published_encoder, trained_encoder  # noqa: PLC0415

    if arguments.pretrained is not None:
        source = published_encoder(arguments.pretrained, arguments.pooling)
    else:
        source = trained_encoder(arguments.model, arguments.pooling)
    execution = choose_for_reading(detect(arguments.device))
    return Embedder(source, execution, pooling=arguments.pooling, normalises=arguments.normalise)
