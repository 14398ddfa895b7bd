from __future__ import annotations

import time
from html import escape

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from tandem.corpora.cleaning.text_cleaning import (
    is_blank,
    normalise_white_space,
    remove_html,
    text_cleaner,
    unchanged_check,
)
from tandem.errors import TandemError

clean = text_cleaner(removes_html=True, drop_characters=None)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("one<br /><br />two", "one two"),
        ("one<BR>two<br/ >three", "one two three"),
        ("<p>one</p><p class='x'>two</p>", "one two"),
        ("un<b>do</b>ne", "undone"),
        ('<a href="a>b" target=_blank>link</a>', "link"),
        ("<input type=text disabled>x", "x"),
        ("a<!-- b -- c\n-->d", "ad"),
        ("a<script>if (a < b) {}</script>d <style media='x'>p {}</style>e", "ad e"),
        ("<!DOCTYPE html>x", "x"),
        ("fish &amp; chips &#33; &#x21;&nbsp;&eacute;", "fish & chips ! ! é"),
        ("&lt;br&gt;", "<br>"),
        ("<svg><title>x</title></svg>", "x"),
    ],
)
def test_html_is_removed(text: str, cleaned: str) -> None:
    assert clean(text).text == cleaned
    assert "html" in clean(text).changes


@pytest.mark.parametrize(
    "text",
    [
        "I <3 it",
        "a < b and c > d",
        "<Brad Pitt> plays",
        "x <- y -> z <= w",
        "<b and c> d",
        "<ahref=x>",
        "AT&T; R&D, &copy without end, &unknown;",
        "<!-- never closed",
        "<br",
        "=SUM(A1)",
        "😀🤷‍♀️",
    ],
)
def test_what_only_looks_like_html_is_text(text: str) -> None:
    assert clean(text) == (text, ())


pieces = st.one_of(
    st.text(alphabet="ab <>&;é\u00a0", max_size=8).map(escape),
    st.sampled_from(["<b>", "</b>", "<i class='x y'>", "</i>", "<span>", '<a href="u?a=1&amp;b=2">', "</a>"]),
    st.sampled_from(["&amp;", "&eacute;", "&#8217;", "<!-- note -->"]),
)


@given(st.lists(pieces, max_size=10).map("".join))
def test_inline_html_reads_as_beautiful_soup_reads_it(fragment: str) -> None:
    expected = BeautifulSoup(fragment, "html.parser").get_text()
    assert normalise_white_space(remove_html(fragment)) == normalise_white_space(expected)


blocks = st.sampled_from(["<br />", "<p>one</p>", '<hr class="x"/>', "<div>two</div>", "<P>\n</P>"])


@given(st.lists(st.one_of(pieces, blocks), max_size=10).map("".join))
def test_words_around_blocks_are_those_of_beautiful_soup(fragment: str) -> None:
    soup = BeautifulSoup(fragment, "html.parser")
    for tag in soup.find_all(["br", "p", "hr", "div"]):
        tag.insert_before(" ")
        tag.insert_after(" ")
        tag.insert(0, " ")
        tag.append(" ")
    assert remove_html(fragment).split() == soup.get_text().split()


@given(st.text())
def test_cleaning_twice_changes_no_more_white_space(text: str) -> None:
    once = normalise_white_space(text)
    assert normalise_white_space(once) == once
    assert once.split() == text.split()
    assert once == " ".join(text.split())


@pytest.mark.parametrize("space", ["\u0085", "\u00a0", "\u2028", "\u3000", "\t", "\r\n", "  ", " \u2009"])
def test_odd_white_space_becomes_one_space(space: str) -> None:
    assert clean(f"one{space}two") == ("one two", ("white_space",))


def test_zero_width_characters_stay_where_they_are() -> None:
    assert clean("one\u200btwo") == ("one\u200btwo", ())


@pytest.mark.parametrize("text", ["", " ", "\u0085", "\u00a0\u2028", "\u200b", "\ufeff \u2060"])
def test_blank(text: str) -> None:
    assert is_blank(text)


@pytest.mark.parametrize("text", ["a", ".", "😀", "👩‍👩‍👧", "\u0096", "\ue000", " x\u200b"])
def test_not_blank(text: str) -> None:
    assert not is_blank(text)


def test_characters_are_dropped_by_pattern() -> None:
    without_punctuation = text_cleaner(removes_html=False, drop_characters=r"[^\w\s]")
    assert without_punctuation("Well - <b>, no!") == ("Well b no", ("dropped_characters",))
    assert without_punctuation("Well") == ("Well", ())


def test_a_faulty_pattern_is_refused() -> None:
    with pytest.raises(TandemError, match=r"clean\.drop_characters must be a regular expression.*got '\[a'"):
        text_cleaner(removes_html=True, drop_characters="[a")


@given(
    text=st.text("ab .<>&;#3\t\u00a0\u200b\u2028é😀\ud800", max_size=12) | st.text(max_size=12),
    removes_html=st.booleans(),
    pattern=st.sampled_from([None, "a", r"\W"]),
)
def test_what_is_called_unchanged_is_and_shows_something(text: str, removes_html: bool, pattern: str | None) -> None:
    is_unchanged = unchanged_check(removes_html=removes_html, drop_characters=pattern)
    if is_unchanged(text):
        assert text_cleaner(removes_html=removes_html, drop_characters=pattern)(text) == (text, ())
        assert not is_blank(text)


@pytest.mark.parametrize("text", ["a", "A fine film, really: 3 stars.", "naïve café", "映画", "👍 yes"])
def test_most_texts_are_called_unchanged(text: str) -> None:
    assert unchanged_check(removes_html=True, drop_characters="x")(text)


def test_html_may_stay() -> None:
    assert text_cleaner(removes_html=False, drop_characters=None)("a<br />b") == ("a<br />b", ())


@pytest.mark.parametrize(
    "unit", ["x", "😀", "<br />", "<", "<!--", "<a b='", '<a b="" ', "<script>", "&", "&amp", "<b ", " ", "a b=c "]
)
def test_a_million_characters_take_no_time(unit: str) -> None:
    text = "<a " + unit * (1_000_000 // len(unit))
    start = time.process_time()
    clean(text)
    assert time.process_time() - start < 5
