"""A miniature of each kind of corpus that users come with, through cleaning under `format: auto`."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.corpora.cleaning.clean_report import CleanReport
from tandem.corpora.cleaning.cleaning import clean_corpus
from tandem.corpora.schema.records import Record, write_records
from tandem.corpora.schema.tag_schemes import repair_iob2
from tandem.errors import TandemError
from tandem.params import Corpus, Task
from tests.corpora.conftest import RULES
from tests.corpora.workbooks import save_workbook

TASKS = {
    "mood": Task(kind="classification", labels=None, scheme=None),
    "names": Task(kind="tagging", labels=None, scheme="auto"),
}
TEXTS = {"text": "text", "labels": {"mood": "label"}}
COLUMNS = {"words": 0, "tags": {"names": -1}}
PARALLEL = {"words": "seq.in", "tags": {"names": "seq.out"}, "labels": {"mood": "label"}}


class Miniature(NamedTuple):
    """A file's name and content, the params of its corpus, the records it must give, facts and notes of the report."""

    name: str
    content: str
    fields: Mapping[str, Any]
    records: list[Record]
    facts: Mapping[str, Any] = {}
    noted: Mapping[str, int] = {}


def texts(*rows: tuple[int, str, str]) -> list[Record]:
    return [Record(row=row, text=text, labels={"mood": label}) for row, text, label in rows]


def sentences(*rows: tuple[int, str, str], **more: Any) -> list[Record]:
    """Records of words and tags, both as texts."""
    return [
        Record(row=row, words=tuple(words.split(" ")), tags={"names": tuple(tags.split(" "))}, **more)
        for row, words, tags in rows
    ]


def marked(row: int, text: str, tags: str, words: str, starts: tuple[int, ...], **labels: str) -> Record:
    return Record(
        row=row,
        text=text,
        words=tuple(words.split(" ")),
        starts=starts,
        tags={"names": tuple(tags.split(" "))},
        labels=labels,
    )


AG_NEWS = """"3","Oil rises","Prices (Reuters) rose, the ""barrel"" at \\$40."
"4","A moon found","It orbits\\Saturn.&#39;"
"""
JSON_LINES = """{"id": 1, "text": "Anna lives in Oslo.", "mood": "calm", "spans": [[0, 4, "PER"], [14, 18, "LOC"]]}

{"id": 2, "text": "<b>Ben</b>  met\\u00a0Carla!", "mood": "glad", "spans": [{"start": 3, "end": 6, "label": "PER"}, \
{"start": 16, "end": 21, "label": "PER"}]}
{"id": 3, "text": "Nobody came.", "mood": null, "spans": []}
{"id": 4, "text": "No one looked.", "mood": "glad"}
"""
PRESIDIO = json.dumps(
    [
        {
            "full_text": "Call Ann on 555-01.",
            "masked": None,
            "spans": [
                {"entity_type": "PERSON", "entity_value": "Ann", "start_position": 5, "end_position": 8},
                {"entity_type": "PHONE", "entity_value": "555-01", "start_position": 12, "end_position": 18},
            ],
            "template_id": 7,
        },
        {"full_text": "No data in here.", "spans": [], "template_id": 9},
    ],
    indent=2,
)
CONLL_2003 = """-DOCSTART- -X- -X- O

EU NNP B-NP I-ORG
rejects VBZ B-VP O
German JJ B-NP I-MISC

-DOCSTART- -X- -X- O

Peter NNP B-NP I-PER
Ann NNP I-NP B-PER
Smith NNP I-NP I-PER

"""
WNUT = "@paulwalk\tO\n#Oslo\tB-location\n🙂\tO\n&quot;\tO\n# \tO\n\n\nEmpire\tB-location\nState\tI-location\n \n"
CONLLU = """# newdoc id = one
# intent = travel
# text = Ann flew vom Bay.
1\tAnn\tAnn\tPROPN\tNNP\t_\t2\tnsubj\t_\tEntity=(person-1)|NER=B-PER
2\tflew\tfly\tVERB\tVBD\t_\t0\troot\t_\tNER=O
3-4\tvom\t_\t_\t_\t_\t_\t_\t_\t_
3\tvon\tvon\tADP\tIN\t_\t5\tcase\t_\tNER=O
4\tdem\tder\tDET\tDT\t_\t5\tdet\t_\tEntity=(place-2
4.1\tgone\t_\t_\t_\t_\t_\t_\t_\t_
5\tBay\tBay\tPROPN\tNNP\t_\t2\tobl\t_\tEntity=(ship-3)place-2)|NER=B-LOC

# intent = rest
1\tRest\trest\tVERB\tVB\t_\t0\troot\t_\tSpaceAfter=No

"""
WIKINER = "\nThe|DT|I-MISC Oxford|NNP|I-MISC is|VBZ|O a|b|SYM|O\n\nIn|IN|O Oslo|NNP|I-LOC Bergen|NNP|B-LOC\n"
BILOU = "Ann U-PER\nof O\nNew B-LOC\nYork I-LOC\nCity L-LOC\n\nBen S-PER\n"
GOOD_AND_BAD = texts((2, "A film.", "good"), (3, "Café, naïve", "bad"))

MINIATURES = {
    "ag news": Miniature(
        "train.csv",
        AG_NEWS,
        {"text": ("title", "body"), "columns": ("label", "title", "body"), "labels": {"mood": "label"}},
        texts(
            (1, 'Oil rises Prices (Reuters) rose, the "barrel" at \\$40.', "3"),
            (2, "A moon found It orbits\\Saturn.'", "4"),
        ),
        {"format": "csv", "header": False},
    ),
    "ag news by numbers": Miniature(
        "ag.txt",
        AG_NEWS,
        {
            "text": (1, -1),
            "columns": ("label", "title", "body"),
            "labels": {"mood": 0},
            "map": {"mood": {"4": "Sci/Tech"}},
        },
        texts(
            (1, 'Oil rises Prices (Reuters) rose, the "barrel" at \\$40.', "3"),
            (2, "A moon found It orbits\\Saturn.'", "Sci/Tech"),
        ),
        {"format": "csv"},
    ),
    "csv": Miniature("a.csv", 'text,label\r\nA film.,good\r\n"Café, naïve",bad\r\n', TEXTS, GOOD_AND_BAD),
    "csv with semicolons": Miniature(
        "a.csv", "text;label\nA film.;good\nCafé, naïve;bad\n", TEXTS, GOOD_AND_BAD, {"delimiter": ";"}
    ),
    "tsv": Miniature("a.tsv", "id\ttext\tlabel\n1\tA film.\tgood\n2\tCafé, naïve\tbad\n", TEXTS, GOOD_AND_BAD),
    "tsv of words": Miniature(
        "a.tsv",
        "mark\tword\ttag\n1\tAnn\tB-PER\n\tsings\tO\n2\tBen\tB-PER\n",
        {"words": "word", "sentence": "mark", "tags": {"names": "tag"}},
        sentences((2, "Ann sings", "B-PER O"), (4, "Ben", "B-PER")),
        {"format": "tsv"},
    ),
    "csv of sentences": Miniature(
        "a.csv",
        "words,tags,label\nAnn sings,B-PER O,calm\nsings  Ann,O I-PER,glad\n",
        {"words": "words", "tags": {"names": "tags"}, "labels": {"mood": "label"}},
        sentences((2, "Ann sings", "B-PER O"), labels={"mood": "calm"})
        + sentences((3, "sings Ann", "O B-PER"), labels={"mood": "glad"}),
    ),
    "json lines": Miniature(
        "a.jsonl",
        '{"text": "A film.", "label": 1}\n{"text": "Caf\\u00e9 \\ud83d\\ude42", "label": false}\n',
        TEXTS,
        texts((1, "A film.", "1"), (2, "Café 🙂", "false")),
        {"format": "jsonl"},
    ),
    "json lines of words": Miniature(
        "a",
        '{"tokens": ["New York", "sings"], "ner_tags": ["B-LOC", "O"], "meta": {"mood": "calm"}}\n'
        '{"tokens": [], "ner_tags": [], "meta": {"mood": "calm"}}\n'
        '{"tokens": ["Ben", ""], "ner_tags": ["B-PER", "O"], "meta": {"mood": "glad"}}\n',
        {"words": "tokens", "tags": {"names": "ner_tags"}, "labels": {"mood": "meta.mood"}},
        [
            Record(row=1, words=("New York", "sings"), tags={"names": ("B-LOC", "O")}, labels={"mood": "calm"}),
            Record(row=3, words=("Ben",), tags={"names": ("B-PER",)}, labels={"mood": "glad"}),
        ],
    ),
    "json lines of spans and labels": Miniature(
        "a.ndjson",
        JSON_LINES,
        {"text": "text", "labels": {"mood": "mood"}, "spans": {"names": "spans"}},
        [
            marked(
                1, "Anna lives in Oslo.", "B-PER O O B-LOC O", "Anna lives in Oslo .", (0, 5, 11, 14, 18), mood="calm"
            ),
            marked(3, "Ben met Carla!", "B-PER O B-PER O", "Ben met Carla !", (0, 4, 8, 13), mood="glad"),
            marked(4, "Nobody came.", "O O O", "Nobody came .", (0, 7, 11)),
            Record(row=5, text="No one looked.", labels={"mood": "glad"}),
        ],
        noted={"blank_lines": 1, "without_mood": 1, "without_names": 1},
    ),
    "presidio": Miniature(
        "synth.json",
        PRESIDIO,
        {"text": "full_text", "spans": {"names": "spans"}, "group": "template_id"},
        [
            Record(
                row=1,
                text="Call Ann on 555-01.",
                words=("Call", "Ann", "on", "555", "-", "01", "."),
                starts=(0, 5, 9, 12, 15, 16, 18),
                tags={"names": ("O", "B-PERSON", "O", "B-PHONE", "I-PHONE", "I-PHONE", "O")},
                group="7",
            ),
            Record(
                row=2,
                text="No data in here.",
                words=("No", "data", "in", "here", "."),
                starts=(0, 3, 8, 11, 15),
                tags={"names": ("O",) * 5},
                group="9",
            ),
        ],
        {"format": "json"},
    ),
    "conll 2003": Miniature(
        "eng.testa",
        CONLL_2003,
        {**COLUMNS, "group": "document", "map": {"names": {"PER": "PERSON", "MISC": "O"}}},
        sentences((3, "EU rejects German", "B-ORG O O"), group="document 1")
        + sentences((9, "Peter Ann Smith", "B-PERSON B-PERSON I-PERSON"), group="document 2"),
        {"format": "conll", "columns": 4},
        {"documents": 2},
    ),
    "wnut": Miniature(
        "wnut17train.conll",
        WNUT,
        COLUMNS,
        sentences(
            (1, "@paulwalk #Oslo 🙂 &quot; #", "O B-location O O O"), (8, "Empire State", "B-location I-location")
        ),
        {"format": "conll", "delimiter": "tab"},
    ),
    "words of odd white space": Miniature(
        "a",
        "Ann\u2028 B-PER\n\x85 O\n10\u00a0000 O\n\nBen B-PER\n",
        COLUMNS,
        [
            Record(row=1, words=("Ann", "10\u00a0000"), tags={"names": ("B-PER", "O")}),
            Record(row=5, words=("Ben",), tags={"names": ("B-PER",)}),
        ],
    ),
    "bilou": Miniature(
        "a.txt",
        BILOU,
        COLUMNS,
        sentences((1, "Ann of New York City", "B-PER O B-LOC I-LOC I-LOC"), (7, "Ben", "B-PER")),
    ),
    "plain types": Miniature(
        "a.txt",
        BILOU.replace("U-", "").replace("S-", "").replace("B-", "").replace("I-", "").replace("L-", ""),
        COLUMNS,
        sentences((1, "Ann of New York City", "B-PER O B-LOC I-LOC I-LOC"), (7, "Ben", "B-PER")),
    ),
    "conllu by key": Miniature(
        "a.conllu",
        CONLLU,
        {"words": 1, "tags": {"names": "NER"}, "labels": {"mood": "intent"}, "group": "newdoc"},
        sentences((4, "Ann flew von dem Bay", "B-PER O O O B-LOC"), labels={"mood": "travel"}, group="one")
        + sentences((13, "Rest", "O"), labels={"mood": "rest"}, group="one"),
        {"format": "conllu"},
        {"multiword_tokens": 1, "empty_nodes": 1},
    ),
    "conllu by brackets": Miniature(
        "gum.txt",
        CONLLU,
        {"words": "FORM", "tags": {"names": "Entity"}},
        sentences((4, "Ann flew von dem Bay", "B-person O O B-place I-place"), (13, "Rest", "O")),
        noted={"nested_entities": 1},
    ),
    "wikiner": Miniature(
        "aij-wikiner-en-wp3",
        WIKINER,
        COLUMNS,
        sentences((2, "The Oxford is a|b", "B-MISC I-MISC O O"), (4, "In Oslo Bergen", "O B-LOC B-LOC")),
        {"format": "wikiner"},
    ),
}


def write(folder: Path, one: Miniature, packed: str) -> Path:
    """Write a miniature, as it is or packed."""
    content = one.content.encode()
    if packed == "zip":
        path = folder / "archive.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("data/", "")
            archive.writestr(f"data/{one.name}", content)
            archive.writestr(f"__MACOSX/._{one.name}", b"\0")
        return path
    path = folder / (one.name + (".gz" if packed else ""))
    path.write_bytes(gzip.compress(content) if packed else content)
    return path


def clean(path: Path, fields: Mapping[str, Any]) -> tuple[list[Record], CleanReport]:
    unnamed = {"text": None, "words": None, "sentence": None, "group": None, "labels": {}, "tags": {}}
    corpus = Corpus(path=str(path), format="auto", **{**unnamed, **fields})
    records, report = clean_corpus(corpus, TASKS, RULES)
    return list(records), report


@pytest.mark.parametrize("name", MINIATURES)
@pytest.mark.parametrize("packed", ["", "gz", "zip"])
def test_miniatures(tmp_path: Path, name: str, packed: str) -> None:
    one = MINIATURES[name]
    records, report = clean(write(tmp_path, one, packed), one.fields)
    assert records == one.records
    metrics = report.as_dict()
    assert metrics["source"].items() >= one.facts.items()
    assert metrics["noted"].items() >= one.noted.items()
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics


ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("has_header", [True, False])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_tables_in_any_encoding(tmp_path: Path, encoding: str, line_end: str, has_header: bool, delimiter: str) -> None:
    film = "Café “naïve” – 5 €" if encoding != "latin-1" else "Café na\u00efve \x81"
    rows = [("text", "label")] * has_header + [(film, "good"), ("Another, à\u00a0nous", "bad")]
    content = "".join(delimiter.join(f'"{cell}"' for cell in row) + line_end for row in rows)
    path = tmp_path / ("a.csv" if delimiter == "," else "a.tsv")
    path.write_bytes(content.encode(encoding))
    fields = TEXTS if has_header else {"text": 0, "labels": {"mood": -1}, "columns": ("a", "b")}
    records, report = clean(path, fields)
    expected = [(1 + has_header, film.strip(), "good"), (2 + has_header, "Another, à nous", "bad")]
    assert records == texts(*expected)
    assert report.as_dict()["source"]["encoding"].startswith(encoding.removesuffix("-sig"))


def test_workbooks(tmp_path: Path) -> None:
    rows = [("review", "sentiment"), ("=Good<br />film, 34", "positive"), (None, "negative"), (34.0, "negative")]
    path = save_workbook(tmp_path / "reviews.xlsx", [], Reviews=[])
    path = save_workbook(tmp_path / "reviews.xlsx", [rows[0], *rows[2:], ("A<br />film", "positive")])
    records, _ = clean(path, {"text": "review", "labels": {"mood": "sentiment"}})
    assert records == texts((3, "34", "negative"), (4, "A film", "positive"))
    rows = [
        ("Sentence #", "Word", "POS", "Tag"),
        *(("Sentence: 1", "None", "NN", "O"), (None, 2.3, "CD", "B-tim"), (None, 34.0, "CD", "I-tim")),
        *(("Sentence: 2", "\x85", "NN", "O"), (None, True, "NN", "B-gpe"), (None, "O", "NN", "O")),
    ]
    path = save_workbook(tmp_path / "words.xlsx", rows)
    records, report = clean(path, {"words": "Word", "sentence": "Sentence #", "tags": {"names": "Tag"}})
    assert records == sentences((2, "None 2.3 34", "O B-tim I-tim"), (5, "TRUE O", "B-gpe O"))
    assert report.as_dict()["dropped"]["rows_empty_word"] == 1


def test_parallel_files_that_come_split(tmp_path: Path) -> None:
    for part, words, tags, label in (
        ("train", "play Ann\nlisten  to Ben \n", "O B-artist\nO O B-artist\n", "play\nhear\n"),
        ("dev", "Ann\n", "I-artist\n", "play\n"),
    ):
        for ending, content in (("seq.in", words), ("seq.out", tags), ("label", label)):
            (tmp_path / f"{part}.{ending}").write_text(content)
    records, report = clean(tmp_path, {**PARALLEL, "splits": {"train": "train", "test": "dev"}})
    assert records == [
        *sentences((1, "play Ann", "O B-artist"), labels={"mood": "play"}, split="train"),
        *sentences((2, "listen to Ben", "O O B-artist"), labels={"mood": "hear"}, split="train"),
        *sentences((1, "Ann", "B-artist"), labels={"mood": "play"}, split="test"),
    ]
    assert report.as_dict()["altered"]["tags_repaired"] == 1


def test_packed_parallel_files(tmp_path: Path) -> None:
    for ending, content in (("seq.in", "Ann\nBen\n"), ("seq.out", "O\nB-x\n"), ("label", "play\nhear\n")):
        (tmp_path / f"{ending}.gz").write_bytes(gzip.compress(content.encode()))
    records, _ = clean(tmp_path, PARALLEL)
    assert [(record.words, record.labels["mood"]) for record in records] == [(("Ann",), "play"), (("Ben",), "hear")]


def test_folders_of_classes_that_come_split(tmp_path: Path) -> None:
    for name, text in (
        ("train/pos/10_9.txt", "Fine<br /><br />film."),
        ("train/pos/2_8.txt", "Lovely.\r\nReally."),
        ("train/neg/0_1.txt", "Café".encode("latin-1")),
        ("train/urls_pos.txt", "http://"),
        ("test/neg/0_2.txt", "Weak."),
        ("imdb.vocab", "the"),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    fields = {
        **TEXTS,
        "splits": {"train": "train", "test": "test"},
        "map": {"mood": {"pos": "positive", "neg": "negative"}},
    }
    records, report = clean(tmp_path, {**fields, "without": ["names"]})
    assert [(record.row, record.text, record.labels["mood"], record.split) for record in records] == [
        (1, "Café", "negative", "train"),
        (2, "Lovely. Really.", "positive", "train"),
        (3, "Fine film.", "positive", "train"),
        (1, "Weak.", "negative", "test"),
    ]
    assert records[3].words == ("Weak", ".")
    assert records[3].tags == {"names": ("O", "O")}
    metrics = report.as_dict()
    assert metrics["altered"]["labels_mapped"] == 4
    assert metrics["noted"]["files_beside_folders"] == 1
    assert metrics["kept_by_split"] == {"train": 3, "test": 1}


def test_parts_may_be_of_different_formats_and_packed(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label\nA film.,POS\nAnother.,neg\n")
    (tmp_path / "valid.jsonl.gz").write_bytes(gzip.compress(b'{"text": "A third.", "label": "neg"}\n'))
    fields = {
        **TEXTS,
        "splits": {"train": "train.csv", "valid": "valid.jsonl.gz"},
        "map": {"mood": {"POS": "positive"}},
    }
    records, report = clean(tmp_path, fields)
    assert [(record.text, record.labels["mood"], record.split) for record in records] == [
        ("A film.", "positive", "train"),
        ("Another.", "neg", "train"),
        ("A third.", "neg", "valid"),
    ]
    assert report.as_dict()["source"]["valid"]["compression"] == "gzip"


def test_types_of_spans_are_renamed(tmp_path: Path) -> None:
    one = MINIATURES["json lines of spans and labels"]
    fields = {**one.fields, "map": {"names": {"PER": "PERSON", "LOC": "O"}}}
    records, report = clean(write(tmp_path, one, ""), fields)
    assert [record.tags.get("names") for record in records] == [
        ("B-PERSON", "O", "O", "O", "O"),
        ("B-PERSON", "O", "B-PERSON", "O"),
        ("O", "O", "O"),
        None,
    ]
    assert report.as_dict()["altered"]["spans_mapped"] == 4


EDITS = st.lists(
    st.tuples(st.sampled_from("dif"), st.integers(0, 1 << 16), st.binary(min_size=1, max_size=3)),
    min_size=1,
    max_size=4,
)
PACKINGS = st.sampled_from(["", "", "", "gz", "zip"])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(MINIATURES)), PACKINGS, EDITS)
def test_any_damage_gives_records_or_an_error(
    tmp_path: Path, name: str, packed: str, edits: list[tuple[str, int, bytes]]
) -> None:
    path = write(tmp_path, MINIATURES[name], packed)
    path.write_bytes(damaged(path.read_bytes(), edits))
    check_any(path, MINIATURES[name].fields)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EDITS)
def test_any_damage_to_a_workbook_gives_records_or_an_error(
    tmp_path: Path, edits: list[tuple[str, int, bytes]]
) -> None:
    path = save_workbook(tmp_path / "a.xlsx", [("text", "label"), ("A film.", "good"), ("Another.", "bad")])
    path.write_bytes(damaged(path.read_bytes(), edits))
    check_any(path, TEXTS)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(MINIATURES)), st.sampled_from([None, *ENCODINGS, "shift_jis"]), st.binary(max_size=60))
def test_any_bytes_give_records_or_an_error(tmp_path: Path, name: str, encoding: str | None, content: bytes) -> None:
    path = tmp_path / MINIATURES[name].name
    path.write_bytes(content)
    check_any(path, {**MINIATURES[name].fields, "encoding": encoding})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["seq.in", "seq.out", "label"]), EDITS)
def test_any_damage_to_parallel_files(tmp_path: Path, name: str, edits: list[tuple[str, int, bytes]]) -> None:
    files = {"seq.in": b"play Ann\nlisten to Ben\n", "seq.out": b"O B-artist\nO O B-artist\n", "label": b"play\nhear\n"}
    files[name] = damaged(files[name], edits)
    for ending, content in files.items():
        (tmp_path / ending).write_bytes(content)
    check_any(tmp_path, PARALLEL)


def damaged(content: bytes, edits: list[tuple[str, int, bytes]]) -> bytes:
    """Delete, insert or overwrite a few bytes."""
    for kind, at, new in edits:
        place = at % (len(content) + 1)
        rest = content[place:] if kind == "i" else content[place + len(new) :]
        content = content[:place] + (b"" if kind == "d" else new) + rest
    return content


def check_any(path: Path, fields: Mapping[str, Any]) -> None:
    with suppress(TandemError):
        records, report = clean(path, fields)
        json.dumps(report.as_dict(), allow_nan=False)
        assert write_records(path.parent / "records.jsonl", records) == report.kept
        assert report.summary()
        for record in records:
            for tags in record.tags.values():
                assert len(tags) == len(record.words or ())
                assert repair_iob2(tags) == (tags, 0)
            for word, start in zip(record.words or (), record.starts or (), strict=False):
                assert (record.text or "").startswith(word, start)
