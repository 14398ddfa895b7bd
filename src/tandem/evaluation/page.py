"""`report.html`: one file that shows the scores, the plots and the errors, in any browser, without a network.

The texts stand in the page as JSON, the surest mistakes first, as many as fit; its script draws what is asked for.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from tandem.artifacts import atomic_file
from tandem.evaluation.error_rows import ErrorRow, Mark
from tandem.evaluation.facts import TaskFacts
from tandem.evaluation.markup import markup
from tandem.evaluation.page_scores import score_section, top
from tandem.evaluation.page_sections import errors_section, footer, task_section
from tandem.evaluation.page_sharing import sharing_section
from tandem.evaluation.sharing import Sharing

TEXT_BUDGET = 4_000_000
"""Bytes of texts in a page; with the plots it stays under 5 MB."""
LONGEST, LEAD = 1600, 300
"""Characters of a text that are shown, and of those before its first error."""


def write_page(
    path: Path,
    *,
    scores: Mapping[str, Any],
    intervals: Mapping[str, Any] | None,
    tasks: Sequence[TaskFacts],
    sharing: Sharing | None = None,
    text_budget: int = TEXT_BUDGET,
) -> None:
    """Write the page; the same values give the same bytes.

    `scores` are the metrics of `evaluate.json`; `intervals` has `low` and `high` for each score that has an interval,
    nested as the scores are, or is None. `sharing` compares a task trained alone, of which the page then is.
    """
    sections = [
        *top(tasks, has_sharing=sharing is not None),
        *([] if sharing is None else [sharing_section(sharing)]),
        score_section(scores, intervals or {}, tasks),
        *(task_section(facts) for facts in tasks),
        errors_section(tasks),
        footer(has_intervals=bool(intervals)),
    ]
    script = _resource("page.js")
    parts = {
        "script_hash": "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "style": _resource("page.css"),
        "body": markup(*sections[:2]) + "\n<main>\n" + markup(*sections[2:]) + "\n</main>",
        "data": error_data(tasks, text_budget).replace(b"<", b"\\u003c").decode(),
        "script": script,
    }
    page = _resource("page_template.html")
    before, *rest = page.split("{{")
    filled = [before, *(parts[name] + after for name, _, after in (part.partition("}}") for part in rest))]
    with atomic_file(path) as handle:
        handle.write("".join(filled).encode())


def error_data(tasks: Sequence[TaskFacts], text_budget: int) -> bytes:
    """The errors as the page's script reads them: tasks share the budget, and leave each other what they spare."""
    packed = [[orjson.dumps(_packed(number, error)) for error in facts.errors] for number, facts in enumerate(tasks)]
    kept: dict[int, list[bytes]] = {}
    left = text_budget
    needs = [sum(map(_size, rows)) for rows in packed]
    for done, number in enumerate(sorted(range(len(packed)), key=lambda number: needs[number])):
        share = left // (len(packed) - done)
        kept[number] = _affordable(packed[number], share)
        left -= sum(map(_size, kept[number]))
    told = [
        {
            "task": facts.task,
            "total": len(facts.errors),
            "kept": len(kept[number]),
            "file": f"predictions/{facts.task}.jsonl",
        }
        for number, facts in enumerate(tasks)
    ]
    rows = b",\n".join(row for number in range(len(tasks)) for row in kept[number])
    return b'{"tasks":' + orjson.dumps(told) + b',"rows":[\n' + rows + b"\n]}"


def _affordable(rows: Sequence[bytes], budget: int) -> list[bytes]:
    kept = []
    for row in rows:
        budget -= _size(row)
        if budget < 0:
            break
        kept.append(row)
    return kept


def _size(row: bytes) -> int:
    return len(row) + 5 * row.count(b"<") + 2


def _packed(task: int, error: ErrorRow) -> list[Any]:
    """A row as `page.js` takes it apart; of a long text, the part around its first errors."""
    wrong = [mark for mark in error.marks if mark.kind != "correct"]
    begin = max(0, _extent(wrong[0])[0] - LEAD) if wrong and len(error.text) > LONGEST else 0
    begin = min(begin, max(0, len(error.text) - LONGEST))
    end = begin + LONGEST
    inside = [mark for mark in error.marks if begin <= _extent(mark)[0] and _extent(mark)[1] <= end]
    hidden = len(wrong) - sum(mark.kind != "correct" for mark in inside)
    marks = [
        [mark.kind, _shifted(mark.gold, begin), _shifted(mark.predicted, begin), round(mark.confidence, 4)]
        for mark in inside
    ]
    is_cut = int(begin > 0), int(end < len(error.text))
    answers = error.gold, error.predicted, round(error.confidence, 4)
    return [task, error.corpus, error.row, error.text[begin:end], *answers, marks or None, *is_cut, hidden]


def _extent(mark: Mark) -> tuple[int, int]:
    sides = [side for side in (mark.gold, mark.predicted) if side is not None]
    return min(side[0] for side in sides), max(side[1] for side in sides)


def _shifted(side: tuple[int, int, str] | None, begin: int) -> list[Any] | None:
    return None if side is None else [side[0] - begin, side[1] - begin, side[2]]


def _resource(name: str) -> str:
    return files("tandem.evaluation").joinpath(name).read_text("utf-8")
