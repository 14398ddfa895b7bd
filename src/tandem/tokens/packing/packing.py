"""From records to the token store: encode, cut into windows, align labels, write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tandem.artifacts import atomic_folder
from tandem.corpora.schema.records import SPLITS, Record, read_records
from tandem.corpora.splitting.splitting import spaceless_key
from tandem.errors import TandemError
from tandem.params import TokenizeAlign
from tandem.tokens.packing.coverage import Coverage, TokenReport
from tandem.tokens.packing.vocabulary import (
    Vocabularies,
    collect_vocabularies,
    continuing_tags,
    label_numbers,
    tag_numbers,
)
from tandem.tokens.pieces.alignment import (
    EncodedTexts,
    Reading,
    Windows,
    cut_windows,
    encode_records,
    lay_out,
    read_words,
    tags_of_places,
)
from tandem.tokens.pieces.lexicon import Lexicon
from tandem.tokens.pieces.tokenizer import Tokenizer
from tandem.tokens.storage.ragged import IGNORED, starts_of
from tandem.tokens.storage.store import StoreMeta, StoreWriter, TokenStore

_CHARACTERS_AT_ONCE = 1_000_000


def tokenize_corpus(splits: Path, tokens: Path, tokenizer: Tokenizer, settings: TokenizeAlign) -> TokenReport:
    """Tokenize `splits/{train,valid,test}.jsonl` into the folder `tokens`, whole or not at all.

    Raises `TandemError` if a split is missing or damaged, or a text's words and tags do not pair up.
    """
    packer = Packer(tokenizer, settings, collect_vocabularies(splits))
    with atomic_folder(tokens) as folder:
        coverage = {}
        for split in SPLITS:
            coverage[split] = _write_split(splits / f"{split}.jsonl", folder / split, packer)
        replace(packer.meta, counts={split: counted.sizes() for split, counted in coverage.items()}).write(folder)
    return TokenReport(splits=coverage)


class Packer:
    """Turns records into stores in memory; keeps the words and the groups that it has met between calls."""

    def __init__(self, tokenizer: Tokenizer, settings: TokenizeAlign, vocabularies: Vocabularies) -> None:
        self.meta = _meta_of(tokenizer, settings, vocabularies)
        self._tokenizer = tokenizer
        self._settings = settings
        self._lexicon = Lexicon(tokenizer)
        self._groups: dict[str, int] = {}

    def pack(self, records: Sequence[Record]) -> tuple[TokenStore, Coverage]:
        """Pack records, in their order; where one has tags, it has as many as words."""
        tokenizer = self._tokenizer
        encoded = encode_records(records, tokenizer, self._lexicon)
        windows = cut_windows(
            encoded,
            width=self._settings.max_length - tokenizer.n_special,
            stride=self._settings.stride,
            use_windows=self._settings.long_texts == "windows",
        )
        pieces, window_starts = lay_out(encoded, windows, prefix=tokenizer.prefix, suffix=tokenizer.suffix)
        reading = read_words(encoded, windows, window_starts, n_prefix=len(tokenizer.prefix))
        store = TokenStore(
            meta=self.meta,
            pieces=pieces,
            window_starts=window_starts,
            window_texts=windows.texts.astype(np.int32),
            piece_words=_words_at(encoded, reading, len(pieces)),
            word_starts=starts_of(np.where(encoded.has_words, np.diff(encoded.text_units), 0)),
            **_characters(records),
            text_keys=np.fromiter(map(spaceless_key, records), dtype=np.uint64, count=len(records)),
            text_rows=np.fromiter((record.row for record in records), dtype=np.int32, count=len(records)),
            text_groups=np.fromiter(map(self._group_of, records), dtype=np.int32, count=len(records)),
            **self._targets(records, encoded, reading, len(pieces)),
        )
        return store, _coverage(encoded, windows, reading, tokenizer)

    def _group_of(self, record: Record) -> int:
        return -1 if record.group is None else self._groups.setdefault(record.group, len(self._groups))

    def _targets(
        self, records: Sequence[Record], encoded: EncodedTexts, reading: Reading, n_places: int
    ) -> dict[str, Any]:
        """Labels of texts, and tags of words and of places, by task."""
        targets: dict[str, dict[str, NDArray[np.int16]]] = {"text_labels": {}, "word_tags": {}, "piece_tags": {}}
        for task, kind in self.meta.kinds.items():
            names = self.meta.vocabularies[task]
            if kind == "classification":
                targets["text_labels"][task] = label_numbers(records, task, names)
                continue
            tags = tag_numbers(records, task, names)
            unit_tags = np.full(len(encoded.unit_sizes), IGNORED, dtype=np.int16)
            unit_tags[encoded.is_word] = tags
            continued = continuing_tags(names) if self._settings.subwords == "all" else None
            targets["word_tags"][task] = tags
            targets["piece_tags"][task] = tags_of_places(n_places, reading, unit_tags, continued)
        return targets


def _meta_of(tokenizer: Tokenizer, settings: TokenizeAlign, vocabularies: Vocabularies) -> StoreMeta:
    return StoreMeta(
        tokenizer=tokenizer.fingerprint,
        prefix=list(tokenizer.prefix),
        suffix=list(tokenizer.suffix),
        pad_id=tokenizer.pad_id,
        max_length=settings.max_length,
        stride=settings.stride,
        long_texts=settings.long_texts,
        subwords=settings.subwords,
        kinds=dict(vocabularies.kinds),
        vocabularies={task: list(names) for task, names in vocabularies.names.items()},
        train_labels={task: list(names) for task, names in vocabularies.train_names.items()},
        counts={},
    )


def _characters(records: Sequence[Record]) -> dict[str, Any]:
    """From which to which character of its text each word goes, -1 where there are words alone: two of (words)."""
    begins: list[int] = []
    ends: list[int] = []
    for record in records:
        words = record.words or ()
        if record.starts is None:
            begins += [-1] * len(words)
            ends += [-1] * len(words)
        else:
            begins += record.starts
            ends += [start + len(word) for start, word in zip(record.starts, words, strict=True)]
    return {"word_begins": np.array(begins, dtype=np.int32), "word_ends": np.array(ends, dtype=np.int32)}


def _words_at(encoded: EncodedTexts, reading: Reading, n_places: int) -> NDArray[np.int32]:
    """The word of its text that is read at each place, or -1: (places)."""
    words = np.full(n_places, -1, dtype=np.int32)
    words[reading.places] = encoded.numbers_in_text[reading.units]
    return words


def _write_split(source: Path, folder: Path, packer: Packer) -> Coverage:
    total = Coverage()
    with StoreWriter(folder, packer.meta.kinds) as writer:
        for batch in batches_of(_checked(read_records(source), source)):
            store, coverage = packer.pack(batch)
            writer.append(store)
            total += coverage
    return total


def _checked(records: Iterable[Record], source: Path) -> Iterator[Record]:
    """Pass records on; raises `TandemError` if a text's words and tags do not pair up."""
    for record in records:
        for task, tags in record.tags.items():
            if len(tags) != len(record.words or ()):
                raise TandemError(
                    f"{source}: row {record.row} has {len(record.words or ())} words but {len(tags)} {task} tags: "
                    "delete the file and run `dvc repro`"
                )
        yield record


def batches_of(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Group records to about as many characters as fit comfortably in memory."""
    batch: list[Record] = []
    n_characters = 0
    for record in records:
        batch.append(record)
        n_characters += len(record.surface) + 1
        if n_characters >= _CHARACTERS_AT_ONCE:
            yield batch
            batch, n_characters = [], 0
    if batch:
        yield batch


def _coverage(encoded: EncodedTexts, windows: Windows, reading: Reading, tokenizer: Tokenizer) -> Coverage:
    starts, ends = encoded.text_starts[:-1], encoded.text_starts[1:]
    n_windows = np.bincount(windows.texts, minlength=len(starts))
    first_windows, last_windows = np.cumsum(n_windows) - n_windows, np.cumsum(n_windows) - 1
    word_sizes = encoded.unit_sizes[encoded.is_word]
    counts = {
        "texts": len(starts),
        "long_texts": np.sum(windows.ends[first_windows] < ends),
        "windows": len(windows.texts),
        "window_pieces": np.sum(windows.ends - windows.starts + tokenizer.n_special),
        "pieces": len(encoded.pieces),
        "pieces_read": np.sum(windows.ends[last_windows] - starts),
        "unknown_pieces": np.sum(encoded.pieces == (-1 if tokenizer.unknown_id is None else tokenizer.unknown_id)),
        "words": len(word_sizes),
        "words_read": len(reading.units),
        "words_without_pieces": np.sum(word_sizes == 0),
        "word_pieces": word_sizes.sum(),
    }
    return Coverage(**{name: int(count) for name, count in counts.items()})
