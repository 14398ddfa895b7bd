"""A task's predictions as rows, one a text: what `data/evaluate/predictions` holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from tandem.corpora.schema.tag_schemes import spans_of
from tandem.evaluation.scoring.predicting import Predictions
from tandem.tokens.batches.examples import Examples
from tandem.tokens.storage.store import TokenStore

Row = dict[str, Any]


def prediction_rows(examples: Examples, task: str, found: Predictions) -> list[Row]:
    """Where each text stands in its corpus, the gold and the predicted answer, and how sure the model is of it.

    Texts of one group have the same number as their `group`; a text without one lacks it.
    """
    names = np.array(found.names, dtype=object)
    gold, answers = names[found.gold], names[found.answers()]
    sure = found.confidences().astype(np.float64).round(6).tolist()
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
        if store.text_groups[text] >= 0:
            row["group"] = int(store.text_groups[text])
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
