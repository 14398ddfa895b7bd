from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.corpora.schema.span_tags import Span, cut_words, tag_words
from tandem.corpora.schema.tag_schemes import repair_iob2, spans_of

TEXT = "Anna Kowalska, 12\u00a0Mill-Lane"


@pytest.mark.parametrize(
    ("spans", "entities", "dropped"),
    [
        ([], [], {}),
        ([(0, 13, "per"), (15, 27, "loc")], [(0, 2, "per"), (3, 7, "loc")], {}),
        ([(0, 4, "per"), (5, 13, "per")], [(0, 1, "per"), (1, 2, "per")], {}),
        ([(13, 14, "comma")], [(2, 3, "comma")], {}),
        ([(0, 3, "per")], [], {"inside_word": 1}),
        ([(4, 13, "per")], [], {"inside_word": 1}),
        ([(0, 13, "per"), (5, 13, "sur")], [(0, 2, "per")], {"overlapping": 1}),
        ([(5, 13, "sur"), (0, 4, "loc"), (0, 13, "per")], [(0, 2, "per")], {"overlapping": 2}),
        ([(0, 4, "loc"), (0, 12, "per")], [(0, 1, "loc")], {"inside_word": 1}),
        ([(0, 4, "per"), (0, 4, "per"), (0, 4, "per")], [(0, 1, "per")], {"duplicate": 2}),
        ([(4, 5, "per"), (3, 3, "per")], [], {"empty": 2}),
        ([(-1, 4, "per"), (5, 99, "per"), (5, 4, "per")], [], {"out_of_range": 3}),
    ],
)
def test_each_span_is_said_in_tags_or_counted(
    spans: list[tuple[int, int, str]], entities: list[tuple[int, int, str]], dropped: dict[str, int]
) -> None:
    tagged = tag_words(TEXT, [Span(*span) for span in spans])
    assert tagged.words == ("Anna", "Kowalska", ",", "12", "Mill", "-", "Lane")
    assert spans_of(tagged.tags) == entities
    assert tagged.dropped == dropped


def test_words_know_where_they_begin() -> None:
    assert cut_words(TEXT).starts == tag_words(TEXT, []).starts == (0, 5, 13, 15, 18, 22, 23)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("नमस्ते दुनिया", "नमस्ते दुनिया"),  # vowel signs and viramas belong to their letters
        ("مَرْحَبًا שָׁלוֹם", "مَرْحَبًا שָׁלוֹם"),
        ("e\u0301te\u0301, m²", "e\u0301te\u0301 , m²"),
        ("我住在北京。", "我 住 在 北 京 。"),  # no spaces to tell words by: a letter each
        ("カナ ก็ดี", "カ ナ ก็ ดี"),
        ("❤\ufe0f 5€ a_b ½", "❤\ufe0f 5 € a_b ½"),
        ("a\x1cb\u200bc", "a b \u200b c"),
    ],
)
def test_words_in_many_scripts(text: str, words: str) -> None:
    assert list(cut_words(text).words) == words.split(" ")


def test_spans_within_a_text_without_spaces() -> None:
    tagged = tag_words("我住在北京。", [Span(3, 5, "loc")])
    assert (spans_of(tagged.tags), tagged.dropped.total()) == ([(3, 5, "loc")], 0)


places = st.integers(-2, 14)


@given(st.text("ab .-\u0085é😀", max_size=12), st.lists(st.builds(Span, places, places, st.sampled_from("xy"))))
def test_tags_are_strict_and_words_know_nothing_of_spans(text: str, spans: list[Span]) -> None:
    tagged = tag_words(text, spans)
    assert (tagged.words, tagged.starts) == cut_words(text)
    assert [text[start : start + len(word)] for start, word in zip(tagged.starts, tagged.words, strict=True)] == [
        *tagged.words
    ]
    assert "".join(tagged.words) == "".join(text.split())
    assert repair_iob2(tagged.tags) == (tagged.tags, 0)
    assert len(spans_of(tagged.tags)) + tagged.dropped.total() == len(spans)
