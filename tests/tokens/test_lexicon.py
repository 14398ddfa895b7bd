"""Encoding distinct words once changes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.tokens import lexicon as lexicon_module
from tandem.tokens.boundaries import SEPARATOR
from tandem.tokens.lexicon import Lexicon
from tandem.tokens.tokenizer import Tokenizer

UNITS = st.lists(
    st.text(st.sampled_from("abTHEfilmé .,'-[]MASK\t\u200b\x07中🙂"), max_size=9)
    | st.sampled_from(["[MASK]", "[mask]", "film"]),
    max_size=12,
)


@pytest.mark.parametrize("family", ["word_piece", "byte_level", "unigram"])
@pytest.mark.parametrize(("slot_bits", "limit"), [(20, 10**9), (1, 10**9), (20, 5)])
@given(calls=st.lists(UNITS, max_size=3))
def test_equals_the_tokenizer(
    families: dict[str, Tokenizer], family: str, slot_bits: int, limit: int, calls: list[list[str]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lexicon_module, "_SLOT_BITS", slot_bits)
        patch.setattr(lexicon_module, "_BYTES_AT_MOST", limit)
        lexicon = Lexicon(families[family])
        for units in calls:
            pieces, starts = lexicon.encode(b"".join(unit.encode() + SEPARATOR for unit in units))
            expected, counts = families[family].encode(units)
            assert pieces.tolist() == expected.tolist()
            assert starts.tolist() == [sum(counts[:number]) for number in range(len(units) + 1)]
            assert (pieces.dtype, starts.dtype) == (expected.dtype, counts.dtype)
