"""`tandem inspect`: what a corpus holds, before training."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


def add_inspect(commands: Any) -> None:
    """Add the command."""
    command = commands.add_parser(
        "inspect",
        help="what a corpus holds, and everything wrong with it, before training",
        description="Say which format a corpus is in, its statistics, and everything that is wrong with it. "
        "Fields come from the section of params.yaml that names the file (or from --corpus), and from the options; "
        "else they are guessed from common names. Exits with 1 if training on it would fail.",
    )
    command.add_argument("file", type=Path, nargs="?", metavar="FILE", help="a file, or a folder of texts or splits")
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
    from tandem.corpora.inspection.choice import choose_corpus  # noqa: PLC0415
    from tandem.corpora.inspection.inspecting import inspect_choice  # noqa: PLC0415
    from tandem.corpora.inspection.settings import settings_of  # noqa: PLC0415
    from tandem.corpora.inspection.tables import print_inspection, watch_entries  # noqa: PLC0415
    from tandem.params import load_params  # noqa: PLC0415
    from tandem.tokens.piece_counts import choose_counter  # noqa: PLC0415

    path = arguments.params or Path("params.yaml")
    params = load_params(path) if arguments.params or path.is_file() else None
    choice = choose_corpus(arguments.file, arguments.corpus, vars(arguments), params, path.parent)
    count_pieces, skipped = choose_counter(arguments.tokenizer, params)
    settings = settings_of(params, choice.section, count_pieces=count_pieces, skipped=skipped)
    inspection = inspect_choice(choice, settings, watch_entries)
    print_inspection(inspection, choice, as_json=arguments.json)
    if inspection.fails:
        sys.exit(1)
