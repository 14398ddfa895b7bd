"""HTML and SVG as a tree of elements: whatever is text stays text, because the serializer escapes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

Element = ElementTree.Element
Child = Element | str | None


def element(name: str, *children: Child, **attributes: Any) -> Element:
    """An element; `class_` is written `class`, `data_x` is `data-x`, attributes that are None are left out."""
    made = Element(name, {_name(key): _value(value) for key, value in attributes.items() if value is not None})
    for child in children:
        if isinstance(child, str):
            _append_text(made, child)
        elif child is not None:
            made.append(child)
    return made


def markup(*roots: Element) -> str:
    """The elements as HTML; the same tree gives the same text."""
    return "".join(ElementTree.tostring(root, encoding="unicode", method="html") for root in roots)


def table(*names: str) -> Element:
    """A table with its header row."""
    return element("table", element("tr", *(element("th", name) for name in names)))


def table_row(*values: str) -> Element:
    """A row of cells."""
    return element("tr", *(element("td", value) for value in values))


def figure(title: str, about: str, *content: Element, is_wide: bool = False) -> Element:
    """A figure under its title and a line that says how to read it."""
    caption = element("figcaption", element("h3", title), about)
    return element("figure", caption, *content, class_="wide" if is_wide else None)


def line_legend(labels: Sequence[str]) -> Element:
    """The names of a plot's lines, in the order of their colours."""
    items = (
        element("li", element("i", class_=f"s{number}"), element("span", label))
        for number, label in enumerate(labels, start=1)
    )
    return element("ul", *items, class_="legend")


def _append_text(made: Element, text: str) -> None:
    if len(made):
        made[-1].tail = (made[-1].tail or "") + text
    else:
        made.text = (made.text or "") + text


def _name(key: str) -> str:
    return key if key == "viewBox" else key.rstrip("_").replace("_", "-")


def _value(value: Any) -> str:
    return f"{round(value, 2):g}" if isinstance(value, float) else str(value)
