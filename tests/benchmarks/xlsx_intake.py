"""From two workbooks to clean records: ours against pandas with openpyxl, then BeautifulSoup row by row."""

from __future__ import annotations

import sys
import warnings
from collections import deque
from dataclasses import replace
from pathlib import Path

import pandas
from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning

from tandem.corpora.cleaning.cleaning import clean_corpus
from tandem.params import load_params
from tests.benchmarks import Measurement, Request, in_turn
from tests.benchmarks.peaks import ROOT, own_peak_megabytes, peak_megabytes

LARGE_BYTES = 20_000_000


def measure(request: Request) -> Measurement:
    """Time both on the two workbooks; large ones, on which the reference takes minutes, in fewer rounds."""
    data = request.data
    is_large = sum((data / name).stat().st_size for name in _workbooks()) > LARGE_BYTES
    note = f"peak resident memory of ours {peak_megabytes('xlsx_intake', str(data.resolve()))} MB"
    if is_large:
        note += "; large workbooks: three rounds without a warm-up"
    return in_turn(
        lambda: clean_both(data),
        lambda: _read_with_pandas(data),
        rounds=min(3, request.rounds) if is_large else request.rounds,
        warm_up=not (is_large or request.quick),
        note=note,
    )


def clean_both(data: Path) -> None:
    """Clean both corpora of the params, their workbooks taken from `data`."""
    params = load_params(ROOT / "params.yaml")
    for corpus in params.corpora.values():
        moved = replace(corpus, path=str(data / Path(corpus.path).name))
        records, _ = clean_corpus(moved, params.tasks, params.clean)
        deque(records, maxlen=0)


def _read_with_pandas(data: Path) -> None:
    reviews, words = (pandas.read_excel(data / name, engine="openpyxl") for name in _workbooks())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)
        texts = [BeautifulSoup(str(text), "html.parser").get_text() for text in reviews["review"]]
    words["Sentence #"] = words["Sentence #"].ffill()
    assert len(texts) == len(reviews)


def _workbooks() -> list[str]:
    return ["classification_dataset.xlsx", "ner_dataset.xlsx"]


if __name__ == "__main__":
    clean_both(Path(sys.argv[1]))
    print(own_peak_megabytes())
