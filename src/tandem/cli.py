"""The command `tandem`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from tandem.commands.embedding import add_embed
from tandem.commands.exporting import add_export
from tandem.commands.predicting import add_predict
from tandem.errors import TandemError


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
    commands = parser.add_subparsers(title="commands", required=True)
    _add_parameters(commands)
    _add_summary(commands)
    _add_inspect(commands)
    _add_compare(commands)
    add_predict(commands)
    add_embed(commands)
    add_export(commands)
    _add_verify(commands)
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


def _add_inspect(commands: Any) -> None:
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


def _add_compare(commands: Any) -> None:
    command = commands.add_parser(
        "compare",
        help="whether one revision scores better than another",
        description="Compare the scores of two revisions on the same test texts, from their stored predictions: each "
        "difference with its 95% interval, and whether it is more than noise. Nothing is predicted or downloaded.",
        epilog="A revision is a commit, a branch, a tag, an experiment (dvc exp list) or `workspace`: "
        "tandem compare main, tandem compare v1 v2, tandem compare --seeds a1,a2,a3 b1,b2,b3",
    )
    command.add_argument("before", metavar="A", nargs="?", default="HEAD", help="before (default: %(default)s)")
    command.add_argument("after", metavar="B", nargs="?", default="workspace", help="after (default: %(default)s)")
    command.add_argument(
        "--seeds",
        action="store_true",
        help="A and B each name several runs, with commas between, that differ in their seed: the intervals then cover "
        "the seed too",
    )
    command.add_argument(
        "--shared", action="store_true", help="where the test texts differ, compare on those that all runs have"
    )
    command.add_argument(
        "--fail-on-worse", action="store_true", help="exit with 1 if a score is worse; what is not comparable passes"
    )
    command.add_argument("--json", action="store_true", help="print JSON in place of tables")
    command.set_defaults(command=_compare)


def _add_verify(commands: Any) -> None:
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


# Each command imports what it needs, so that `--help` waits for no library.


def _parameters(arguments: argparse.Namespace) -> None:
    from tandem.params import load_params  # noqa: PLC0415
    from tandem.training.choices import list_choices, print_choices  # noqa: PLC0415

    print_choices(list_choices(load_params(arguments.params), arguments.tokens), as_json=arguments.json)


def _summary(arguments: argparse.Namespace) -> None:
    from tandem.evaluation.summary import print_summary  # noqa: PLC0415

    print_summary(arguments.metrics)


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


def _compare(arguments: argparse.Namespace) -> None:
    from tandem.evaluation.comparison import compare_runs  # noqa: PLC0415
    from tandem.evaluation.comparison_sources import read_runs  # noqa: PLC0415
    from tandem.evaluation.comparison_table import print_comparison  # noqa: PLC0415

    before, after = (_revisions(side, arguments.seeds) for side in (arguments.before, arguments.after))
    runs = read_runs([*before, *after])
    found = compare_runs(runs[: len(before)], runs[len(before) :], only_shared=arguments.shared)
    print_comparison(found, as_json=arguments.json)
    if arguments.fail_on_worse and "worse" in found.verdicts:
        sys.exit(1)


def _verify(arguments: argparse.Namespace) -> None:
    from tandem.verification.command import run_verification  # noqa: PLC0415

    if not run_verification(is_repaired=arguments.repair, as_json=arguments.json):
        sys.exit(1)


def _revisions(side: str, is_many: bool) -> list[str]:
    """The revisions that one side of a comparison names."""
    if not is_many:
        return [side]
    names = [name.strip() for name in side.split(",") if name.strip()]
    if len(names) < 2:
        raise TandemError(
            f"--seeds needs several runs a side, with commas between, got {side!r}: "
            "tandem compare --seeds A1,A2,A3 B1,B2,B3"
        )
    return names
