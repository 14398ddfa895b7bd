"""The figure of an operating point: what a bias on `O` gains in recall, and what it costs in precision."""

from __future__ import annotations

from tandem.evaluation.curves import Values
from tandem.evaluation.markup import Element, element, figure, line_legend
from tandem.evaluation.operating_point import OperatingPoint
from tandem.evaluation.plots import curve_plot

LINES = {
    "words, test": ("test", "word_recall", "word_precision"),
    "words, valid": ("valid", "word_recall", "word_precision"),
    "entities, test": ("test", "recall", "precision"),
}


def recall_figure(point: OperatingPoint, task: str) -> Element:
    """Precision against recall as the bias falls, the chosen point marked on every line; and that point in words."""
    about = (
        f"A bias of {point.chosen.bias:g} on O was chosen on the valid split for a recall of {point.target:g} of its "
        f"{point.recall_of}. A word counts if it is tagged at all, an entity if it is strictly right. All other scores "
        "here are without the bias."
    )
    found = {split: getattr(point.chosen, split) for split in ("valid", "test")}
    told = "; ".join(
        f"{split}: words found {rates.word_recall:.1%}, {rates.word_precision:.1%} of those tagged, entities found "
        f"{rates.recall:.1%}, {rates.precision:.1%} of those predicted"
        for split, rates in found.items()
    )
    plot = curve_plot(_rows(point), f"Operating points of {task}", threshold="at a bias of")
    note = element("p", f"{told}. {point.note}".rstrip() + ("." if point.note else ""), class_="cut")
    return figure("Recall first", about, plot, line_legend(list(LINES)), note)


def _rows(point: OperatingPoint) -> Values:
    rows: Values = []
    for label, (split, recall, precision) in LINES.items():
        for place in sorted(point.curve, key=lambda place: -place.bias):
            rates = getattr(place, split)
            row = {
                "label": label,
                "threshold": place.bias,
                "recall": getattr(rates, recall),
                "precision": getattr(rates, precision),
            }
            rows.append(row | ({"mark": f"chosen, a bias of {place.bias:g}"} if place == point.chosen else {}))
    return rows
