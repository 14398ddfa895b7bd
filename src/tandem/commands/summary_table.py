"""The results of a run as tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tandem.artifacts import read_json
from tandem.errors import TandemError
from tandem.evaluation.intervals import LEVEL
from tandem.evaluation.sharing import told


def print_summary(metrics: Path) -> None:
    """Print scores before and after training, what sharing does, and the parity with the reference, from metrics.

    Raises `TandemError` if the run has not come so far.
    """
    console = Console()
    try:
        scores = read_json(metrics / "evaluate.json")
        parity = read_json(metrics / "parity_check.json")
        tables = [_scores(scores), *_sharing(metrics / "twins", scores), _parity(parity)]
    except (KeyError, TypeError, AttributeError) as error:
        raise TandemError(f"{metrics} holds metrics of another version ({error}): run `dvc repro`") from error
    console.print(*tables, sep="\n")


def _scores(evaluation: dict[str, Any]) -> Table:
    before = evaluation["before"]
    baseline = evaluation.get("baseline")  # metrics of an earlier version have none
    columns = {"before": before, "baseline": baseline, "after": evaluation}
    blocks = {name: block for name, block in columns.items() if block is not None}
    table = Table("task", "score", *blocks, title="Test split", title_justify="left")
    for column in table.columns[2:]:
        column.justify = "right"
    for task, name in _names(before):
        values = (block[task].get(name) if name else block[task] for block in blocks.values())
        table.add_row(task, name, *map(_shown, values))
    return table


def _names(before: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for task, scores in before.items():
        if isinstance(scores, dict):
            yield from ((task, name) for name in scores)
    yield "combined_score", ""


def _shown(value: float | None) -> str:
    if value is None:
        return "undefined"
    return str(value) if isinstance(value, int) else f"{value:.4f}"


def _sharing(folder: Path, evaluation: dict[str, Any]) -> Iterator[Table]:
    """A table of the single-task twins, where there are any; one of another run than the scores' is named as such."""
    found = {path.stem: read_json(path) for path in sorted(folder.glob("*.json"))}
    if not found:
        return
    table = Table("task", "score", "alone", "shared", "difference", f"{LEVEL:.0%} interval", "verdict")
    table.title, table.title_justify = "Does sharing help?", "left"
    for column in table.columns[2:6]:
        column.justify = "right"
    for task, block in found.items():
        name = block["f1_name"]
        row = block[name]
        if row["shared"] != evaluation.get(task, {}).get(name):
            table.add_row(task, name, "", "", "", "", "of another run: dvc repro")
            continue
        interval = "" if row["low"] is None else f"{row['low']:+.4f} to {row['high']:+.4f}"
        difference = "" if row["difference"] is None else f"{row['difference']:+.4f}"
        table.add_row(
            task, name, _shown(row["alone"]), _shown(row["shared"]), difference, interval, told(row["effect"])
        )
    yield table


def _parity(parity: dict[str, Any]) -> Table:
    table = Table(
        "encoder", "largest difference", "smallest cosine", title="Parity with transformers", title_justify="left"
    )
    for name in ("pretrained", "trained"):
        found = parity[name]
        places = [*found["layers"].values(), found["tokens"], found["cls"], found["mean"]]
        largest = max(place["max_abs_diff"] for place in places)
        table.add_row(name, f"{largest:.1e}", f"{found['min_cosine']:.7f}")
    return table
