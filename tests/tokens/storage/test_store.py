"""The store on disk: what is written is what is mapped, and what is wrong is said."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tandem.corpora.schema.records import Record, write_records
from tandem.errors import TandemError
from tandem.tokens.packing.packing import Packer, tokenize_corpus
from tandem.tokens.packing.vocabulary import collect_vocabularies
from tandem.tokens.pieces.tokenizer import Tokenizer
from tandem.tokens.storage.ragged import GrowingArray, spread, starts_of
from tandem.tokens.storage.store import TokenStore
from tests.tokens.conftest import settings

RECORDS = [
    Record(row=2, words=("Anna", "lives"), tags={"entities": ("B-PER", "O")}, labels={"mood": "good"}),
    Record(row=4, text="the film " * 20, labels={"mood": "bad"}),
]


@pytest.fixture
def folder(tmp_path: Path, tokenizer: Tokenizer) -> Path:
    for split in ("train", "valid", "test"):
        write_records(tmp_path / "split" / f"{split}.jsonl", RECORDS if split == "train" else [])
    tokenize_corpus(tmp_path / "split", tmp_path / "tokens", tokenizer, settings())
    return tmp_path / "tokens" / "train"


def test_round_trip(folder: Path, tmp_path: Path, tokenizer: Tokenizer) -> None:
    stored = TokenStore.open(folder)
    packed, _ = Packer(tokenizer, settings(), collect_vocabularies(tmp_path / "split")).pack(RECORDS)
    expected = packed.arrays()
    assert stored.arrays().keys() == expected.keys()
    for name, array in stored.arrays().items():
        np.testing.assert_array_equal(array, expected[name], strict=True)
    assert stored.windows_of([1, 0]).tolist() == [1, 2, 3, 4, 0]


def test_arrays_are_mapped_and_cannot_be_changed(folder: Path) -> None:
    pieces = TokenStore.open(folder).pieces
    assert isinstance(pieces.base, np.memmap)
    assert not pieces.flags.writeable


def test_a_missing_store(tmp_path: Path) -> None:
    with pytest.raises(TandemError, match="run `dvc repro`"):
        TokenStore.open(tmp_path / "nothing" / "train")


def test_an_older_store(folder: Path) -> None:
    path = folder.parent / "meta.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 0}))
    with pytest.raises(TandemError, match=r"format version 0, this Tandem reads \d+: run `dvc repro`.*tokenize-align"):
        TokenStore.open(folder)


@pytest.mark.parametrize("content", [None, b"", b"rubbish", b"\x93NUMPY"])
def test_a_damaged_array(folder: Path, content: bytes | None) -> None:
    path = folder / "pieces.npy"
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(TandemError, match=r"pieces\.npy is (missing|damaged)"):
        TokenStore.open(folder)


def test_a_truncated_array(folder: Path) -> None:
    path = folder / "pieces.npy"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(TandemError, match=r"pieces\.npy is damaged"):
        TokenStore.open(folder)


@given(batches=st.lists(st.lists(st.integers(-100, 100), max_size=9), max_size=5))
@hypothesis_settings(deadline=None)
def test_growing_array(tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]]) -> None:
    path = tmp_path_factory.mktemp("growing") / "array.npy"
    with GrowingArray(path, np.int16) as growing:
        for batch in batches:
            growing.append(np.array(batch, dtype=np.int64))
    expected = np.array([value for batch in batches for value in batch], dtype=np.int16)
    np.testing.assert_array_equal(np.load(path), expected, strict=True)


@given(lengths=st.lists(st.integers(0, 5), max_size=8))
@hypothesis_settings(deadline=None)
def test_spread(lengths: list[int]) -> None:
    starts = starts_of(lengths)
    assert spread(starts[:-1], lengths).tolist() == list(range(sum(lengths)))
    shifted = [
        place + 7 for start, length in zip(starts, lengths, strict=False) for place in range(start, start + length)
    ]
    assert spread(starts[:-1] + 7, lengths).tolist() == shifted
