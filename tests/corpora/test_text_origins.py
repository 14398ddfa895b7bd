from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.corpora.cleaning.text_cleaning import text_cleaner
from tandem.corpora.text_origins import traced_text_cleaner

PARTS = [
    "a",
    "b ",
    " ",
    "\t",
    "é",
    "<b>",
    "</b>",
    "<br/>",
    "&amp;",
    "&nbsp;",
    "<!-- x -->",
    "<style>p{}</style>",
    "!",
    "<3",
]
TEXTS = st.lists(st.sampled_from(PARTS), max_size=12).map("".join)


@pytest.mark.parametrize(
    ("original", "clean", "word", "where"),
    [
        ("Anna met Ben", "Anna met Ben", "Ben", "Ben"),
        ("  Anna   met Ben ", "Anna met Ben", "met", "met"),
        ("Anna <b>Ko</b>walska lives", "Anna Kowalska lives", "Kowalska", "Ko</b>walska"),
        ("A&amp;B &eacute;t&eacute;", "A&B été", "été", "&eacute;t&eacute;"),
        ("a<br>b", "a b", "b", "b"),
        ("x <!-- Anna --> Ben", "x Ben", "Ben", "Ben"),
    ],
)
def test_a_word_is_found_where_it_was(original, clean, word, where):
    traced = traced_text_cleaner(removes_html=True, drop_characters=None)(original)
    assert traced.text == clean
    start = clean.index(word)
    first, after = traced.original(start, start + len(word))
    assert original[first:after] == where


@given(TEXTS, st.sampled_from([None, "[!a]"]), st.booleans())
def test_the_text_is_the_cleaners_and_places_ascend(original, dropped, removes_html):
    rules = {"removes_html": removes_html, "drop_characters": dropped}
    traced = traced_text_cleaner(**rules)(original)
    assert traced.text == text_cleaner(**rules)(original).text
    places = [traced.original(number, number + 1) for number in range(len(traced.text))]
    assert all(0 <= start < end <= len(original) for start, end in places)
    assert all(before[0] <= after[0] and before[1] <= after[1] for before, after in pairwise(places))
    for character, (start, end) in zip(traced.text, places, strict=True):
        if end - start == 1 and not character.isspace():
            assert original[start] == character
