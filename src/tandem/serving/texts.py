"""From texts to what the model reads, as the pipeline cleaned, cut and tokenized what the model was trained on.

A text is read as words (to tag them) and as running text (to classify it). Words are read as those that the model
learnt to tag: where they stand in the text, or each as after a space if they came in lists. With BERT's tokenizer
words and text are the same pieces, and one row of a pass serves all tasks; where they differ, the text has two rows.
Unlike in training, a text of any length is read to its end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandem.corpora.cleaning.text_cleaning import is_blank
from tandem.corpora.schema.records import Record
from tandem.corpora.schema.span_tags import Words, cut_words
from tandem.corpora.text_origins import TracedText, traced_text_cleaner
from tandem.errors import TandemError
from tandem.params import Kind, TokenizeAlign
from tandem.serving.cards import ReadingCard
from tandem.tokens.batches.examples import Examples
from tandem.tokens.batches.shelf import Shelf
from tandem.tokens.packing.packing import Packer
from tandem.tokens.packing.vocabulary import Vocabularies
from tandem.tokens.pieces.tokenizer import load_tokenizer
from tandem.tokens.storage.store import TokenStore


class ReadTexts(NamedTuple):
    """Texts as examples of the model's tasks, and where each word stands in its text as it was given.

    Text i is number i of the examples where it is read as words, and `len(texts)` + i where as running text.
    """

    texts: Sequence[str]
    words: Sequence[Sequence[tuple[int, int]]]
    examples: Examples


class TextReader:
    """Reads texts for one model; remembers the words that it has met."""

    def __init__(self, folder: Path, card: ReadingCard, kinds: Mapping[str, Kind]) -> None:
        """Take the tokenizer from a model's folder; the card has the labels of each task of `kinds`."""
        self.kinds = kinds
        self.labels = {task: card.labels[task] for task in kinds}
        settings = TokenizeAlign(max_length=card.max_length, stride=card.stride, long_texts="windows", subwords="first")
        self._in_texts = card.words_in_texts
        self._clean = traced_text_cleaner(
            removes_html=card.clean.html == "remove", drop_characters=card.clean.drop_characters
        )
        nothing = Vocabularies(kinds={}, names={}, train_names={})  # there are no answers to compare with
        self._folder, self._tokenizer = folder, load_tokenizer(folder)
        self._packer = Packer(self._tokenizer, settings, nothing)

    def check_pieces(self, n_known: int) -> None:
        """Raise `TandemError` if the tokenizer knows a piece that has none of the encoder's `n_known` rows."""
        tokenizer = self._tokenizer
        last = max(*tokenizer.backend.get_vocab().values(), *tokenizer.prefix, *tokenizer.suffix, tokenizer.pad_id)
        if last >= n_known:
            raise TandemError(
                f"{self._folder}: the tokenizer has a piece of number {last}, and the encoder knows {n_known}: run "
                "`dvc repro` to train the model"
            )

    def flaw_of(self, text: str) -> str | None:
        """What keeps a text from being read, in words; None if nothing does."""
        try:
            text.encode()
        except UnicodeEncodeError:
            return "holds what is no text in UTF-8"
        return "holds no text" if is_blank(self._clean(text).text) else None

    def read(self, texts: Sequence[str]) -> ReadTexts:
        """Clean texts, cut them into words and tokenize them; raises `TandemError` for one that cannot be read."""
        for number, text in enumerate(texts, start=1):
            if flaw := self.flaw_of(text):
                raise TandemError(f"text {number} of {len(texts)} {flaw}")
        traced = [self._clean(text) for text in texts]
        cut = [cut_words(clean.text) for clean in traced]
        worded = [
            Record(row=number, text=clean.text, words=words.words, starts=words.starts if self._in_texts else None)
            for number, (clean, words) in enumerate(zip(traced, cut, strict=True))
        ]
        running = [Record(row=number, text=clean.text) for number, clean in enumerate(traced)]
        stores = [self._packer.pack(records)[0] for records in (worded, running)]
        places = [_places(clean, words) for clean, words in zip(traced, cut, strict=True)]
        return ReadTexts(texts, places, self._examples(*stores))

    def _examples(self, worded: TokenStore, running: TokenStore) -> Examples:
        """Classify the words where they are the same pieces as the running text, else the latter."""
        numbers = np.arange(worded.n_texts)
        has_words = "tagging" in self.kinds.values()
        differs = differing_texts(worded, running) if has_words else np.ones(len(numbers), dtype=bool)
        classified = np.sort(np.where(differs, numbers + len(numbers), numbers))
        members = {task: numbers if kind == "tagging" else classified for task, kind in self.kinds.items()}
        return Examples(shelf=Shelf((worded, running)), labels=self.labels, kinds=self.kinds, members=members)


def differing_texts(one: TokenStore, other: TokenStore) -> NDArray[np.bool_]:
    """Which of the same texts are other windows of pieces in one store than in the other: (texts,)."""
    numbers = np.arange(one.n_texts + 1)
    bounds = [store.window_starts[np.searchsorted(store.window_texts, numbers)] for store in (one, other)]
    rows = [
        [store.pieces[start:end].tobytes() for start, end in pairwise(starts.tolist())]
        for store, starts in zip((one, other), bounds, strict=True)
    ]
    return np.array([ours != theirs for ours, theirs in zip(*rows, strict=True)], dtype=bool)


def _places(clean: TracedText, words: Words) -> list[tuple[int, int]]:
    """Where in the original each word stands."""
    return [clean.original(start, start + len(word)) for start, word in zip(words.starts, words.words, strict=True)]
