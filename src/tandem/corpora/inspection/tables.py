"""An inspection as tables on a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from tandem.corpora.inspection.choice import Choice
from tandem.corpora.inspection.findings import TOLD_BY_EXAMPLE, Finding, Severity, shown
from tandem.corpora.inspection.report import Inspection
from tandem.corpora.readers.entries import Entry

LABELS_LISTED = 15
LABEL_CHARACTERS = 40

_STYLES: Mapping[Severity, str] = {"error": "bold red", "warning": "yellow", "info": "dim"}
_WIDEST = 120
_ENTRIES_A_STEP = 500


def print_inspections(inspected: Sequence[tuple[Inspection, Choice]], *, as_json: bool) -> None:
    """Print of each corpus how it was read and everything found, the verdict last; or the same as JSON.

    The JSON of several corpora is a list.
    """
    console = Console(highlight=False, markup=False, emoji=False)
    if as_json:
        wholes = [_as_dict(*pair) for pair in inspected]
        whole = wholes[0] if len(wholes) == 1 else wholes
        console.print(json.dumps(whole, indent=2, sort_keys=True), soft_wrap=True)
        return
    console.width = min(console.width, _WIDEST)
    for inspection, choice in inspected:
        for part in _parts(inspection, choice):
            console.print(part)


def _as_dict(inspection: Inspection, choice: Choice) -> dict[str, Any]:
    fields = {key: value for key, value in asdict(choice.corpus).items() if value not in (None, {}, ())}
    return {**inspection.as_dict(), "section": choice.section, "guessed": list(choice.guessed), "fields": fields}


def watch_entries(entries: Iterator[Entry]) -> Iterator[Entry]:
    """Hand on entries, showing on stderr how many there were, if that is a terminal."""
    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} texts read"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=None)
        for number, entry in enumerate(entries):
            if number % _ENTRIES_A_STEP == 0:
                progress.update(bar, completed=number)
            yield entry


def _parts(inspection: Inspection, choice: Choice) -> Iterator[RenderableType]:
    yield _facts(inspection, choice)
    if inspection.kept:
        yield _lengths(inspection)
    for task, counts in inspection.labels.items():
        if counts:
            yield _labels(task, counts)
    if inspection.findings:
        yield _findings(inspection.findings)
    style = "bold red" if inspection.fails else "bold green"
    yield Text(inspection.verdict, style=style)


def _facts(inspection: Inspection, choice: Choice) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    table.add_row("file", inspection.path)
    if choice.section is not None:
        table.add_row("fields", f"as in params.yaml, corpora.{choice.section}")
    for guess in choice.guessed:
        table.add_row("guessed", guess)
    for split, facts in inspection.facts.items():
        table.add_row("format" if split is None else split, ", ".join(_told(facts)))
    if inspection.facts:
        dropped = "" if inspection.kept == inspection.entries else f" of {inspection.entries:,}"
        splits = ", ".join(f"{count:,} {split}" for split, count in inspection.kept_by_split.items())
        table.add_row(inspection.unit, f"{inspection.kept:,}{dropped}" + (f" ({splits})" if splits else ""))
    for task, schemes in inspection.schemes.items():
        read_as = "" if schemes.recognised in (None, schemes.read_as) else f", read as {schemes.read_as}"
        table.add_row("tag scheme", f"{task}: {schemes.recognised or 'no entities'}{read_as}")
    for skipped in inspection.skipped:
        table.add_row("skipped", skipped)
    return table


def _told(facts: Mapping[str, object]) -> Iterator[str]:
    """Facts in words: what is a matter of course is left out."""
    for key, value in facts.items():
        if key in ("quoted", "group", "engine"):
            continue
        if key in ("format", "encoding", "compression"):
            yield str(value)
        elif key == "header":
            yield "a header" if value else "no header"
        elif key == "delimiter" and len(str(value)) == 1:
            yield f"delimiter {value!r}"
        elif value is True:
            yield key.replace("_", " ")
        elif isinstance(value, Mapping):
            yield f"{key} {', '.join(map(str, value))}"
        elif value not in (False, None, 0):
            yield f"{key.replace('_', ' ')} {value}"


def _lengths(inspection: Inspection) -> RenderableType:
    table = _table("length in", right=("5 %", "median", "95 %", "longest", "all together"))
    lengths = inspection.lengths
    for unit, found in lengths.quantiles().items():
        table.add_row(unit, *(f"{length:,}" for length in found.values()), f"{lengths.total(unit):,}")
    if not lengths.n_texts("pieces"):
        return table
    told = [f"{inspection.unknown_share:.2%} of the pieces are unknown to the tokenizer"]
    if inspection.max_length is not None:
        told = [
            f"{inspection.beyond_share:.1%} of the {inspection.unit} exceed {inspection.max_length} pieces "
            f"({inspection.beyond:,})",
            *told,
        ]
    return Group(table, Text("; ".join(told)))


def _labels(task: str, counts: Mapping[str, int]) -> Table:
    table = _table(f"{task}: {len(counts):,} labels", right=("count", "share"))
    n_all = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    for label, count in ordered[:LABELS_LISTED]:
        table.add_row(shown(label, LABEL_CHARACTERS), f"{count:,}", f"{count / n_all:.1%}")
    if rest := ordered[LABELS_LISTED:]:
        n_rest = sum(count for _, count in rest)
        table.add_row(f"{len(rest):,} more", f"{n_rest:,}", f"{n_rest / n_all:.1%}")
    return table


def _findings(findings: Sequence[Finding]) -> Table:
    table = _table("", "finding", right=("count",))
    table.columns[1].ratio = 1
    table.columns[0].no_wrap = True
    table.expand = True
    table.add_column("first rows", max_width=28, overflow="fold")
    for finding in findings:
        style = _STYLES[finding.severity]
        message = Text(finding.title)
        for example in finding.examples:
            message.append(f"\n{'' if finding.kind in TOLD_BY_EXAMPLE else '  '}{example}", style="dim")
        rows = ", ".join(map(str, finding.rows)) + (", ..." if finding.count > len(finding.rows) > 0 else "")
        table.add_row(Text(finding.severity, style=style), message, f"{finding.count:,}" if finding.count else "", rows)
    return table


def _table(*left: str, right: Sequence[str]) -> Table:
    table = Table(*left, box=box.SIMPLE_HEAD, padding=(0, 1), title_justify="left", pad_edge=False)
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table
