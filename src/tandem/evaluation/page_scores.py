"""The top of the page: what was evaluated, and how good it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tandem.evaluation.facts import TaskFacts
from tandem.evaluation.markup import Element, element, table, table_row

HEADLINE = {"classification": "macro_f1", "tagging": "f1"}
CARD_NAMES = {"macro_f1": "macro F1", "f1": "strict entity F1"}


def top(tasks: Sequence[TaskFacts], *, has_sharing: bool = False) -> tuple[Element, Element]:
    """The title with what was evaluated, and the links to the sections."""
    texts = ", ".join(f"{facts.n_texts:,} texts for {facts.task}" for facts in tasks)
    title = element(
        "div",
        element("h1", "What the model gets right, and where it goes wrong"),
        element("p", f"Test split: {texts}."),
    )
    title.set("class", "top")
    names = [("Sharing", "#sharing")] if has_sharing else []
    names += [("Scores", "#scores"), *((facts.task, f"#task-{facts.task}") for facts in tasks), ("Errors", "#errors")]
    links = element("nav", element("div", *(element("a", name, href=href) for name, href in names)))
    return title, links


def score_section(scores: Mapping[str, Any], intervals: Mapping[str, Any], tasks: Sequence[TaskFacts]) -> Element:
    """A card for each task's headline score and for the combined one, then every score."""
    before = scores.get("before", {})
    cards = []
    for facts in tasks:
        name = HEADLINE[facts.kind]
        chosen = [_at(block, facts.task, name) for block in (scores, before, intervals)]
        note = f"{facts.n_texts:,} texts" + (f", {_gold(facts):,} entities" if facts.kinds else "")
        cards.append(_card(facts.task, CARD_NAMES[name], note, *chosen))
    combined = [block.get("combined_score") for block in (scores, before, intervals)]
    if len(tasks) > 1 and combined[0] is not None:
        cards.append(_card("combined", "mean of the tasks", f"{len(tasks)} tasks", *combined))
    grid = element("div", *cards, class_="cards")
    return element("section", grid, _score_table(scores, before, intervals), id="scores")


def _card(name: str, what: str, note: str, score: float | None, was: float | None, interval: Any) -> Element:
    value = element("div", _number(score), class_="value")
    scale = element("div", element("i", class_="rail"), class_="scale")
    if score is not None:
        scale.append(element("i", class_="fill", style=f"width:{score:.2%}"))
    bounds = _bounds(interval)
    if bounds:
        low, high = bounds
        value.append(element("small", f"{low:.3f} to {high:.3f}"))
        scale.append(element("i", class_="range", style=f"left:{low:.2%};width:{high - low:.2%}"))
    if was is not None:
        scale.append(element("i", class_="was", style=f"left:{was:.2%}"))
        note += f" · {was:.3f} before training"
    if score is not None:
        scale.append(element("i", class_="now", style=f"left:{score:.2%}"))
    head = element("div", element("b", name), f" · {what}", class_="name")
    return element("div", head, value, scale, element("div", note, class_="note"), class_="card")


def _score_table(scores: Mapping[str, Any], before: Mapping[str, Any], intervals: Mapping[str, Any]) -> Element:
    made = table("score", "after training", "95 % interval", "before training")
    for path, value in _leaves({name: found for name, found in scores.items() if name not in ("before", "baseline")}):
        bounds = _bounds(_at(intervals, *path))
        interval = f"{bounds[0]:.4f} to {bounds[1]:.4f}" if bounds else ""
        made.append(
            table_row(" · ".join(path).replace("_", " "), _number(value, 4), interval, _number(_at(before, *path), 4))
        )
    why = (
        "Before training means the pretrained encoder with heads of random numbers: those scores are what guessing "
        "gives, and only what the trained model adds to them was learnt."
    )
    return element(
        "details",
        element("summary", "All scores"),
        element("div", made, class_="scroll"),
        element("p", why, class_="cut"),
    )


def _gold(facts: TaskFacts) -> int:
    return sum(count for kind, count in facts.kinds.items() if kind != "spurious")


def _leaves(block: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in block.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name), value


def _at(block: Any, *path: str) -> Any:
    for name in path:
        block = block.get(name) if isinstance(block, Mapping) else None
    return block


def _bounds(interval: Any) -> tuple[float, float] | None:
    low, high = _at(interval, "low"), _at(interval, "high")
    return None if low is None or high is None else (low, high)


def _number(value: Any, digits: int = 3) -> str:
    if isinstance(value, bool | str) or value is None:
        return "–" if value is None else str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}f}"
