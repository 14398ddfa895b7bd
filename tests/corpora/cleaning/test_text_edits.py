from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.corpora.cleaning.text_cleaning import text_cleaner
from tandem.corpora.cleaning.text_edits import marked_text_cleaner, trimmed
from tandem.corpora.schema.span_tags import Span
from tandem.errors import TandemError

clean_marked = marked_text_cleaner(removes_html=True, drop_characters=None)


def marked(text: str) -> tuple[str, Span]:
    """Take the one span out of a text, which stands between braces."""
    start, end = text.index("{"), text.index("}") - 1
    return text.replace("{", "").replace("}", ""), Span(start, end, "x")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{Anna} left", "{Anna} left"),
        ("  then  {Anna}  left ", "then {Anna} left"),
        ("<p>then</p><p>{Anna}</p>", "then {Anna}"),
        ("un<b>d{o}</b>ne", "und{o}ne"),
        ("<!-- note -->a{<b>Anna</b>} left", "a{Anna} left"),
        ("fish &amp; {chips}", "fish & {chips}"),
        ("{fish &amp; chips} &lt;", "{fish & chips} <"),
        ("a {&am}p; b", "a {&} b"),
        ("{Anna<br />Kowalska}", "{Anna Kowalska}"),
        ("{Anna \u00a0 Kowalska}!", "{Anna Kowalska}!"),
        ("Anna {\t\t}x", "Anna{ }x"),
        ("Anna<b>{}</b>x", "Anna{}x"),
        ("A<script>{x}</script>B", "A{}B"),
        ("A{B<script>C}D</script>E", "A{B}E"),
        ("{A}<!-- b", "{A}<!-- b"),
    ],
)
def test_a_span_follows_the_edits(before: str, after: str) -> None:
    text, span = marked(before)
    expected, moved = marked(after)
    assert clean_marked(text, [span]) == (expected, [moved])


def test_dropped_characters_shrink_a_span() -> None:
    clean = marked_text_cleaner(removes_html=False, drop_characters=r"[^\w\s]")
    assert clean("- (Anna-Maria) <b>", [Span(2, 14, "x"), Span(3, 7, "y")]) == (
        "AnnaMaria b",
        [Span(0, 9, "x"), Span(0, 4, "y")],
    )


def test_spans_beyond_the_text_stay_where_they_are() -> None:
    spans = [Span(-1, 2, "x"), Span(0, 99, "x"), Span(3, 2, "x"), Span(3, 4, "y")]
    assert clean_marked("<p>a</p>", spans).spans == [*spans[:3], Span(0, 1, "y")]


def test_a_faulty_pattern_is_refused() -> None:
    with pytest.raises(TandemError, match=r"clean\.drop_characters must be a regular expression"):
        marked_text_cleaner(removes_html=True, drop_characters="[a")


pieces = st.one_of(
    st.text(alphabet="ab <>&;-é\u00a0\u0085\u200b😀", max_size=6),
    st.sampled_from(["<b>", "</b>", "<br />", "<!DOCTYPE x>", "<p class='x'>", "<script>", "</script>", "<!--", "-->"]),
    st.sampled_from(["&amp;", "&nbsp;", "&lt;br&gt;", "&NotEqualTilde;", "&unknown;", "&#8217;"]),
)
PATTERNS = [None, r"[^\w\s]", r"\s", "", "a*", "(?=b)|é"]


@given(st.lists(pieces, max_size=12), st.data(), st.booleans(), st.sampled_from(PATTERNS))
def test_the_text_is_that_of_the_fast_path_and_spans_stay_within(
    parts: list[str], data: st.DataObject, removes_html: bool, drop: str | None
) -> None:
    text = "".join(parts)
    places = st.integers(-1, len(text) + 1)
    spans = data.draw(st.lists(st.builds(Span, places, places, st.just("x")), max_size=4))
    cleaned, moved = marked_text_cleaner(removes_html=removes_html, drop_characters=drop)(text, spans)
    assert cleaned == text_cleaner(removes_html=removes_html, drop_characters=drop)(text).text
    for old, new in zip(spans, moved, strict=True):
        if 0 <= old.start <= old.end <= len(text):
            assert 0 <= new.start <= new.end <= len(cleaned)
        else:
            assert old == new


words = st.text(alphabet="abé.😀", min_size=1, max_size=5)
noise = st.sampled_from(
    [" ", "  ", "\u00a0\t", "<br />", " <i>", "</i> ", "<!-- x y -->", "<p>", " &nbsp; ", "&#8217;"]
)


@given(st.lists(st.tuples(noise, words), min_size=1, max_size=8))
def test_a_span_that_no_edit_touches_keeps_its_surface(parts: list[tuple[str, str]]) -> None:
    text, spans = "", []
    for between, word in parts:
        text += between
        spans.append(Span(len(text), len(text) + len(word), word))
        text += word
    cleaned, moved = clean_marked(text, spans)
    assert [cleaned[start:end] for start, end, _ in moved] == [word for _, word in parts]


@pytest.mark.parametrize(
    ("span", "expected"),
    [((0, 7), (2, 5)), ((2, 5), (2, 5)), ((1, 4), (2, 3)), ((0, 1), (0, 1)), ((-1, 4), (-1, 4)), ((5, 9), (5, 9))],
)
def test_white_space_is_trimmed(span: tuple[int, int], expected: tuple[int, int]) -> None:
    assert trimmed(" \u00a0a b \n", Span(*span, "x")) == Span(*expected, "x")


@pytest.mark.parametrize("unit", ["x ", "<br />", "&amp;", "<!--", "<b>a</b>  "])
def test_many_edits_and_spans_take_no_time(unit: str) -> None:
    text = unit * (300_000 // len(unit))
    spans = [Span(place, place + 3, "x") for place in range(0, len(text) - 3, 100)]
    start = time.process_time()  # whatever else the machine does; a quadratic way takes minutes
    clean_marked(text, spans)
    assert time.process_time() - start < 5
