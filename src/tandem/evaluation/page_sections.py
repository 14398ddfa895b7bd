"""The sections of the page: the plots and tables of each task, the filters of the errors, the notes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlencode

from tandem.evaluation.curves import MISSED, SPURIOUS, Values
from tandem.evaluation.facts import TaskFacts
from tandem.evaluation.markup import Element, element, figure, line_legend, table, table_row
from tandem.evaluation.page_recall import recall_figure
from tandem.evaluation.plots import curve_plot, heatmap, reliability_plot, support_plot

MOST_CELLS = 24
KIND_NAMES = {
    "correct": "correct",
    "boundary": "wrong boundary",
    "type": "wrong type",
    "missed": "missed",
    "spurious": "spurious",
}


def task_section(facts: TaskFacts) -> Element:
    """The plots and the table of one task."""
    detail = f"{facts.kind}, {facts.n_texts:,} texts, {len(facts.errors):,} with an error"
    figures = [*_by_label(facts), *_charts(facts)]
    names = "figures pairs" if len(figures) == 4 else "figures"
    if facts.operating_point is not None:
        figures.append(recall_figure(facts.operating_point, facts.task))
    if facts.kinds:
        figures.insert(0, _kinds(facts))
    return element(
        "section",
        element("h2", facts.task, element("small", detail)),
        element("div", *figures, class_=names),
        id=f"task-{facts.task}",
    )


def _charts(facts: TaskFacts) -> Iterator[Element]:
    unit = "predicted entities" if facts.kinds else "texts"
    if facts.reliability:
        about = (
            f"Of {unit} answered with some confidence, how many are right. On the dashed line, confidence is honest."
        )
        yield figure("Reliability", about, reliability_plot(facts.reliability, f"Reliability of {facts.task}"))
    if facts.curves:
        about = "Each class against the rest, by its probability."
        if facts.kinds:
            about = "If only the entities above a confidence were kept; a line ends where all are."
        legend = line_legend(list(dict.fromkeys(row["label"] for row in facts.curves)))
        plot = curve_plot(facts.curves, f"Precision and recall of {facts.task}")
        yield figure("Precision and recall", about, plot, legend)
    if sum(row["support"] > 0 for row in facts.per_label) > 2:
        about = "Rare labels are both harder to learn and more loosely measured."
        yield figure("F1 against support", about, support_plot(facts.per_label, f"F1 against support of {facts.task}"))


def _kinds(facts: TaskFacts) -> Element:
    total = max(1, sum(facts.kinds.values()))
    bar = element("div", class_="kinds")
    legend = element("ul", class_="legend")
    for kind, count in facts.kinds.items():
        if not count:
            continue
        share = count / total
        href = None if kind == "correct" else "#" + urlencode({"task": facts.task, "kind": kind})
        text = f"{count:,}" if share > 0.03 else ""
        title = f"{KIND_NAMES[kind]}: {count:,}"
        bar.append(element("a", text, href=href, class_=kind, style=f"flex:{count}", title=title, aria_label=title))
        swatch = element("i", class_=f"swatch {kind}")
        legend.append(element("li", swatch, element("span", f"{KIND_NAMES[kind]} {count:,} ({share:.1%})")))
    about = "Gold and predicted entities, paired where they share words. Only correct ones count for the strict scores."
    return figure("What became of the entities", about, bar, legend, is_wide=True)


def _by_label(facts: TaskFacts) -> list[Element]:
    """The confusions and the scores of each label, in one figure where there are few."""
    counts = {(row["actual"], row["predicted"]): row["count"] for row in facts.confusion}
    labels = list(dict.fromkeys(row["label"] for row in facts.per_label))
    labels += sorted({name for pair in counts for name in pair} - {*labels, MISSED, SPURIOUS})
    used = [name for name in labels if any(name in pair for pair in counts)]
    shown = _busiest(used, counts)
    about = "Rows are gold, columns predicted; shades are shares of the row. A wrong cell leads to its texts."
    if len(shown) < len(used):
        about += f" The {len(shown)} of {len(used)} labels with the most errors; the rest is in plots/confusion."
    rows, columns = (shown, shown)
    if facts.kinds:
        rows, columns = [*shown, SPURIOUS], [*shown, MISSED]
        about += " The diagonal holds the right type, its boundary right or wrong."

    def link(gold: str, predicted: str) -> str:
        return "#" + urlencode({"task": facts.task, "gold": gold, "predicted": predicted})

    plot = heatmap((rows, columns), counts, f"Confusion of {facts.task}", link)
    confusion = figure("Which is taken for which", about, element("div", plot, class_="scroll"))
    scores = _label_table(facts.per_label)
    if len(columns) <= 6:
        confusion.append(scores)
        return [confusion]
    confusion.set("class", "double")
    return [confusion, figure("Scores by label", "Support counts the gold answers.", scores)]


def _busiest(labels: list[str], counts: Mapping[tuple[str, str], int]) -> list[str]:
    """All labels, or those with the most errors where there are too many for a picture; in their order."""
    if len(labels) <= MOST_CELLS:
        return labels
    wrong: Counter[str] = Counter()
    for (gold, predicted), count in counts.items():
        if gold != predicted:
            wrong.update({gold: count, predicted: count})
    kept = set(sorted(labels, key=lambda name: -wrong[name])[:MOST_CELLS])
    return [name for name in labels if name in kept]


def _label_table(rows: Values) -> Element:
    made = table("label", "precision", "recall", "F1", "support")
    for row in sorted(rows, key=lambda row: -row["support"]):
        scores = (f"{row[name]:.3f}" for name in ("precision", "recall", "f1"))
        made.append(table_row(row["label"], *scores, f"{row['support']:,}"))
    return element("div", made, class_="scroll tall")


def errors_section(tasks: Sequence[TaskFacts]) -> Element:
    """The filters and the empty list that the page's script fills."""
    orders = (("surest", "surest first"), ("unsure", "least sure first"), ("corpus", "as in the corpus"))
    sort = element("select", *(element("option", text, value=value) for value, text in orders), id="by-sort")
    fields = [
        *(element("label", name, element("select", id=f"by-{name}")) for name in ("task", "kind", "label")),
        element("label", "order", sort),
        element("label", "search in the texts", element("input", id="by-search", type="search"), class_="search"),
    ]
    return element(
        "section",
        element("h2", "Errors", element("small", "the surest mistakes first")),
        element("div", *fields, class_="filters"),
        _mark_legend() if any(facts.kinds for facts in tasks) else None,
        element("div", id="count", aria_live="polite"),
        element("div", id="errors-list"),
        element("button", "Show more", id="more", type="button", hidden="hidden"),
        element("noscript", "The errors need JavaScript; they are also in the predictions files."),
        id="errors",
    )


def _mark_legend() -> Element:
    underlined = element("span", element("span", "underlined", class_="g"), class_="mark")
    shaded = element("span", element("span", "shaded", class_="p"), class_="mark")
    legend = element("ul", element("li", underlined, " is gold, ", shaded, " is predicted"), class_="legend")
    for kind, name in KIND_NAMES.items():
        legend.append(element("li", element("i", class_=f"swatch {kind}"), element("span", name)))
    return legend


def footer(*, has_intervals: bool) -> Element:
    """What the numbers mean and do not mean."""
    covered = (
        "An interval covers the choice of test texts: how far the score would move with other texts of the same kind. "
        "Texts of one group are drawn together. It does not cover the training seed."
    )
    wording = (
        "Wrong type: a predicted entity shares words with a gold one of another type. Wrong boundary: the type is "
        "right, the words are not all. An entity's confidence is the mean over its words; for a missed one, it is how "
        "sure the model was of what it answered instead."
    )
    notes = [element("p", covered)] if has_intervals else []
    return element("footer", *notes, element("p", wording))
