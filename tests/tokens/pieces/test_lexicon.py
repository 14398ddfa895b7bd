"""Encoding distinct words once changes nothing."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken

from tandem.tokens.pieces import lexicon as lexicon_module
from tandem.tokens.pieces.boundaries import SEPARATOR
from tandem.tokens.pieces.lexicon import Lexicon
from tandem.tokens.pieces.tokenizer import Tokenizer, wrap_tokenizer
from tests.tokens.conftest import VOCABULARY, word_piece_backend

UNITS = st.lists(
    st.text(st.sampled_from("abTHEfilmé .,'-[]MASK\t\u200b\x07中🙂"), max_size=9)
    | st.sampled_from(["[MASK]", "[mask]", "film"]),
    max_size=12,
)


def encode(lexicon: Lexicon, *units: str) -> list[list[int]]:
    pieces, starts = lexicon.encode(b"".join(unit.encode() + SEPARATOR for unit in units))
    assert (pieces.dtype, starts.dtype) == (np.int32, np.int64)
    return [pieces[start:end].tolist() for start, end in pairwise(starts)]


def expected(tokenizer: Tokenizer, *units: str) -> list[list[int]]:
    encode_one = tokenizer.backend.encode
    return [encode_one([unit], is_pretokenized=True, add_special_tokens=False).ids for unit in units]


@pytest.mark.parametrize("family", ["word_piece", "byte_level", "unigram"])
@pytest.mark.parametrize(("slot_bits", "limit"), [(18, 10**9), (1, 10**9), (18, 5)])
@given(calls=st.lists(UNITS, max_size=3))
@settings(max_examples=40, deadline=None)
def test_equals_the_tokenizer(
    families: dict[str, Tokenizer], family: str, slot_bits: int, limit: int, calls: list[list[str]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lexicon_module, "_SLOT_BITS", slot_bits)
        patch.setattr(lexicon_module, "_PIECES_AT_MOST", limit)
        lexicon = Lexicon(families[family])
        for units in calls:
            assert encode(lexicon, *units) == expected(families[family], *units)


@given(units=st.lists(st.text(st.characters(max_codepoint=0x250), max_size=20), max_size=5))
@settings(deadline=None)
def test_every_character_of_the_first_blocks(tokenizer: Tokenizer, units: list[str]) -> None:
    assert encode(Lexicon(tokenizer), *units) == expected(tokenizer, *units)


@pytest.mark.parametrize("normalized", [True, False])
def test_added_words_are_found(normalized: bool) -> None:
    backend = word_piece_backend(VOCABULARY)
    backend.add_tokens([AddedToken("Hello", normalized=normalized)])
    tokenizer = wrap_tokenizer(backend)
    units = ("Hello", "hello", "xHello.", "helloHello the", "h e")
    assert encode(Lexicon(tokenizer), *units) == expected(tokenizer, *units)


@pytest.mark.parametrize("length", [7, 8, 9, 63, 64, 65, 100, 101, 3000])
def test_long_words_are_told_apart(tokenizer: Tokenizer, length: int) -> None:
    units = ("a" * length, "a" * (length - 1) + "b", "b" + "a" * (length - 1), "é" * length, "a" * length)
    assert encode(Lexicon(tokenizer), *units) == expected(tokenizer, *units)
