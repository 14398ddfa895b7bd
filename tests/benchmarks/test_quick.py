"""The benchmarks run: each on tiny workbooks and a tiny encoder, one round of a few steps."""

import math

import pytest
import torch

from tests import tiny
from tests.benchmarks import Request
from tests.benchmarks.__main__ import MODULES, find
from tests.benchmarks.samples import MAX_LENGTH


@pytest.fixture(scope="module")
def request_on_tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmarks")
    rows = {
        "classification_dataset.xlsx": [("review", "sentiment"), *tiny.review_rows(60)],
        "ner_dataset.xlsx": [("Sentence #", "Word", "Tag", "Template"), *tiny.tagged_rows(60)],
    }
    for name, own in rows.items():
        tiny.write_workbook(folder / name, own)
    encoder = tiny.write_encoder(folder / "encoder", max_positions=MAX_LENGTH)
    n_threads = torch.get_num_threads()
    yield Request(data=folder, pretrained=str(encoder), quick=True)
    torch.set_num_threads(n_threads)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # the references' own
@pytest.mark.parametrize("name", [name for name in MODULES if name not in ("xlsx_intake", "tokenize")])
def test_runs(name, request_on_tiny):
    measured = find(name)(request_on_tiny)
    if measured is None:
        pytest.skip("no GPU here")
    assert min(measured.ours, measured.reference, measured.ratio) > 0
    assert math.isfinite(measured.ratio)
    assert (measured.limit is None) == (
        name == "full_finetuning_vs_trainer_auto"
    )  # unequal precisions: nothing to hold
