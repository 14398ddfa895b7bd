"""A tiny model that has learnt some sentences by heart, in a folder as training leaves it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from tandem.hardware.execution import choose_for_reading
from tandem.hardware.machine import Machine
from tandem.model.building import build_model
from tandem.model.folder import load_model, save_model
from tandem.model.multitask import MultiTaskModel
from tandem.params import Model
from tandem.serving.cards import read_card
from tandem.serving.door import Tandem
from tandem.serving.texts import TextReader
from tandem.training.passing.passes import EncoderPass

SENTENCES = {
    "What a lovely film, said Anna in Oslo.": ("positive", {"Anna": "PERSON", "Oslo": "GPE"}),
    "A dull plot, said Ben in Lima.": ("negative", {"Ben": "PERSON", "Lima": "GPE"}),
    "The song was warm and the cast was fine!": ("positive", {}),
    "Carla Dmitri met Emi: grim.": ("negative", {"Carla Dmitri": "PERSON", "Emi": "PERSON"}),
}
LABELS = {
    "sentiment": ("negative", "positive"),
    "entities": ("O", "B-GPE", "I-GPE", "B-PERSON", "I-PERSON"),
}
KINDS = {"sentiment": "classification", "entities": "tagging"}
CARD = {
    "labels": LABELS,
    "clean": {"html": "remove", "drop_characters": None},
    "max_length": 24,
    "stride": 8,
    "words_in_texts": False,
}
MACHINE = Machine(device="cpu", name="test", n_devices=1, memory=2**30, cores=1, precisions=("float32",))


def write_model(folder: Path, encoder: Path, *, pooling: str = "mean", steps: int = 60, max_length: int = 24) -> Path:
    """Train on `SENTENCES` until they are known by heart, and save."""
    card = CARD | {"max_length": max_length}
    settings = Model(pretrained="tiny", pooling=pooling, dropout=0.0, encoder_dropout=0.0)
    model = build_model(encoder, LABELS, KINDS, settings, seed=1)
    save_model(folder, model, card=card, tokenizer_source=encoder)
    _learn(model, folder, steps, card)
    save_model(folder, model, card=card, tokenizer_source=encoder)
    return folder


def _learn(model: MultiTaskModel, folder: Path, steps: int, card: dict) -> None:
    read = TextReader(folder, read_card(folder, card), KINDS).read(list(SENTENCES))
    run = EncoderPass(model, read.examples, choose_for_reading(MACHINE), reading=True)
    answers = {"sentiment": [LABELS["sentiment"].index(label) for label, _ in SENTENCES.values()], "entities": []}
    for (text, (_, entities)), words in zip(SENTENCES.items(), read.words, strict=True):
        tags = {}
        for surface, kind in entities.items():
            first = text.index(surface)
            inside = [place for place in words if first <= place[0] < first + len(surface)]
            tags |= {place: f"{'I' if number else 'B'}-{kind}" for number, place in enumerate(inside)}
        answers["entities"] += [LABELS["entities"].index(tags.get(place, "O")) for place in words]
    gold = {task: torch.tensor(column) for task, column in answers.items()}
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    batches = list(run.batches(read.examples.members, size=choose_for_reading(MACHINE).pass_size))
    for _ in range(steps):
        losses = [
            cross_entropy(logits, gold[task][torch.from_numpy(batch.targets[task].owners)])
            for batch in batches
            for task, logits in run(batch).items()
        ]
        optimizer.zero_grad()
        sum(losses).backward()
        optimizer.step()


@pytest.fixture(scope="session")
def trained(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`data/model` of a project of its own."""
    return write_model(tmp_path_factory.mktemp("project") / "data/model", tiny_encoder)


@pytest.fixture(scope="session")
def tandem(trained: Path) -> Tandem:
    return Tandem.from_loaded(load_model(trained), choose_for_reading(MACHINE))
