"""Windows, which window reads a word, and where."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.tokens.pieces.alignment import (
    EncodedTexts,
    Windows,
    cut_windows,
    lay_out,
    own_words,
    read_words,
    tags_of_places,
)
from tandem.tokens.storage.ragged import IGNORED, starts_of


def texts_of(*texts: list[int]) -> EncodedTexts:
    """Texts given by the sizes of their units; pieces are numbered from 10 on."""
    sizes = [size for text in texts for size in text]
    return EncodedTexts(
        pieces=np.arange(10, 10 + sum(sizes), dtype=np.int32),
        unit_starts=starts_of(sizes),
        text_units=starts_of([len(text) for text in texts]),
        has_words=np.ones(len(texts), dtype=bool),
    )


def ranges(windows: Windows) -> list[tuple[int, int, int]]:
    return list(zip(*(column.tolist() for column in windows), strict=True))


@pytest.mark.parametrize(
    ("texts", "width", "stride", "expected"),
    [
        ([[1, 1, 1]], 4, 0, [(0, 0, 3)]),
        ([[1] * 4], 4, 2, [(0, 0, 4)]),
        ([[1] * 5], 4, 2, [(0, 0, 4), (0, 2, 5)]),
        ([[1] * 8], 4, 0, [(0, 0, 4), (0, 4, 8)]),
        ([[]], 4, 2, [(0, 0, 0)]),
        ([[0, 0]], 4, 2, [(0, 0, 0)]),
        ([], 4, 2, []),
        ([[1] * 5, [], [2]], 4, 2, [(0, 0, 4), (0, 2, 5), (1, 5, 5), (2, 5, 7)]),
        ([[3, 3, 3]], 4, 0, [(0, 0, 4), (0, 3, 7), (0, 6, 9)]),  # begins with the word that the edge would cut
        ([[9, 1]], 4, 1, [(0, 0, 4), (0, 3, 7), (0, 6, 10)]),  # a word that outgrows the window
    ],
)
def test_windows(texts: list[list[int]], width: int, stride: int, expected: list[tuple[int, int, int]]) -> None:
    windows = cut_windows(texts_of(*texts), width=width, stride=stride, use_windows=True)
    assert ranges(windows) == expected


def test_cut_keeps_the_first_window_alone() -> None:
    windows = cut_windows(texts_of([1] * 9, [1]), width=4, stride=2, use_windows=False)
    assert ranges(windows) == [(0, 0, 4), (1, 9, 10)]


@pytest.mark.parametrize(
    ("sizes", "windows", "owners"),
    [
        ([1] * 6, [(0, 4), (2, 6)], [0, 0, 0, 1, 1, 1]),
        ([1] * 7, [(0, 5), (2, 7)], [0, 0, 0, 0, 1, 1, 1]),  # the middle word has 1 on either side: the earlier
        ([1, 0, 1], [(0, 2)], [0, -1, 0]),
        ([2, 2, 2], [(0, 4), (2, 6)], [0, 0, 1]),  # the middle word touches an edge of both
        ([1, 3, 1], [(0, 3), (1, 5)], [0, 1, 1]),  # cut in the first, whole in the second
        ([1, 9], [(0, 4), (1, 5), (2, 6)], [0, 1]),  # a word that outgrows all: where most of it stands
        ([1, 1, 1], [(0, 2)], [0, 0, -1]),
    ],
)
def test_owners(sizes: list[int], windows: list[tuple[int, int]], owners: list[int]) -> None:
    starts, ends = (np.array(column) for column in zip(*windows, strict=True))
    assert own_words(texts_of(sizes), Windows(np.zeros_like(starts), starts, ends)).tolist() == owners


def test_layout_and_tags() -> None:
    encoded = texts_of([1, 2, 0, 3])
    windows = Windows(np.array([0, 0]), np.array([0, 1]), np.array([4, 6]))
    places, window_starts = lay_out(encoded, windows, prefix=(1, 2), suffix=(3,))
    assert places.tolist() == [1, 2, 10, 11, 12, 13, 3, 1, 2, 11, 12, 13, 14, 15, 3]
    assert window_starts.tolist() == [0, 7, 15]
    reading = read_words(encoded, windows, window_starts, n_prefix=2)
    assert [column.tolist() for column in reading] == [[0, 1, 3], [2, 3, 11], [1, 2, 3]]
    tags = np.array([0, 1, 0, 3], dtype=np.int16)
    first = tags_of_places(15, reading, tags, None)
    assert {place: tag for place, tag in enumerate(first.tolist()) if tag != IGNORED} == {2: 0, 3: 1, 11: 3}
    everywhere = tags_of_places(15, reading, tags, np.array([0, 2, 2, 4], dtype=np.int16))
    found = {place: tag for place, tag in enumerate(everywhere.tolist()) if tag != IGNORED}
    assert found == {2: 0, 3: 1, 4: 2, 11: 3, 12: 4, 13: 4}


SIZES = st.lists(st.lists(st.integers(0, 12), max_size=12), max_size=5)


@given(texts=SIZES, width=st.integers(2, 9), data=st.data())
@settings(deadline=None)
def test_windows_cover_and_owners_have_most_context(texts: list[list[int]], width: int, data: st.DataObject) -> None:
    stride = data.draw(st.integers(0, width - 1))
    encoded = texts_of(*texts)
    windows = cut_windows(encoded, width=width, stride=stride, use_windows=True)
    found = ranges(windows)
    for text, (begin, end) in enumerate(zip(encoded.text_starts[:-1], encoded.text_starts[1:], strict=True)):
        own = [window[1:] for window in found if window[0] == text]
        assert own[0][0] == begin
        assert own[-1][1] == end
        assert all(stop - start <= width for start, stop in own)
        for (start, stop), (next_start, _) in pairwise(own):
            assert start < next_start <= stop - stride
    assert [window[0] for window in found] == sorted(window[0] for window in found)
    owners = own_words(encoded, windows).tolist()
    for unit, owner in enumerate(owners):
        head, tail = int(encoded.unit_starts[unit]), int(encoded.unit_starts[unit + 1]) - 1
        context = {
            number: min(head - start, end - 1 - tail)
            for number, (_, start, end) in enumerate(found)
            if start <= head < end
        }
        if tail < head:
            assert owner == -1
        else:
            assert owner == max(context, key=lambda number: (context[number], -number))
            if tail - head < width - stride:
                assert context[owner] >= 0  # a word that fits stands whole in the window that reads it
