from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, Entities

from tandem.corpora.schema.tag_schemes import (
    SCHEMES,
    Scheme,
    SchemeGuess,
    illegal_places,
    malformed,
    recognise,
    repair_iob2,
    spans_of,
    tag_names,
    to_iob2,
    type_of,
)

Spans = list[tuple[int, int, str]]

BILOU_LETTERS = ["BILU", "BIES", "BMEW", "BMES"]
TYPES = ["per", "per-son", "B-", "E", "O"]
tag_lists = st.lists(st.sampled_from(["O", "B-per", "I-per", "B-geo", "I-geo", "B-I-x", "I-I-x"]), max_size=12)


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ([], []),
        (["O", "O"], []),
        (["B-per"], [(0, 1, "per")]),
        (["B-per", "I-per", "O"], [(0, 2, "per")]),
        (["B-per", "B-per"], [(0, 1, "per"), (1, 2, "per")]),
        (["B-per", "I-geo"], [(0, 1, "per")]),
        (["I-per", "I-per", "B-geo"], [(2, 3, "geo")]),
        (["B-a-b", "I-a-b"], [(0, 2, "a-b")]),
    ],
)
def test_spans_of_small_cases(tags: list[str], spans: list[tuple[int, int, str]]) -> None:
    assert spans_of(tags) == spans


@given(tag_lists)
def test_spans_are_those_of_strict_seqeval(tags: list[str]) -> None:
    expected = [(entity.start, entity.end, entity.tag) for entity in Entities([tags], IOB2).entities[0]]
    assert spans_of(tags) == expected


@given(tag_lists)
def test_repaired_spans_are_those_of_lenient_seqeval(tags: list[str]) -> None:
    repaired, turned = repair_iob2(tags)
    expected = [(start, last + 1, kind) for kind, start, last in get_entities(list(tags))]
    assert spans_of(repaired) == expected
    assert turned == sum(old != new for old, new in zip(tags, repaired, strict=True))


@given(tag_lists)
def test_repair_leaves_strict_tags_alone(tags: list[str]) -> None:
    repaired, _ = repair_iob2(tags)
    assert repair_iob2(repaired) == (repaired, 0)


def test_repair_turns_a_stray_inside_into_a_beginning() -> None:
    assert repair_iob2(["I-per", "I-per", "I-geo", "O", "I-geo"]) == (("B-per", "I-per", "B-geo", "O", "B-geo"), 3)


def test_tag_names_keep_the_order_of_the_types() -> None:
    assert tag_names(["per", "geo"]) == ("O", "B-per", "I-per", "B-geo", "I-geo")


@st.composite
def sentences(draw: st.DrawFn) -> tuple[Spans, int]:
    """Entities that do not overlap, often next to each other, and the number of words."""
    spans: Spans = []
    end = 0
    for _ in range(draw(st.integers(0, 5))):
        start = end + draw(st.integers(0, 2))
        end = start + draw(st.integers(1, 4))
        spans.append((start, end, draw(st.sampled_from(TYPES))))
    return spans, end + draw(st.integers(0, 2))


def from_spans(spans: Spans, n_words: int, scheme: Scheme, letters: str = "BILU") -> list[str]:
    """Write entities in a scheme; `letters` are those of bilou for first, inner, last and only."""
    tags = ["O"] * n_words
    for start, end, kind in spans:
        inner = [f"I-{kind}"] * (end - start)
        if scheme == "iob2" or (scheme == "iob1" and any(span[1:] == (start, kind) for span in spans)):
            inner[0] = f"B-{kind}"
        if scheme == "bilou":
            first, middle, last, only = letters
            inner = [only] if end - start == 1 else [first, *middle * (end - start - 2), last]
            inner = [f"{letter}-{kind}" for letter in inner]
        tags[start:end] = inner
    return tags


def merged(spans: Spans) -> Spans:
    """Neighbours of one type as one entity."""
    out: Spans = []
    for start, end, kind in spans:
        if out and out[-1][1:] == (start, kind):
            start = out.pop()[0]  # noqa: PLW2901
        out.append((start, end, kind))
    return out


@pytest.mark.parametrize("scheme", ["iob1", "iob2"])
@given(sentence=sentences())
def test_iob_keeps_every_entity(scheme: Scheme, sentence: tuple[Spans, int]) -> None:
    spans, n_words = sentence
    tags = from_spans(spans, n_words, scheme)
    converted, n_repaired = to_iob2(tags, scheme)
    assert (spans_of(converted), len(converted), n_repaired) == (spans, n_words, 0)
    assert not any(malformed(tag, scheme) for tag in tags)


@pytest.mark.parametrize("letters", BILOU_LETTERS)
@given(sentence=sentences())
def test_bilou_keeps_every_entity_whatever_its_letters(letters: str, sentence: tuple[Spans, int]) -> None:
    spans, n_words = sentence
    tags = from_spans(spans, n_words, "bilou", letters)
    converted, n_repaired = to_iob2(tags, "bilou")
    assert (spans_of(converted), len(converted), n_repaired) == (spans, n_words, 0)
    assert not any(malformed(tag, "bilou") for tag in tags)


@given(sentences())
def test_io_keeps_every_entity_but_merges_neighbours_of_one_type(sentence: tuple[Spans, int]) -> None:
    spans, n_words = sentence
    converted, n_repaired = to_iob2(from_spans(spans, n_words, "io"), "io")
    assert (spans_of(converted), len(converted), n_repaired) == (merged(spans), n_words, 0)


def test_io_takes_bare_types() -> None:
    assert to_iob2(["per", "per", "O", "org", "per-son"], "io") == (("B-per", "I-per", "O", "B-org", "B-per-son"), 0)


@pytest.mark.parametrize("scheme", ["iob1", "iob2", "bilou"])
@given(written=st.lists(sentences(), min_size=1, max_size=4))
def test_the_scheme_is_recognised(scheme: Scheme, written: list[tuple[Spans, int]]) -> None:
    tagged = [from_spans(spans, n_words, scheme) for spans, n_words in written]
    assert recognise(tagged) == (scheme if any(spans for spans, _ in written) else "iob2")


@pytest.mark.parametrize(
    ("tagged", "scheme"),
    [
        ([], "iob2"),
        ([["O", "", "O"]], "iob2"),
        ([["I-a", "I-a"], ["O", "I-b"]], "iob1"),
        ([["I-a", "B-a"]], "iob1"),
        ([["B-a"], ["O", "B-b"]], "iob2"),
        ([["B-a", "I-a"], ["O", "B-b", "I-a"], ["B-a"]], "iob2"),
        ([["I-a"], ["I-b"], ["B-a"]], "iob1"),
        ([["a", "O", "b-c"]], "io"),
        ([["a", "E-mail"]], "io"),
        ([["B-a", "I-a", "a"]], "iob2"),
        ([["B-a", "E-a"]], "bilou"),
        ([["O", "W-a"]], "bilou"),
    ],
)
def test_recognised_small_cases(tagged: list[list[str]], scheme: Scheme) -> None:
    assert recognise(tagged) == scheme


def test_a_guess_can_be_asked_at_any_time() -> None:
    guess = SchemeGuess()
    assert guess.scheme() == "iob2"
    guess.see(["I-a", "O"])
    assert guess.scheme() == "iob1"
    guess.see(iter(["U-a"]))
    assert guess.scheme() == "bilou"


@pytest.mark.parametrize(
    ("tags", "scheme", "expected", "places"),
    [
        (["O", "I-a", "I-a"], "iob2", ["O", "B-a", "I-a"], [1]),
        (["B-a", "I-a"], "iob1", ["B-a", "I-a"], [0]),
        (["I-a", "B-a", "B-b"], "iob1", ["B-a", "B-a", "B-b"], [2]),
        (["B-a", "I-a", "O"], "bilou", ["B-a", "I-a", "O"], [2]),
        (["B-a"], "bilou", ["B-a"], [1]),
        (["L-a", "I-a", "L-a"], "bilou", ["B-a", "B-a", "I-a"], [0, 1]),
        (["B-a", "L-b"], "bilou", ["B-a", "B-b"], [1]),
        (["B-a", "U-a", "B-a", "L-a"], "bilou", ["B-a", "B-a", "B-a", "I-a"], [1]),
        (["I-a", "a"], "io", ["B-a", "I-a"], []),
    ],
)
def test_illegal_sequences_are_read_like_conlleval(
    tags: list[str], scheme: Scheme, expected: list[str], places: list[int]
) -> None:
    assert to_iob2(tags, scheme) == (tuple(expected), len(places))
    assert illegal_places(tags, scheme) == places


any_tags = st.lists(st.builds("-".join, st.tuples(st.sampled_from("BILUMESW"), st.sampled_from("ab"))) | st.just("O"))


@pytest.mark.parametrize("scheme", SCHEMES)
@given(tags=any_tags)
def test_whatever_comes_in_strict_iob2_comes_out(scheme: Scheme, tags: list[str]) -> None:
    tags = [tag for tag in tags if not malformed(tag, scheme)]
    converted, n_repaired = to_iob2(tags, scheme)
    assert len(converted) == len(tags)
    assert to_iob2(converted, "iob2") == (converted, 0)
    assert n_repaired == len(illegal_places(tags, scheme))


@given(any_tags)
def test_bilou_is_read_like_lenient_seqeval(tags: list[str]) -> None:
    plain = str.maketrans("MLUW", "IESS")  # seqeval knows IOBES
    expected = get_entities([tag[0].translate(plain) + tag[1:] for tag in tags])
    converted, _ = to_iob2(tags, "bilou")
    assert spans_of(converted) == [(start, last + 1, kind) for kind, start, last in expected]


@pytest.mark.parametrize(
    ("tag", "well_formed_in"),
    [
        ("O", SCHEMES),
        ("B-a", ("iob1", "iob2", "bilou")),
        ("I-a-b", SCHEMES),
        ("S-a", ("bilou", "io")),
        ("a", ("io",)),
        ("a-b", ("io",)),
        ("b-per", ()),
        ("I-b-cell", SCHEMES),
        ("", ()),
        (" ", ()),
        ("I-", ()),
        ("B-", ()),
        ("B_per", ()),
        ("I:per", ()),
    ],
)
def test_malformed_tags(tag: str, well_formed_in: tuple[Scheme, ...]) -> None:
    assert tuple(scheme for scheme in SCHEMES if not malformed(tag, scheme)) == well_formed_in


def test_type_of_a_tag() -> None:
    assert type_of("E-per-son", "bilou") == "per-son"
    assert type_of("I-per", "io") == type_of("per", "io") == "per"
    assert type_of("O", "iob2") == type_of("??", "iob2") == ""
