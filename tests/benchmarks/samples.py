"""Samples of the two corpora as token stores, made by Tandem's own cleaning and tokenizing.

A text longer than `MAX_LENGTH` pieces is cut there, so that a text is one example on both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tandem.corpora.cleaning.cleaning import clean_corpus
from tandem.corpora.schema.records import Record, write_records
from tandem.model.pretrained import locate
from tandem.params import TokenizeAlign, load_params
from tandem.tokens.batches.batching import PassSize
from tandem.tokens.batches.examples import Examples, open_examples
from tandem.tokens.packing.packing import tokenize_corpus
from tandem.tokens.pieces.tokenizer import load_tokenizer
from tandem.tokens.storage.ragged import IGNORED, Ints
from tests.benchmarks import Request
from tests.benchmarks.peaks import ROOT

MAX_LENGTH = 512
SETTINGS = TokenizeAlign(max_length=MAX_LENGTH, stride=32, long_texts="cut", subwords="first")

Row = dict[str, Any]
Pick = Callable[[Sequence[Record], int], list[Record]]


class Sizes(NamedTuple):
    """Numbers of texts by task."""

    sentiment: int
    entities: int

    def times(self, factor: int) -> Sizes:
        return Sizes(self.sentiment * factor, self.entities * factor)


def spaced(records: Sequence[Record], count: int) -> list[Record]:
    """So many records, evenly spaced; some twice where there are fewer."""
    return [records[number * len(records) // count] for number in range(count)]


def joined(records: Sequence[Record], count: int) -> list[Record]:
    """So many documents of 1 to 16 running texts in a row, as many of each size; of texts in words, just those."""
    if records[0].text is None or records[0].tags:
        return spaced(records, count)
    sizes = [2 ** (number % 5) for number in range(count)]
    parts = iter(spaced(records, sum(sizes)))
    documents = [list(islice(parts, size)) for size in sizes]
    return [replace(first, text=" ".join(part.surface for part in (first, *others))) for first, *others in documents]


def prepare(request: Request, folder: Path, sizes: Sizes, pick: Pick = spaced) -> Examples:
    """Clean both workbooks, pick from each, tokenize under `folder`, and open what came out."""
    params = load_params(ROOT / "params.yaml")
    tokenizer = load_tokenizer(locate(request.pretrained))
    for name, corpus in params.corpora.items():
        moved = replace(corpus, path=str(request.data / Path(corpus.path).name))
        records, _ = clean_corpus(moved, params.tasks, params.clean)
        task = next(iter({**corpus.labels, **corpus.tags}))
        chosen = pick(list(records), getattr(sizes, task))
        for split, own in (("train", chosen), ("valid", []), ("test", [])):
            write_records(folder / "split" / name / f"{split}.jsonl", own)
        tokenize_corpus(folder / "split" / name, folder / "tokens" / name, tokenizer, SETTINGS)
    return open_sample(folder)


def open_sample(folder: Path) -> Examples:
    """Open what `prepare` left under `folder`."""
    return open_examples(folder / "tokens", load_params(ROOT / "params.yaml"), "train")


def narrow(examples: Examples, sizes: Sizes) -> Examples:
    """So many texts of each task, evenly spaced."""
    wanted = sizes._asdict()
    members = {
        task: texts[np.arange(wanted[task]) * len(texts) // wanted[task]] for task, texts in examples.members.items()
    }
    return replace(examples, members=members)


def text_lengths(examples: Examples) -> dict[str, Ints]:
    """The pieces of each text of each task."""
    return {task: examples.shelf.text_lengths[texts] for task, texts in examples.members.items()}


def count_tokens(examples: Examples) -> int:
    """The pieces of all texts, special ones included, padding not."""
    return sum(int(lengths.sum()) for lengths in text_lengths(examples).values())


def describe(examples: Examples) -> str:
    """How many texts of how many pieces, and how many of them differ."""
    told = []
    for task, lengths in text_lengths(examples).items():
        n_different = len(np.unique(examples.shelf.text_keys[examples.members[task]]))
        told.append(
            f"{len(lengths):,} {task} texts ({n_different:,} different) of {lengths.mean():.1f} pieces on average, "
            f"{lengths.max()} at most"
        )
    return " and ".join(told)


def as_rows(examples: Examples) -> dict[str, list[Row]]:
    """Each task's texts as the libraries take them: `input_ids`, and `text_label` or `piece_labels` (-100: none)."""
    return {task: list(_rows(examples, task)) for task in examples.members}


def _rows(examples: Examples, task: str) -> Iterator[Row]:
    is_tagging = examples.kinds[task] == "tagging"
    size = PassSize(tokens=MAX_LENGTH, counts_padding=False)
    for batch in examples.batches({task: examples.members[task]}, size=size, reading=False):
        targets = batch.targets[task]
        answers = np.full(batch.ids.size if is_tagging else len(batch.ids), IGNORED)
        answers[targets.places] = targets.answers
        for ids, real, own in zip(batch.ids, batch.mask, answers.reshape(len(batch.ids), -1), strict=True):
            labels = {"piece_labels": own[real].tolist()} if is_tagging else {"text_label": int(own[0])}
            yield {"input_ids": ids[real].tolist(), **labels}
