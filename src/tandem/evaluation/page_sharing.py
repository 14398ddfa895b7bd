"""The section of a twin's page that says what sharing the encoder does to the task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tandem.evaluation.markup import Element, element
from tandem.evaluation.sharing import Sharing, told

_COUNTED = {
    "shared": "Alone, the task took as many optimizer steps as the shared run planned for it",
    "own": "Alone, the task was trained with the shared run's params, whatever number of steps they gave it",
}


def sharing_section(found: Sharing) -> Element:
    """The verdict on the task's main score, every difference with its interval, and what "alone" means."""
    rows = {name: row for name, row in found.metrics().items() if isinstance(row, dict) and "effect" in row}
    reach = max((abs(row[end]) for row in rows.values() for end in ("low", "high") if row[end] is not None), default=0)
    header = element("tr", *(element("th", name) for name in ("score", "alone", "shared", "difference", "", "verdict")))
    made = element("table", header, *(_row(name, row, reach or 1.0) for name, row in rows.items()))
    steps = f"{found.steps['alone']:,} steps, {found.steps['shared']:,} in the shared run of all tasks"
    about = (
        f"{_COUNTED[found.counted]} ({steps}). A difference is shared minus alone, on the same {found.n:,} test texts: "
        "below 0, the other tasks do harm. The bar is its 95 % interval, which covers the choice of test texts, not "
        "the seeds of the two trainings. The rest of this page is about the model trained alone."
    )
    verdict = element("p", found.summary() + ".", class_=f"verdict {_tone(rows[found.f1]['effect'])}")
    return element(
        "section",
        element("h2", "Does sharing help?", element("small", f"{found.task} alone and in the shared model")),
        element(
            "figure",
            verdict,
            element("div", made, class_="scroll"),
            element("p", about, class_="cut"),
        ),
        id="sharing",
    )


def _row(name: str, row: Mapping[str, Any], reach: float) -> Element:
    cells = [name.replace("_", " "), *(_number(row[key], "{:.4f}") for key in ("alone", "shared"))]
    interval = ""
    if row["low"] is not None:
        interval = f" ({row['low']:+.4f} to {row['high']:+.4f})"
    return element(
        "tr",
        *(element("td", cell) for cell in cells),
        element("td", _number(row["difference"], "{:+.4f}") + interval),
        element("td", _scale(row, reach), class_="bar"),
        element("td", told(row["effect"]), class_=f"verdict {_tone(row['effect'])}"),
    )


def _scale(row: Mapping[str, Any], reach: float) -> Element:
    """A bar from the interval's lower to its upper end around a mark at 0."""
    made = element("div", element("i", class_="rail"), element("i", class_="zero"), class_="scale")
    if row["low"] is not None:
        left, right, now = (0.5 + row[key] / (2 * reach) for key in ("low", "high", "difference"))
        made.append(element("i", class_="range", style=f"left:{left:.2%};width:{right - left:.2%}"))
        made.append(element("i", class_="now", style=f"left:{now:.2%}"))
    return made


def _tone(effect: str) -> str | None:
    return {"sharing helps": "gain", "sharing hurts": "loss"}.get(effect, "open")


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)
