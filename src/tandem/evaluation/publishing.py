"""What people look at rather than read: the report page, the tables of DVC's plots, and the model card."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from tandem.evaluation.card import CardFacts, count_texts, write_card
from tandem.evaluation.facts import task_facts, write_plot_tables
from tandem.evaluation.page import write_page
from tandem.evaluation.report import Evaluation
from tandem.evaluation.sharing import Sharing
from tandem.model.building import encoder_config
from tandem.model.encoder import EncoderConfig
from tandem.model.pretrained import checkpoint_of
from tandem.params import Params

_ON_THE_CARD = ("tasks", "tokenize_align", "model", "train")


def publish(evaluation: Evaluation, params: Params, splits: Path, folder: Path, sharing: Sharing | None = None) -> None:
    """Write `report.html`, `plots/` and `model_card.md` beside what `evaluation.write` left in `folder`.

    The test texts are those of `splits` (`data/split`); a twin's page also says what `sharing` does. Raises
    `TandemError` if a text is missing.
    """
    tasks = [
        task_facts(
            task,
            evaluation.examples.kinds[task],
            rows=evaluation.rows[task],
            predictions=found,
            per_label=evaluation.after[task].per_label,
            splits=splits,
            operating_point=evaluation.operating_points.get(task),
        )
        for task, found in evaluation.predictions.items()
    ]
    scores, intervals = evaluation.metrics(), evaluation.intervals
    write_plot_tables(folder / "plots", tasks)
    write_page(folder / "report.html", scores=scores, intervals=intervals, tasks=tasks, sharing=sharing)
    settings = asdict(params)
    facts = CardFacts(
        pretrained=params.model.pretrained,
        labels=evaluation.examples.labels,
        encoder=_stated(encoder_config(checkpoint_of(params.model.pretrained), params.model)),
        sizes=count_texts(splits, params.corpora),
        settings={"seed": params.seed, **{name: settings[name] for name in _ON_THE_CARD}},
        scores=scores,
        intervals=intervals,
        tasks=tasks,
    )
    write_card(folder / "model_card.md", facts)


def _stated(encoder: EncoderConfig) -> dict[str, Any]:
    """The encoder's settings, less what does not apply to it."""
    return {name: value for name, value in asdict(encoder).items() if value is not None}
