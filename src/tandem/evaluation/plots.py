"""Plots as inline SVG; colours and fonts come from the page's style sheet, so that they follow its theme.

Coordinates are in pixels of the picture's own box, y downwards; `share` values lie in [0, 1].
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from tandem.evaluation.curves import ALL, Values
from tandem.evaluation.markup import Child, Element, element

WIDTH, HEIGHT = 360, 290
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 12, 40
CHARACTER = 7.0  # the width of one in the labels, roughly

Place = tuple[float, float]
Box = tuple[float, float, float, float]


def heatmap(
    labels: tuple[Sequence[str], Sequence[str]],
    counts: Mapping[tuple[str, str], int],
    title: str,
    link: Callable[[str, str], str],
) -> Element:
    """Counts of (gold, predicted) by rows and columns; a cell's colour is its share of the row's whole count.

    A cell off the diagonal leads to `link(gold, predicted)`.
    """
    rows, columns = labels
    wide, high = next(size for most, size in _CELLS if len(columns) <= most)
    margin = 14 + CHARACTER * max((len(name) for name in rows), default=0)
    is_level = CHARACTER * max((len(name) for name in columns), default=0) < wide
    lean = 0.0 if is_level else 0.72 * CHARACTER * max(len(name) for name in columns)
    head = 24 + lean
    made: list[Child] = []
    totals: Counter[str] = Counter()
    for (gold, _), count in counts.items():
        totals[gold] += count
    for column, name in enumerate(columns):
        x, y = margin + (column + 0.5) * wide, head - 7
        turned = None if is_level else f"rotate(-45 {x:g} {y:g})"
        made.append(element("text", name, x=x, y=y, transform=turned, class_="label middle" if is_level else "label"))
    for row, gold in enumerate(rows):
        y = head + row * high
        made.append(element("text", gold, x=margin - 7, y=y + high / 2 + 4, class_="label end"))
        for column, name in enumerate(columns):
            box = (margin + column * wide, y, wide - 2.0, high - 2.0)
            made.append(_cell(box, (gold, name), counts.get((gold, name), 0), totals[gold], link))
    right = max(0.0, lean - wide / 2) + 8
    return _picture(title, margin + wide * len(columns) + right, head + high * len(rows) + 4, made, "heatmap")


_CELLS = ((3, (92, 60)), (7, (56, 38)), (16, (34, 25)), (math.inf, (28, 24)))
"""How large a cell is, up to a number of columns."""


def _cell(box: Box, pair: tuple[str, str], count: int, total: int, link: Callable[[str, str], str]) -> Element:
    x, y, width, height = box
    gold, predicted = pair
    if not count:
        return element("rect", x=x, y=y, width=width, height=height, rx=3, class_="empty")
    share = count / total
    name = "right" if gold == predicted else "wrong"
    strength = 0.12 + 0.88 * math.sqrt(share)
    tone = f"{name} strong" if strength > 0.6 else name
    middle = x + width / 2
    roomy = width > 80
    made = element(
        "g",
        element("title", f"{gold}, answered {predicted}: {count:,} ({share:.1%} of the row)"),
        element("rect", x=x, y=y, width=width, height=height, rx=3, fill_opacity=strength),
        element("text", short(count), x=middle, y=y + height / 2 + (-1 if roomy else 4), class_="middle"),
        element("text", f"{share:.0%}", x=middle, y=y + height / 2 + 15, class_="middle minor") if roomy else None,
        class_=f"cell {tone}",
    )
    return made if name == "right" else element("a", made, href=link(gold, predicted))


def curve_plot(rows: Values, title: str, *, threshold: str = "from confidence") -> Element:
    """Precision against recall, a line a label; rows of one label follow each other, recall ascending.

    A dot marks the row with a `mark` (what to say of it), or else the last, where everything is kept.
    """
    made = [*_frame("recall", "precision")]
    for number, (label, group) in enumerate(groupby(rows, key=lambda row: row["label"]), start=1):
        own = list(group)
        points = [(row["recall"], row["precision"], row["threshold"]) for row in own]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (_place(point[0], point[1]) for point in points))
        made.append(element("polyline", points=line, class_=f"line s{number}{' bold' if label == ALL else ''}"))
        step = max(1, len(points) // 24)
        for recall, precision, value in points[::step]:
            text = f"{label}: precision {precision:.3f} at recall {recall:.3f}, {threshold} {value:.3f}"
            made.append(_dot(_place(recall, precision), 6, "touch", text))
        marked = next((row for row in own if "mark" in row), own[-1])
        place = _place(marked["recall"], marked["precision"])
        told = f"{label}: {marked.get('mark', 'everything kept')}"
        made.append(_dot(place, 5 if "mark" in marked else 3.5, f"dot s{number}", told))
    return _picture(title, WIDTH, HEIGHT, made)


def reliability_plot(rows: Values, title: str) -> Element:
    """How often answers of some confidence are right, against the diagonal; below, how many there are."""
    made = [*_frame("confidence", "share that is right")]
    made.append(_line(_place(0, 0), _place(1, 1), "guide"))
    total = sum(row["count"] for row in rows)
    for row in rows:
        x, floor = _place(row["bin"] + 0.01, 0)
        high = (HEIGHT - TOP - BOTTOM) * 0.5 * row["count"] / total
        width = (WIDTH - LEFT - RIGHT) * 0.08
        bar = element("rect", x=x, y=floor - high, width=width, height=high, class_="bar")
        text = f"confidence {row['bin']:.1f} to {row['bin'] + 0.1:.1f}: {row['count']:,} answers"
        made.append(element("g", element("title", text), bar))
    made += [_line(_place(row["confidence"], row["confidence"]), _spot(row), "gap") for row in rows]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(_spot, rows))
    made.append(element("polyline", points=line, class_="line s1 bold"))
    for row in rows:
        text = f"{row['accuracy']:.1%} of {row['count']:,} right, at a mean confidence of {row['confidence']:.1%}"
        made.append(_dot(_spot(row), 5, "dot s1", text))
    return _picture(title, WIDTH, HEIGHT, made)


def _spot(row: Mapping[str, float]) -> Place:
    return _place(row["confidence"], row["accuracy"])


def support_plot(rows: Values, title: str) -> Element:
    """F1 against how many gold answers a label has, on a logarithmic axis; labels without any are left out."""
    shown = sorted((row for row in rows if row["support"]), key=lambda row: -row["support"])
    most = max((row["support"] for row in shown), default=1)
    reach = math.log10(most) * 1.04 + 0.1 or 1.0
    ticks = [(math.log10(value) / reach, short(value)) for value in _round_numbers(most)]
    made: list[Child] = [*_frame("gold answers of the label (logarithmic)", "F1", ticks)]
    places = {row["label"]: _place(math.log10(row["support"]) / reach, row["f1"]) for row in shown}
    taken: list[Box] = [(x - 4, y - 4, x + 4, y + 4) for x, y in places.values()]
    for row in shown:
        x, y = places[row["label"]]
        made.append(_dot((x, y), 4.5, "dot s1", f"{row['label']}: F1 {row['f1']:.3f}, {row['support']:,} gold"))
        made.append(_name_near(row["label"], (x, y), taken))
    return _picture(title, WIDTH, HEIGHT, made)


def short(count: int) -> str:
    """A count in at most four or five characters: 950, 1.2k, 34k, 1.5M."""
    for size, letter in ((1_000_000, "M"), (1000, "k")):
        if count >= size:
            value = count / size
            return f"{value:.0f}{letter}" if value >= 10 else f"{value:.1f}".removesuffix(".0") + letter
    return str(count)


def _round_numbers(most: float) -> Iterator[int]:
    """1, 3, 10, 30, ... as far as they go; powers of ten alone where there are many."""
    for power in range(int(math.log10(most)) + 1):
        yield from (digit * 10**power for digit in ((1, 3) if most < 10_000 else (1,)) if digit * 10**power <= most)


def _name_near(label: str, place: Place, taken: list[Box]) -> Element | None:
    """The label beside its dot where there is room, and none otherwise: the dot's tooltip has it."""
    x, y = place
    width = 0.95 * CHARACTER * len(label)
    for dx, dy in ((8, 3.5), (-8 - width, 3.5), (-width / 2, -8), (-width / 2, 15)):
        box = (x + dx, y + dy - 8, x + dx + width, y + dy + 2)
        inside = box[0] > LEFT and box[2] < WIDTH - 2 and box[1] > TOP - 8 and box[3] < HEIGHT - BOTTOM
        if inside and not any(_overlap(box, other) for other in taken):
            taken.append(box)
            return element("text", label, x=x + dx, y=y + dy, class_="small")
    return None


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


_FIFTHS = [(step / 5, f"{step / 5:.1f}") for step in range(6)]


def _frame(across: str, upwards: str, ticks: Sequence[tuple[float, str]] = _FIFTHS) -> Iterator[Element]:
    """Grid lines, ticks and the names of the axes; the upward axis always runs from 0 to 1."""
    for share, name in _FIFTHS:
        yield _line(_place(0, share), _place(1, share), "grid")
        yield element("text", name, x=LEFT - 7, y=_place(0, share)[1] + 4, class_="tick end")
    for share, name in ticks:
        yield _line(_place(share, 0), _place(share, 1), "grid")
        yield element("text", name, x=_place(share, 0)[0], y=HEIGHT - BOTTOM + 16, class_="tick middle")
    middle = TOP + (HEIGHT - TOP - BOTTOM) / 2
    yield element("text", across, x=LEFT + (WIDTH - LEFT - RIGHT) / 2, y=HEIGHT - 6, class_="axis middle")
    yield element("text", upwards, x=11, y=middle, transform=f"rotate(-90 11 {middle:g})", class_="axis middle")


def _place(across: float, upwards: float) -> Place:
    return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - upwards * (HEIGHT - TOP - BOTTOM)


def _line(start: Place, end: Place, name: str) -> Element:
    return element("line", x1=start[0], y1=start[1], x2=end[0], y2=end[1], class_=name)


def _dot(place: Place, radius: float, name: str, text: str) -> Element:
    return element("circle", element("title", text), cx=place[0], cy=place[1], r=radius, class_=name)


def _picture(title: str, width: float, height: float, children: Iterable[Child], name: str = "chart") -> Element:
    box = f"0 0 {width:.0f} {height:.0f}"
    style = f"width:{width:.0f}px" if name == "heatmap" else None
    return element(
        "svg", element("title", title), *children, viewBox=box, role="group", aria_label=title, class_=name, style=style
    )
