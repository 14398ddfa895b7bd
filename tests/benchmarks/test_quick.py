"""The benchmarks run: each on tiny workbooks and a tiny encoder, one round of a few steps."""

import math

import pytest
import torch

from tandem.corpora.schema.records import SPLITS, Record, write_records
from tests import tiny
from tests.benchmarks import Request
from tests.benchmarks.__main__ import MODULES, find
from tests.benchmarks.samples import MAX_LENGTH
from tests.serving.conftest import write_model


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
    model = write_model(folder / "model", encoder, max_length=MAX_LENGTH)
    write_splits(folder)
    n_threads = torch.get_num_threads()
    yield Request(data=folder, pretrained=str(encoder), model=model, splits=folder / "split", quick=True)
    torch.set_num_threads(n_threads)


def write_splits(folder):
    """Texts of both kinds, as the pipeline leaves them."""
    reviews = [
        Record(row=row, text=text, labels={"sentiment": label})
        for row, (text, label) in enumerate(tiny.review_rows(12))
    ]
    words = ("Anna", "met", "Ben", "in", "Oslo", ".")
    tags = {"entities": ("B-PERSON", "O", "B-PERSON", "O", "B-GPE", "O")}
    for name, records in (
        ("reviews", reviews),
        ("entities", [Record(row=row, words=words, tags=tags) for row in range(6)]),
    ):
        for split in SPLITS:
            write_records(folder / "split" / name / f"{split}.jsonl", records)


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.filterwarnings("default")  # the references' own
@pytest.mark.parametrize("name", [name for name in MODULES if name not in ("xlsx_intake", "tokenize")])
def test_runs(name, request_on_tiny):
    measured = find(name)(request_on_tiny)
    if measured is None:
        pytest.skip("no GPU here")
    assert min(measured.ours, measured.reference, measured.ratio) > 0
    assert math.isfinite(measured.ratio)
    assert (measured.limit is None) == (name == "full_finetuning_vs_trainer_auto")  # of unequal precisions
