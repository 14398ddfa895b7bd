"""What `evaluate` leaves behind: the metrics, and for each task its predictions, scores by label and confusions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tandem.artifacts import atomic_file, atomic_folder, write_jsonl
from tandem.corpora.tag_schemes import spans_of
from tandem.evaluation.predicting import Predictions, predict
from tandem.evaluation.scores import SCORERS, Row, Scored, confusion
from tandem.hardware.execution import Execution
from tandem.hardware.memory import PassLimit
from tandem.model.multitask import MultiTaskModel
from tandem.tokens.examples import Examples
from tandem.tokens.store import TokenStore
from tandem.training.passes import EncoderPass


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The test split before and after training."""

    after: Mapping[str, Scored]
    before: Mapping[str, Scored]
    predictions: Mapping[str, Predictions]
    examples: Examples

    def metrics(self) -> dict[str, Any]:
        """The headline scores by task, their mean, and the same before training."""
        return {**_block(self.after), "before": _block(self.before)}

    def write(self, folder: Path) -> None:
        """Write predictions (JSON Lines), scores by label and confusions (CSV) of each task."""
        with atomic_folder(folder) as partial:
            for task, found in self.predictions.items():
                write_jsonl(partial / "predictions" / f"{task}.jsonl", _prediction_rows(self.examples, task, found))
                _write_csv(partial / "per_label" / f"{task}.csv", self.after[task].per_label)
                _write_csv(partial / "confusion" / f"{task}.csv", confusion(found))

    def summary(self) -> str:
        """One line: each task's score before and after, and their mean."""
        parts = [f"{task} f1 {self.before[task].f1:.4f} -> {scored.f1:.4f}" for task, scored in self.after.items()]
        return f"{', '.join(parts)}, combined {_combined(self.after):.4f}"


def evaluate_model(
    trained: MultiTaskModel, untrained: MultiTaskModel, test: Examples, execution: Execution
) -> Evaluation:
    """Score the trained model, and the one it began as, on the test split."""
    limit = PassLimit(execution.pass_size)
    before = _predict(untrained, test, execution, limit, "predict before training")
    after = _predict(trained, test, execution, limit, "predict after training")
    return Evaluation(
        after={task: SCORERS[test.kinds[task]](found) for task, found in after.items()},
        before={task: SCORERS[test.kinds[task]](found) for task, found in before.items()},
        predictions=after,
        examples=test,
    )


def _predict(
    model: MultiTaskModel, test: Examples, execution: Execution, limit: PassLimit, what: str
) -> dict[str, Predictions]:
    run = EncoderPass(model.to(execution.device).eval(), test, execution, reading=True)
    return limit.run(lambda size: predict(run, test, size=size, what=what))


def _block(scored: Mapping[str, Scored]) -> dict[str, Any]:
    return {**{task: found.headline for task, found in scored.items()}, "combined_score": _combined(scored)}


def _combined(scored: Mapping[str, Scored]) -> float:
    """The mean F1 of the tasks that have test texts; 0 without any."""
    counted = [found.f1 for found in scored.values() if found.headline["n"]]
    return sum(counted) / max(1, len(counted))


def _prediction_rows(examples: Examples, task: str, found: Predictions) -> Sequence[Row]:
    """One row a text: where it stands in its corpus, the gold and the predicted answer, and how sure."""
    names = np.array(found.names, dtype=object)
    gold, answers = names[found.gold], names[found.answers()]
    sure = found.probabilities().max(axis=1).astype(np.float64).round(6).tolist()
    starts = found.text_starts
    ends = [*starts, len(gold)][1:]
    is_tagging = examples.kinds[task] == "tagging"
    rows = []
    for start, end in zip(starts, ends, strict=True):
        span = slice(start, end) if is_tagging else start
        store, text = examples.shelf.locate(int(found.texts[start]))
        row = {
            "corpus": store.corpus,
            "row": int(store.text_rows[text]),
            "gold": gold[span].tolist() if is_tagging else gold[start],
            "predicted": answers[span].tolist() if is_tagging else answers[start],
            "confidence": sure[span],
        }
        rows.append(row | (_in_characters(store, text, row) if is_tagging else {}))
    return rows


def _in_characters(store: TokenStore, text: int, row: Row) -> dict[str, list[Row]]:
    """Where in the running text a row's entities stand, for a corpus that has one."""
    words = slice(store.word_starts[text], store.word_starts[text + 1])
    begins, ends = store.word_begins[words].tolist(), store.word_ends[words].tolist()
    if -1 in begins:
        return {}
    return {
        f"{whose}_spans": [
            {"start": begins[first], "end": ends[after - 1], "label": kind}
            for first, after, kind in spans_of(row[whose])
        ]
        for whose in ("gold", "predicted")
    }


def _write_csv(path: Path, rows: Sequence[Row]) -> None:
    with atomic_file(path) as handle:
        pd.DataFrame(rows).to_csv(handle, index=False, float_format="%.6g", lineterminator="\n")
