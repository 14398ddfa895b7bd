"""`tandem inspect`: what a corpus holds, before training."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from tandem.errors import TandemError


def add_inspect(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser(
        "inspect",
        help="what a corpus holds, and everything wrong with it, before training",
        description="Say which format a corpus is in, its statistics, and everything that is wrong with it. "
        "Fields come from the section of params.yaml that names the file (or from --corpus), and from the options; "
        "else they are guessed from common names. Of several files it also says which texts they share, "
        "and whether they agree on labels: "
        "tasks share the encoder, and what one corpus trains on is no fair test in another. "
        "Exits with 1 if training on it would fail.",
    )
    command.add_argument(
        "files",
        type=Path,
        nargs="*",
        metavar="FILE",
        help="a file, or a folder of texts or splits; several are compared",
    )
    command.add_argument("--params", type=Path, help="where sections and rules come from (default: params.yaml)")
    command.add_argument("--corpus", metavar="NAME", help="the section of params.yaml to read it by")
    command.add_argument("--format", metavar="F", help="xlsx, csv, tsv, json, jsonl, conll, conllu, wikiner, ...")
    command.add_argument("--text", nargs="+", metavar="COL", help="columns or keys with the text")
    command.add_argument("--words", metavar="COL", help="column or key with the words")
    command.add_argument("--sentence", metavar="COL", help="column that marks a sentence's first word")
    command.add_argument("--label", action="append", metavar="TASK=COL", help="column or key with a text's label")
    command.add_argument("--tags", action="append", metavar="TASK=COL", help="column or key with the words' tags")
    command.add_argument("--spans", action="append", metavar="TASK=KEY", help="key with spans of characters")
    command.add_argument("--columns", nargs="+", metavar="NAME", help="the columns of a table without a header line")
    command.add_argument("--delimiter", metavar="C", help="the character between columns")
    command.add_argument("--encoding", metavar="E", help="the encoding, if the one found is wrong")
    command.add_argument(
        "--tokenizer", metavar="FOLDER", help="folder or package:NAME, to count pieces (default: model.pretrained)"
    )
    command.add_argument("--json", action="store_true", help="print JSON in place of tables")
    command.set_defaults(command=_inspect)


def _inspect(arguments: argparse.Namespace) -> None:
    from tandem.corpora.inspection.agreement import with_disagreements  # noqa: PLC0415
    from tandem.corpora.inspection.choice import choose_corpus  # noqa: PLC0415
    from tandem.corpora.inspection.inspecting import inspect_choice  # noqa: PLC0415
    from tandem.corpora.inspection.settings import settings_of  # noqa: PLC0415
    from tandem.corpora.inspection.tables import print_inspections, watch_entries  # noqa: PLC0415
    from tandem.corpora.leakage.leakage import TextSet  # noqa: PLC0415
    from tandem.params import load_params  # noqa: PLC0415
    from tandem.tokens.piece_counts import choose_counter  # noqa: PLC0415

    path = arguments.params or Path("params.yaml")
    params = load_params(path) if arguments.params or path.is_file() else None
    files = arguments.files or [None]
    if len(files) > 1 and arguments.corpus is not None:
        raise TandemError(f"--corpus {arguments.corpus} is one section, but {len(files)} files are given: give one")
    choices = [choose_corpus(file, arguments.corpus, vars(arguments), params, path.parent) for file in files]
    count_pieces, skipped = choose_counter(arguments.tokenizer, params)
    texts = {choice.corpus.path: TextSet() for choice in choices} if len(choices) > 1 else {}
    inspected = []
    for number, choice in enumerate(choices):
        settings = settings_of(params, choice.section, count_pieces=count_pieces, skipped=skipped)
        before = dict(islice(texts.items(), number))
        settings = replace(settings, others=before, own=texts.get(choice.corpus.path))
        inspected.append((inspect_choice(choice, settings, watch_entries), choice))
    inspected = with_disagreements(inspected, params.tasks if params else {})
    print_inspections(inspected, as_json=arguments.json)
    if any(inspection.fails for inspection, _ in inspected):
        sys.exit(1)
