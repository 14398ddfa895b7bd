"""Token stores of a few texts with labels and tags, and a model to go with them: fixtures for the rooms above."""

from pathlib import Path

import pytest
import torch

from tandem.corpora.schema.records import Record, write_records
from tandem.hardware.execution import Execution
from tandem.model.building import build_model
from tandem.model.multitask import MultiTaskModel
from tandem.params import Model, Params, Task, TokenizeAlign
from tandem.tokens.batches.examples import Examples, gather_examples
from tandem.tokens.batches.label_names import task_labels
from tandem.tokens.packing.packing import tokenize_corpus
from tandem.tokens.pieces.tokenizer import load_tokenizer
from tandem.tokens.storage.store import TokenStore

EXECUTION = Execution(
    device="cpu",
    precision="float32",
    n_devices=1,
    micro_batch=4,
    tokens_per_pass=64,
    accumulation=1,
    workers=0,
    threads=1,
)
TASKS = {
    "mood": Task(kind="classification", labels=("bad", "good"), scheme=None),
    "names": Task(kind="tagging", labels=None, scheme="iob2"),
}


def labelled(number: int) -> Record:
    """A text with a label alone; every fifth is long enough for several windows."""
    text = f"the film was {('dull', 'fine')[number % 2]} {number} " * (8 if number % 5 == 0 else 1)
    return Record(row=number, text=text, labels={"mood": ("bad", "good")[number % 2]})


def tagged(number: int) -> Record:
    """Words with tags alone."""
    words = ("Anna", "met", *("the", "cast") * (number % 7), "Ben", str(number))
    tags = ("B-person", "O", *("O", "O") * (number % 7), "B-person", "O")
    return Record(row=number, words=words, tags={"names": tags})


def both(number: int) -> Record:
    """Words with a label and tags."""
    record = tagged(number)
    return Record(row=number, words=record.words, tags=record.tags, labels={"mood": ("bad", "good")[number % 2]})


def write_store(folder: Path, encoder: Path, records: dict[str, list[Record]]) -> Path:
    """Tokenize hand-made splits into `folder`."""
    for split in ("train", "valid", "test"):
        write_records(folder / "split" / f"{split}.jsonl", records.get(split, []))
    settings = TokenizeAlign(max_length=16, stride=4, long_texts="windows", subwords="first")
    tokenize_corpus(folder / "split", folder / "tokens", load_tokenizer(encoder), settings)
    return folder / "tokens"


def open_all(folders: dict[str, Path], split: str) -> Examples:
    """The examples of one split over corpora."""
    stores = {name: TokenStore.open(folder / split) for name, folder in folders.items()}
    return gather_examples(list(stores.values()), TASKS, task_labels(TASKS, stores))


@pytest.fixture(scope="session")
def folders(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three corpora: labels alone, tags alone, both on one text."""
    made = {}
    for name, make in (("moods", labelled), ("people", tagged), ("mixed", both)):
        first = {"moods": 0, "people": 1000, "mixed": 2000}[name]
        records = {"train": [make(first + n) for n in range(24)], "valid": [make(first + 500 + n) for n in range(8)]}
        made[name] = write_store(tmp_path_factory.mktemp(name), tiny_encoder, records)
    return made


@pytest.fixture(scope="session")
def train_examples(folders: dict[str, Path]) -> Examples:
    return open_all(folders, "train")


@pytest.fixture(scope="session")
def valid_examples(folders: dict[str, Path]) -> Examples:
    return open_all(folders, "valid")


@pytest.fixture
def model(tiny_encoder: Path, train_examples: Examples, default_params: Params) -> MultiTaskModel:
    """A fresh model on the tiny encoder, with dropout in the heads."""
    settings = Model(pretrained="tiny", pooling="mean", dropout=0.1, encoder_dropout=0.1)
    torch.manual_seed(0)
    return build_model(tiny_encoder, train_examples.labels, train_examples.kinds, settings, seed=3)
