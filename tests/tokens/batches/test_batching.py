"""Grouping by length."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tandem.corpora.schema.records import Record
from tandem.tokens.batches.batching import PassSize, group_by_length
from tandem.tokens.packing.packing import Packer
from tandem.tokens.packing.vocabulary import Vocabularies
from tandem.tokens.pieces.tokenizer import Tokenizer
from tandem.tokens.storage.store import TokenStore
from tests.tokens.conftest import settings


@pytest.fixture
def store(tokenizer: Tokenizer) -> TokenStore:
    names = {"entities": ("O", "B-X", "I-X")}
    vocabularies = Vocabularies(kinds={"entities": "tagging"}, names=names, train_names=names)
    records = [
        Record(row=2, words=("the", "zz"), tags={"entities": ("O", "B-X")}),
        Record(row=4, words=("a",)),
        Record(row=5, words=()),
    ]
    return Packer(tokenizer, settings(), vocabularies).pack(records)[0]


def test_windows_of(store: TokenStore) -> None:
    assert store.windows_of([2, 0]).tolist() == [2, 0]
    assert store.windows_of([]).tolist() == []
    assert store.window_lengths.tolist() == [5, 3, 2]


@pytest.mark.parametrize(
    ("lengths", "max_tokens", "groups"),
    [
        ([], 8, []),
        ([4, 4, 4, 4], 8, [[0, 1], [2, 3]]),
        ([4, 9, 4], 8, [[1], [0, 2]]),
        ([1, 1, 1], 1, [[0], [1], [2]]),
        ([3, 1, 2], 100, [[0, 2, 1]]),
        ([50, 2, 2, 2], 200, [[0], [1, 2, 3]]),  # padding the short ones to 50 would cost more than a pass
    ],
)
def test_groups_where_padding_counts(lengths: list[int], max_tokens: int, groups: list[list[int]]) -> None:
    size = PassSize(tokens=max_tokens, counts_padding=True)
    assert [group.tolist() for group in group_by_length(np.array(lengths), size)] == groups


@pytest.mark.parametrize(
    ("lengths", "max_tokens", "groups"),
    [
        ([], 8, []),
        ([4, 4, 4, 4], 8, [[0, 1], [2, 3]]),
        ([4, 9, 4], 8, [[1], [0, 2]]),
        ([1, 1, 1], 1, [[0], [1], [2]]),
        ([50, 2, 2, 2], 200, [[0, 1, 2, 3]]),
        ([3, 2, 2, 2], 5, [[0, 1], [2, 3]]),
    ],
)
def test_groups_where_padding_is_skipped(lengths: list[int], max_tokens: int, groups: list[list[int]]) -> None:
    size = PassSize(tokens=max_tokens, counts_padding=False)
    assert [group.tolist() for group in group_by_length(np.array(lengths), size)] == groups


@given(lengths=st.lists(st.integers(1, 50), max_size=40), max_tokens=st.integers(1, 200), counts_padding=st.booleans())
@hypothesis_settings(deadline=None)
def test_groups_hold_each_row_once_within_the_limit(lengths: list[int], max_tokens: int, counts_padding: bool) -> None:
    groups = group_by_length(np.array(lengths, dtype=np.int64), PassSize(max_tokens, counts_padding))
    assert sorted(row for group in groups for row in group) == list(range(len(lengths)))
    for group in groups:
        taken = [lengths[row] for row in group]
        size = len(taken) * max(taken) if counts_padding else sum(taken)
        assert len(group) == 1 or size <= max_tokens
