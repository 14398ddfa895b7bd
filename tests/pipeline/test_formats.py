"""Corpora that are no workbooks through the whole pipeline: one that comes split, with both labels on one text."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests import tiny
from tests.pipeline.conftest import Project, write_project

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("formats")]

SIZES = {"train": 48, "valid": 8, "test": 12}
TALK = {
    "path": "data/talk",
    "format": "auto",
    "text": "text",
    "words": None,
    "sentence": None,
    "group": None,
    "labels": {"sentiment": "mood"},
    "tags": {},
    "spans": {"entities": "spans"},
    "splits": {"train": "train.jsonl", "valid": "dev.jsonl", "test": "test.jsonl"},
    "map": {"sentiment": {"good": "positive", "bad": "negative"}, "entities": {"HUMAN": "person", "YEAR": "O"}},
}
TABLE = {
    **dict.fromkeys(("words", "sentence", "group")),
    **{"path": "data/reviews.csv", "format": "auto", "text": ["title", "body"], "tags": {}},
    **{"labels": {"sentiment": "class"}, "without": ["entities"]},
}


def talk(part: str, count: int) -> list[dict[str, Any]]:
    """Records whose spans count the HTML and the white space that cleaning takes out."""
    draw = random.Random(part)
    records = []
    for number in range(count):
        label, words = (("good", tiny.GOOD), ("bad", tiny.BAD))[number % 2]
        name, place = draw.choice(tiny.NAMES).title(), draw.choice(tiny.PLACES)
        text = f"<b>{name}</b>  met {part} {number} in\u00a0{place}.<br />The film was {draw.choice(words)}, 1999!"
        marks = (("HUMAN", name), ("place", place), ("YEAR", "1999"))
        spans = [
            {"start": text.index(word), "end": text.index(word) + len(word), "label": kind} for kind, word in marks
        ]
        records.append({"text": text, "mood": label, "spans": spans})
    return records


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project of a CSV file in an old encoding and of JSON Lines that come split, after one run."""
    project = write_project(tmp_path_factory.mktemp("project"))
    folder = project.root / "data/talk"
    folder.mkdir()
    for part, count in SIZES.items():
        lines = [json.dumps(record) + "\n" for record in talk(part, count)]
        (folder / TALK["splits"][part]).write_text("".join(lines))
    rows = [f'"Café, {label}";"{text}";{label}' for text, label in tiny.review_rows(60)]
    (project.root / "data/reviews.csv").write_bytes("\r\n".join(["title;body;class", *rows, ""]).encode("cp1252"))
    project.edit_params(corpora={"talk": TALK, "table": TABLE}, train__epochs=24)
    project.run("dvc", "repro", "evaluate")
    return project


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_given_splits_are_kept(project: Project) -> None:
    for part, count in SIZES.items():
        records = lines(project.root / f"data/split/talk/{part}.jsonl")
        assert sorted(record["row"] for record in records) == list(range(1, count + 1))
        assert all(f" met {part} " in record["text"] for record in records)
    sizes = json.loads((project.root / "data/metrics/split/talk.json").read_text())["sizes"]
    assert sizes == SIZES


def test_what_was_found_out_is_in_the_metrics(project: Project) -> None:
    talk, table = (
        json.loads((project.root / f"data/metrics/clean/{name}.json").read_text()) for name in ("talk", "table")
    )
    assert talk["source"]["valid"] == {"format": "jsonl", "encoding": "utf-8"}
    assert talk["kept_by_split"] == SIZES
    assert talk["altered"]["spans_mapped"] == 2 * sum(SIZES.values())
    assert {key: table["source"][key] for key in ("encoding", "delimiter")} == {"encoding": "cp1252", "delimiter": ";"}
    assert table["labels"] == {"sentiment": {"positive": 30, "negative": 30}, "entities": {}}


def test_predicted_entities_are_characters_of_the_cleaned_text(project: Project) -> None:
    texts = {record["row"]: record["text"] for record in lines(project.root / "data/split/talk/test.jsonl")}
    rows = lines(project.root / "data/evaluate/predictions/entities.jsonl")
    found = {row["row"]: row for row in rows if row["corpus"] == "talk"}
    assert found.keys() == texts.keys()
    for number, row in found.items():
        text = texts[number]
        assert "<" not in text
        marked = [(text[span["start"] : span["end"]], span["label"]) for span in row["gold_spans"]]
        assert [kind for _, kind in marked] == ["person", "place"]
        assert marked[0][0].lower() in tiny.NAMES
        assert marked[1][0] in tiny.PLACES
        for span in row["predicted_spans"]:
            assert text[span["start"] : span["end"]].strip() == text[span["start"] : span["end"]] != ""
    others = [row for row in rows if row["corpus"] == "table"]
    assert others
    assert all(row["gold_spans"] == [] for row in others)


def test_both_heads_learn_from_the_same_texts(project: Project) -> None:
    scores = json.loads((project.root / "data/metrics/evaluate.json").read_text())
    assert scores["sentiment"]["n"] > SIZES["test"]
    assert scores["entities"]["f1"] > scores["before"]["entities"]["f1"]
    assert scores["sentiment"]["accuracy"] > 0.9


def test_a_changed_part_reruns_its_corpus_alone(project: Project) -> None:
    path = project.root / "data/talk/test.jsonl"
    before = path.read_text()
    path.write_text("".join(before.splitlines(keepends=True)[1:]))
    planned = project.repro("--dry", "evaluate")
    path.write_text(before)
    assert "clean@talk" in planned
    assert not {name for name in planned if name.endswith("@table")}
