from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, Entities

from tandem.corpora.tag_schemes import repair_iob2, spans_of, tag_names

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
