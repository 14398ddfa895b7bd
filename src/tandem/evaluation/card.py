"""`model_card.md`: what the model is, what it learnt from, how good it is, and what not to expect of it.

The questions are those of Mitchell et al. 2019; the answers are read off the run, so that the same run gives the
same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml

from tandem.artifacts import atomic_file
from tandem.corpora.schema.records import SPLITS
from tandem.errors import TandemError
from tandem.evaluation.facts import TaskFacts

MOST_LABELS, FEW = 60, 20


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """What the card is made of, beside the facts of the tasks.

    `labels` are what each head tells apart, `encoder` its settings, `sizes` the texts of each corpus by split,
    `settings` the sections of the params that the model depends on; `scores` and `intervals` are as the page takes
    them.
    """

    pretrained: str
    labels: Mapping[str, Sequence[str]]
    encoder: Mapping[str, Any]
    sizes: Mapping[str, Mapping[str, int]]
    settings: Mapping[str, Any]
    scores: Mapping[str, Any]
    intervals: Mapping[str, Any] | None
    tasks: Sequence[TaskFacts]


def write_card(path: Path, facts: CardFacts) -> None:
    """Write the card as Markdown."""
    sections = {
        f"Model card: {', '.join(task.task for task in facts.tasks)}": _summary(facts),
        "What it tells apart": _labels(facts),
        "Data": _data(facts),
        "Results on the test split": _results(facts),
        "Limits": _limits(facts),
        "Load it": _LOADING,
        "Settings": ["```yaml", _yaml(facts.settings), "```"],
    }
    blocks = []
    for number, (title, lines) in enumerate(sections.items()):
        blocks.append(f"{'##' if number else '#'} {title}\n\n" + "\n".join(lines) + "\n")
    with atomic_file(path) as handle:
        handle.write("\n".join(blocks).encode())


def count_texts(splits: Path, corpora: Iterable[str]) -> dict[str, dict[str, int]]:
    """How many texts each split of each corpus under `splits` (`data/split`) has.

    Raises `TandemError` if a file is missing.
    """
    return {corpus: {split: _count_lines(splits / corpus / f"{split}.jsonl") for split in SPLITS} for corpus in corpora}


def _count_lines(path: Path) -> int:
    try:
        with path.open("rb") as handle:
            return sum(1 for _ in handle)
    except FileNotFoundError as error:
        raise TandemError(f"{path} is missing: run `dvc repro`, or `dvc pull` to fetch it") from error


def _summary(facts: CardFacts) -> list[str]:
    names = {"classification": "labels a whole text", "tagging": "tags its words"}
    jobs = " and ".join(f"{names[task.kind]} ({task.task})" for task in facts.tasks)
    size = ", ".join(f"{_named(name)} {value}" for name, value in sorted(facts.encoder.items()))
    return [
        f"One encoder that begins as `{facts.pretrained}`, with a linear head for each task: it {jobs}.",
        "",
        f"Encoder: {size}.",
    ]


def _labels(facts: CardFacts) -> Iterator[str]:
    for task in facts.tasks:
        names = facts.labels[task.task]
        if task.kind == "tagging":
            names = [name[2:] for name in names if name.startswith("B-")]
        shown = ", ".join(f"`{_cell(name)}`" for name in names[:MOST_LABELS])
        more = f", and {len(names) - MOST_LABELS:,} more" if len(names) > MOST_LABELS else ""
        yield f"- **{_cell(task.task)}** ({task.kind}, {len(names):,}): {shown}{more}"


def _data(facts: CardFacts) -> Iterator[str]:
    yield from _table(
        ("corpus", *(f"{split} texts" for split in SPLITS)),
        ([corpus, *(f"{sizes[split]:,}" for split in SPLITS)] for corpus, sizes in facts.sizes.items()),
    )
    yield ""
    yield "Weights were learnt from the train texts, choices made on the valid ones; the test texts were only scored."


def _results(facts: CardFacts) -> Iterator[str]:
    before = facts.scores.get("before", {})
    rows = []
    for name, block in facts.scores.items():
        scored = block if isinstance(block, Mapping) else {"": block}
        if name == "before" or (isinstance(block, Mapping) and name not in facts.labels):
            continue
        for score, value in scored.items():
            path = [part for part in (name, score) if part]
            old = _number(_at(before, path))
            rows.append([" ".join(path).replace("_", " "), _number(value), _interval(_at(facts.intervals, path)), old])
    yield from _table(("score", "trained", "95 % interval", "untrained"), rows)
    yield ""
    yield "An interval covers the choice of test texts (those of one group together), and not the training seed."
    yield "The untrained model has heads of random numbers: its scores are those of guessing."


def _limits(facts: CardFacts) -> Iterator[str]:
    for task in facts.tasks:
        found = {row["label"]: row for row in task.per_label}
        unlearnt = [label for label, row in found.items() if row["support"] and not row["f1"]]
        if unlearnt:
            yield f"- {task.task}: never right on the test split: {_listed(unlearnt)}."
        rare = [label for label, row in found.items() if 0 < row["support"] < FEW and label not in unlearnt]
        if rare:
            yield f"- {task.task}: measured on fewer than {FEW} gold answers: {_listed(rare)}."
        untested = [name for name in _told_apart(facts, task) if not found.get(name, {"support": 0})["support"]]
        if untested:
            yield f"- {task.task}: without any gold answer in the test split, so not measured: {_listed(untested)}."
        if task.kinds:
            missed, total = task.kinds["missed"], sum(task.kinds.values()) - task.kinds["spurious"]
            yield f"- {task.task}: {missed:,} of {total:,} gold entities were missed altogether: not all are found."
    yield "- The scores are of texts like the test texts. Other sources, languages and times will score differently."
    yield "- Labels repeat what the annotators of the corpora decided, their mistakes and leanings included."
    yield "- Scores by group of people were not measured."


def _told_apart(facts: CardFacts, task: TaskFacts) -> list[str]:
    names = facts.labels[task.task]
    return [name[2:] for name in names if name.startswith("B-")] if task.kind == "tagging" else list(names)


_LOADING = [
    "```python",
    "from pathlib import Path",
    "from tandem.model.folder import load_model",
    "",
    'loaded = load_model(Path("data/model"))',
    "loaded.model   # in evaluation mode, on the CPU",
    "loaded.card    # labels by task, window length, and the like",
    "```",
]


def _yaml(settings: Mapping[str, Any]) -> str:
    plain = orjson.loads(orjson.dumps(settings, option=orjson.OPT_NON_STR_KEYS))
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100).rstrip("\n")


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|---|{'---:|' * (len(header) - 1)}"
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("`", "'").split())


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - FEW:,} more" if len(names) > FEW else ""
    return ", ".join(f"`{_cell(name)}`" for name in names[:FEW]) + more


def _named(name: str) -> str:
    return name.removeprefix("n_").replace("_", " ")


def _at(block: Any, path: Sequence[str]) -> Any:
    for name in path:
        block = block.get(name) if isinstance(block, Mapping) else None
    return block


def _interval(found: Any) -> str:
    low, high = _at(found, ["low"]), _at(found, ["high"])
    return "" if low is None or high is None else f"{low:.4f} to {high:.4f}"


def _number(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
