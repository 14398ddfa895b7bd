from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.corpora.readers.conllu import open_conllu
from tandem.corpora.readers.entries import Source
from tandem.errors import TandemError
from tandem.params import Corpus

Open = Callable[..., Source]


def line(number: int | str, form: str, misc: str = "_") -> str:
    return f"{number}\t{form}\t{form.lower()}\tNOUN\tNN\t_\t0\troot\t_\t{misc}\n"


def entities(*values: str, before: str = "") -> str:
    """A sentence whose words bear the values under the key Entity."""
    return before + "".join(
        line(number, f"w{number}", f"Entity={value}" if value else "_") for number, value in enumerate(values, start=1)
    )


@pytest.fixture
def open_lines(tmp_path: Path) -> Open:
    def open_(content: str | bytes, **fields: Any) -> Source:
        path = tmp_path / "bank.conllu"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        given: dict[str, Any] = {
            "path": "bank.conllu",
            "format": "conllu",
            "text": None,
            "words": None,
            "sentence": None,
            "group": None,
            "labels": {},
            "tags": {"entities": "NER"},
        }
        return open_conllu(path, Corpus(**{**given, **fields}))

    return open_


def test_tags_under_a_key_of_misc(open_lines: Open) -> None:
    source = open_lines(
        "# sent_id = 1\n# text = Vámonos a Peru\n"
        + line("1-2", "Vámonos", "SpaceAfter=No")
        + line(1, "Vamos")
        + line(2, "nos")
        + line("2.1", "a")
        + line(3, "Peru", "SpaceAfter=No|NER=B-LOC")
        + "\n"
        + line(1, "New York")
    )
    first, second = source.entries
    assert (first.words, first.tags) == (["Vamos", "nos", "Peru"], {"entities": ["O", "O", "B-LOC"]})
    assert (first.row, list(first.rows), second.words) == (4, [4, 5, 7], ["New York"])
    assert source.notes.counts == {"comments": 2, "multiword_tokens": 1, "empty_nodes": 1}
    assert source.facts["format"] == "conllu"


def test_other_columns(open_lines: Open) -> None:
    source = open_lines(
        line(1, "Dogs", "B-x") + line(2, "bark").replace("NN", "_"),
        words="LEMMA",
        tags={"parts": "UPOS", "fine": 4, "entities": -1},
    )
    (entry,) = source.entries
    assert entry.words == ["dogs", "bark"]
    assert entry.tags == {"parts": ["NOUN", "NOUN"], "fine": ["NN", ""], "entities": ["B-x", "O"]}


def test_labels_and_documents_in_comments(open_lines: Open) -> None:
    content = "# newdoc id = d1\n# genre = news\n{0}\n{0}\n# newdoc\n# genre = chat\n{0}".format(line(1, "a", "NER=O"))
    source = open_lines(content, labels={"genre": "genre"}, group="newdoc")
    assert [(entry.labels, entry.group) for entry in source.entries] == [
        ({"genre": "news"}, "d1"),
        ({}, "d1"),
        ({"genre": "chat"}, "document 2"),
    ]


@pytest.mark.parametrize(
    ("values", "tags", "counts"),
    [
        (["(person-1", "", "person-1)"], ["B-person", "I-person", "I-person"], {}),
        (["(person-1", "person)", "(org)"], ["B-person", "I-person", "B-org"], {}),
        (["(per-son)", ""], ["B-per-son", "O"], {}),
        (["(per-son-4)", "(x", "x)"], ["B-per-son", "B-x", "I-x"], {}),
        (["(event-1(person-2)", "(place-3)", "event-1)"], ["B-event", "I-event", "I-event"], {"nested_entities": 2}),
        (["(a-1(a-2", "a-2)a-1)"], ["B-a", "I-a"], {"nested_entities": 1}),
        (["(1-a-new-cf1-1-sgl", "(2-b-giv)", "1)"], ["B-a", "I-a", "I-a"], {"nested_entities": 1}),
        (["(a-1", "(b-2", "a-1)", "b-2)"], ["B-a", "I-a", "I-a", "O"], {"crossing_entities": 1}),
        (["(a-1", "a-1)(b-2)", "(a-3)"], ["B-a", "I-a", "B-a"], {"nested_entities": 1}),
        (["(a", ")"], ["B-a", "I-a"], {}),
    ],
)
def test_bracketed_entities(open_lines: Open, values: list[str], tags: list[str], counts: dict[str, int]) -> None:
    source = open_lines(entities(*values), tags={"entities": "Entity"})
    assert [entry.tags["entities"] for entry in source.entries] == [tags]
    assert source.notes.counts == counts


def test_bracketed_entities_with_declared_fields(open_lines: Open) -> None:
    before = "# global.Entity = eid-etype-head-other\n"
    values = ["(e1-person-1-x", "e1)", "(e2--1)", "(e3[1/2]-org-1-", "e3[1/2])"]
    source = open_lines(entities(*values, before=before), tags={"entities": "Entity"})
    assert [entry.tags["entities"] for entry in source.entries] == [["B-person", "I-person", "O", "B-org", "I-org"]]
    assert source.notes.counts == {"comments": 1, "entities_without_type": 1}


def test_bracketed_entities_on_empty_nodes(open_lines: Open) -> None:
    content = line(1, "a") + line("1.1", "_", "Entity=(a-1(b-2)") + line(2, "b") + line(3, "c", "Entity=a-1)")
    source = open_lines(content, tags={"entities": "Entity"})
    assert [entry.tags["entities"] for entry in source.entries] == [["O", "B-a", "I-a"]]
    assert source.notes.counts == {"empty_nodes": 1, "entities_of_empty_nodes": 1}


def test_a_tag_of_a_multiword_token_is_counted(open_lines: Open) -> None:
    source = open_lines(line("1-2", "zum", "NER=B-x") + line(1, "zu") + line(2, "dem"))
    assert [entry.tags["entities"] for entry in source.entries] == [["O", "O"]]
    assert source.notes.counts == {"multiword_tokens": 1, "tags_of_multiword_tokens": 1}


@pytest.mark.parametrize(
    ("content", "fields", "parts"),
    [
        (line(1, "a") + "2\tb\n", {}, ["line 2", "expected the 10 columns", "found 2: '2\\tb'"]),
        (line(1, "a").replace("\t", " "), {}, ["line 1", "separated by tabs, found 1"]),
        (line(1, "a") + line(3, "b"), {}, ["line 2", "ID '3', expected 2"]),
        (line(1, "a") + line(1, "b"), {}, ["line 2", "ID '1'", "blank line"]),
        (line("x", "a"), {}, ["line 1", "ID 'x'"]),
        ("# only = this\n", {}, ["no words"]),
        ("", {}, ["empty"]),
        (line(1, "a", "Ner=B-x|SpaceAfter=No"), {}, ["no word has NER=", "'Ner', 'SpaceAfter'", "MISC"]),
        (line(1, "a", "NER=O"), {"labels": {"c": "k"}}, ["`# k = <value>`", "found in its comments: none"]),
        (line(1, "a", "NER=O"), {"labels": {"c": 2}}, ["labels.c is 2", "comment"]),
        (line(1, "a", "NER=O"), {"group": "newdoc"}, ["group names 'newdoc'", "# newdoc id"]),
        (line(1, "a", "NER=O"), {"words": "Form"}, ["'Form'", "ID, FORM"]),
        (line(1, "a", "NER=O"), {"words": 10}, ["column 10", "from 0 to 9"]),
        (line(1, "a", "NER=O"), {"text": "FORM"}, ["corpora.*.text"]),
        (entities("(a-1", ""), {"tags": {"entities": "Entity"}}, ["line 1", "(a", "closing bracket"]),
        (entities("", "a-1)"), {"tags": {"entities": "Entity"}}, ["line 2", "'a-1)'", "opening bracket"]),
        (entities("(a-1)", "b"), {"tags": {"entities": "Entity"}}, ["line 2", "'b'", "brackets such as"]),
        (entities("()"), {"tags": {"entities": "Entity"}}, ["line 1", "'()'"]),
    ],
)
def test_bad_files_and_params(open_lines: Open, content: str, fields: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(TandemError) as caught:
        list(open_lines(content, **fields).entries)
    for part in parts:
        assert part in str(caught.value)
    assert "bank.conllu" in str(caught.value)


some_lines = st.lists(
    st.builds(line, st.sampled_from([1, 2, 3, "1-2", "1.1", "x"]), st.text("ab", max_size=2), st.text("=|()-1Ea"))
    | st.builds(line, st.just(1), st.just("a"), st.text("()-1a[/]", max_size=8).map("Entity={}".format))
    | st.sampled_from(["\n", "# newdoc\n", "# global.Entity = eid-etype\n", "#\n"])
    | st.text(max_size=5)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60) | some_lines.map(lambda lines: "".join(lines).encode(errors="ignore")))
def test_any_bytes_give_entries_or_an_error(open_lines: Open, content: bytes) -> None:
    with suppress(TandemError):
        for entry in open_lines(content, tags={"entities": "Entity"}).entries:
            assert len(entry.words or ()) == len(entry.tags["entities"]) == len(entry.rows) > 0
