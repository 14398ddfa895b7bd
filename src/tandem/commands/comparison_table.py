"""A comparison as tables on a terminal, with what the intervals mean in words; or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tandem.evaluation.comparison import COMBINED, Comparison, Difference, TaskComparison
from tandem.evaluation.intervals import LEVEL

_STYLES = {"better": "green", "worse": "bold red", "not comparable": "yellow"}
_WIDTHS = {"score": 14, "before": 6, "after": 6, "difference": 10, f"{LEVEL:.0%} interval": 18, "verdict": 14}


def print_comparison(found: Comparison, *, as_json: bool) -> None:
    """Print the differences by task, and what they mean."""
    if as_json:
        Console(soft_wrap=True).print_json(data=comparison_json(found))
        return
    console = Console(highlight=False)
    console.print(f"before: {', '.join(found.before)}", f"after:  {', '.join(found.after)}", "", sep="\n", markup=False)
    for task, compared in found.tasks.items():
        console.print(_table(f"{task}, {_sizes(compared)}", compared.scores), "")
    console.print(_table("all tasks", {COMBINED: found.combined}), "")
    for line in _words(found):
        console.print(line, markup=False)


def comparison_json(found: Comparison) -> dict[str, Any]:
    """A comparison as plain values."""
    return {
        "before": list(found.before),
        "after": list(found.after),
        "level": LEVEL,
        "covers": ["texts", "seeds"] if found.covers_seeds else ["texts"],
        "tasks": {
            task: {
                "n_before": compared.n_before,
                "n_after": compared.n_after,
                "n_shared": compared.n_shared,
                "n_units": compared.n_units,
                "scores": {name: _plain(score) for name, score in compared.scores.items()},
            }
            for task, compared in found.tasks.items()
        },
        COMBINED: _plain(found.combined),
    }


def _plain(score: Difference) -> dict[str, Any]:
    return {
        "before": score.before,
        "after": score.after,
        "difference": score.difference,
        "interval": None if score.interval is None else list(score.interval),
        "verdict": score.verdict,
    }


def _sizes(compared: TaskComparison) -> str:
    if compared.n_before == compared.n_after == compared.n_shared:
        groups = f" in {compared.n_units:,} groups" if 0 < compared.n_units < compared.n_shared else ""
        return f"{compared.n_shared:,} texts{groups}"
    return f"{compared.n_before:,} texts before and {compared.n_after:,} after, {compared.n_shared:,} shared"


def _table(title: str, scores: Mapping[str, Difference]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.title, table.title_justify, table.title_style = Text(title), "left", "bold"
    for name, width in _WIDTHS.items():
        table.add_column(name, min_width=width, justify="left" if name in ("score", "verdict") else "right")
    for name, score in scores.items():
        table.add_row(name, *_cells(score), Text(score.verdict, style=_STYLES.get(score.verdict, "")))
    return table


def _cells(score: Difference) -> Iterator[str]:
    for value in (score.before, score.after):
        yield "" if value is None else f"{value:.4f}"
    if score.difference is None or score.interval is None:
        yield from ("", "")
        return
    yield _signed(score.difference)
    yield " to ".join(map(_signed, score.interval))


def _signed(value: float) -> str:
    """With its sign, which tells on which side of 0 even what rounds to it lies."""
    return f"{value:+.4f}" if value else "0.0000"


def _words(found: Comparison) -> Iterator[str]:
    """What the intervals cover, and what the verdicts mean."""
    if found.covers_seeds:
        yield (
            "The intervals cover the choice of test texts and the training seed: how far the difference of the means "
            "would go with other texts of the same kind and other seeds."
        )
    else:
        yield (
            "The intervals cover the choice of test texts: how far the difference would go with other texts of the "
            "same kind. They do not cover the training seed: trained with another one, either side may score "
            "otherwise. With several runs a side, `tandem compare --seeds A1,A2,A3 B1,B2,B3` covers both."
        )
    if any(0 < task.n_units < task.n_shared for task in found.tasks.values()):
        yield "Texts of one group (`corpora.*.group`) depend on each other: whole groups are drawn."
    yield (
        f"better, worse: the {LEVEL:.0%} interval excludes 0. Without any true difference that still happens to about "
        f"one score in {round(1 / (1 - LEVEL))}."
    )
    if "not comparable" in found.verdicts:
        yield (
            "not comparable: the test texts differ, and each side is scored on its own. `--shared` compares on the "
            "texts that both have."
        )
    elif any(task.n_shared < max(task.n_before, task.n_after) for task in found.tasks.values()):
        yield "Only the texts that all runs share are compared: same corpus, same row, same gold answer."
