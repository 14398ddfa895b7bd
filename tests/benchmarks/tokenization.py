"""Texts into packed windows with aligned tags, against one text at a time padded to 512 as users write it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from python_calamine import CalamineWorkbook
from transformers import AutoTokenizer

from tandem.corpora.schema.records import Record
from tandem.corpora.schema.tag_schemes import tag_names
from tandem.model.pretrained import locate
from tandem.params import TokenizeAlign
from tandem.tokens.packing.packing import Packer, batches_of
from tandem.tokens.packing.vocabulary import Vocabularies
from tandem.tokens.pieces.tokenizer import load_tokenizer
from tests.benchmarks import Measurement, Request, in_turn

N_TEXTS = 2_500
SETTINGS = TokenizeAlign(max_length=128, stride=32, long_texts="windows", subwords="first")


def measure(request: Request) -> Measurement:
    """Both begin with the same texts in memory; ours knows no word beforehand, and reads long texts to the end."""
    corpora = {
        "reviews": _spaced(_reviews(request.data / "classification_dataset.xlsx")),
        "sentences": _spaced(_sentences(request.data / "ner_dataset.xlsx")),
    }
    vocabularies = _vocabularies(corpora)
    folder = locate(request.pretrained)
    tokenizer, reference = load_tokenizer(folder), AutoTokenizer.from_pretrained(folder)
    ids = {tag: number for number, tag in enumerate(vocabularies.names["entities"])}

    def ours() -> None:
        for records in corpora.values():
            packer = Packer(tokenizer, SETTINGS, vocabularies)
            for batch in batches_of(records):
                packer.pack(batch)

    def one_by_one() -> None:
        for records in corpora.values():
            for record in records:
                _tokenize_one(reference, record, ids)

    sizes = " and ".join(f"{len(records)} {name}" for name, records in corpora.items())
    note = f"{sizes}; reference: transformers' fast tokenizer, padding to 512, word_ids"
    return in_turn(ours, one_by_one, rounds=request.rounds, warm_up=not request.quick, note=note)


def _tokenize_one(tokenizer: Any, record: Record, ids: dict[str, int]) -> dict[str, torch.Tensor]:
    """The usual `__getitem__`: pad to 512, cut there, give each word's first piece its tag, make tensors."""
    encoding = tokenizer(
        record.text if record.words is None else list(record.words),
        is_split_into_words=record.words is not None,
        padding="max_length",
        truncation=True,
        max_length=512,
        return_tensors="pt",
    )
    labels, previous = [], None
    for word in encoding.word_ids() if record.words is not None else ():
        labels.append(-100 if word is None or word == previous else ids[record.tags["entities"][word]])
        previous = word
    return {**{name: column.squeeze(0) for name, column in encoding.items()}, "labels": torch.tensor(labels)}


def _vocabularies(corpora: dict[str, list[Record]]) -> Vocabularies:
    labels = {record.labels["sentiment"] for record in corpora["reviews"]}
    tags = {tag for record in corpora["sentences"] for tag in record.tags["entities"]}
    names = {"sentiment": tuple(sorted(labels)), "entities": tag_names(sorted({tag[2:] for tag in tags if tag != "O"}))}
    return Vocabularies(kinds={"sentiment": "classification", "entities": "tagging"}, names=names, train_names=names)


def _reviews(path: Path) -> list[Record]:
    _, *rows = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
    return [
        Record(row=row, text=str(text), labels={"sentiment": str(label)})
        for row, (text, label, *_) in enumerate(rows, start=2)
    ]


def _sentences(path: Path) -> list[Record]:
    header, *rows = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
    first, word, tag = (header.index(name) for name in ("Sentence #", "Word", "Tag"))
    sentences: list[list[list[Any]]] = []
    for row in rows:
        if row[first] or not sentences:
            sentences.append([])
        sentences[-1].append(row)
    return [
        Record(
            row=number,
            words=tuple(str(row[word]) for row in sentence),
            tags={"entities": tuple(str(row[tag]) for row in sentence)},
        )
        for number, sentence in enumerate(sentences)
    ]


def _spaced(records: list[Record]) -> list[Record]:
    """At most `N_TEXTS` records, evenly spaced."""
    return records[:: -(-len(records) // N_TEXTS)]
