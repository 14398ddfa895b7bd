"""`tandem compare`: whether one revision scores better than another."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from tandem.errors import TandemError


def add_compare(commands: Any) -> None:
    """Add the command."""
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


def _compare(arguments: argparse.Namespace) -> None:
    from tandem.commands.comparison_table import print_comparison  # noqa: PLC0415
    from tandem.evaluation.comparison import compare_runs  # noqa: PLC0415
    from tandem.evaluation.comparison_sources import read_runs  # noqa: PLC0415

    before, after = (_revisions(side, arguments.seeds) for side in (arguments.before, arguments.after))
    runs = read_runs([*before, *after])
    found = compare_runs(runs[: len(before)], runs[len(before) :], only_shared=arguments.shared)
    print_comparison(found, as_json=arguments.json)
    if arguments.fail_on_worse and "worse" in found.verdicts:
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
