from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.corpora.readers import json_columns, text_files
from tandem.corpora.readers.entries import Entry, Notes, TextColumns
from tandem.corpora.readers.json_columns import columns_parser
from tandem.corpora.readers.json_keys import Keys
from tandem.corpora.readers.json_records import open_json
from tandem.errors import TandemError
from tandem.params import Corpus

Read = tuple[list[Entry], Notes | None, str | None]


def corpus_of(**fields: Any) -> Corpus:
    given = {"text": "text", "words": None, "sentence": None, "group": None, "labels": {"mood": "label"}, "tags": {}}
    return Corpus(**{"path": "", "format": "jsonl", **given, **fields})


TEXTS = corpus_of(group="by")


def read(path: Path, corpus: Corpus) -> Read:
    """The entries up to an error, the notes if there is none, and the error."""
    source = open_json(path, corpus)
    entries = []
    try:
        for entry in source.entries:
            entries.append(entry)  # noqa: PERF402 - those before an error count, too
    except TandemError as error:
        return entries, None, str(error)
    return entries, source.notes, None


def read_both_ways(path: Path, corpus: Corpus, chunk_bytes: int) -> tuple[Read, Read]:
    """As columns where possible, then record by record, in blocks of lines of about so many bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_files, "CHUNK_BYTES", chunk_bytes)
        patch.setattr(json_columns, "SMALL_BYTES", 0)
        fast = read(path, corpus)
        patch.setattr(json_columns, "columns_parser", lambda _: lambda _: None)
        return fast, read(path, corpus)


def test_plain_records_become_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"id": [n, {"a": None}], "text": f'"{n}" żółw 😀\n', "label": n % 2, "by": None} for n in range(50)]
    for ensure_ascii, end in ((True, "\n"), (False, "\r\n")):
        lines = [json.dumps(row, ensure_ascii=ensure_ascii) + end for row in rows]
        path.write_bytes("".join(lines).encode())
        monkeypatch.setattr(text_files, "CHUNK_BYTES", 200)
        monkeypatch.setattr(json_columns, "SMALL_BYTES", 0)
        assert read_both_ways(path, TEXTS, 200)[0] == read_both_ways(path, TEXTS, 200)[1]
        pieces = list(open_json(path, TEXTS).pieces or ())
        columns = [piece for piece in pieces if isinstance(piece, TextColumns)]
        assert len(columns) > len(pieces) / 2
        assert columns[-1].rows[-1] == 50
        assert (columns[-1].texts[-1], columns[-1].labels["mood"][-1]) == (rows[49]["text"], "1")


LINE = b'{"text":"a","label":"b","by":"c"}\n'


@pytest.mark.parametrize(
    "block",
    [
        b'{"text":"a","label":"b"}\n',
        b'{"text":1,"label":"b","by":"c"}\n',
        b'{"text":"a","label":1.0,"by":"c"}\n',
        b'{"text":"a","label":true,"by":"c"}\n',
        b'{"text":"a","label":9007199254740993,"by":"c"}\n',
        b'{"text":"a","label":"b","by":["c"]}\n',
        b'{"text":"a","label":"b","by":"c","more":"\\ud800"}\n',
        b'{"text":"a","label":"b","by":"c","more":"\xff"}\n',
        b'{"text":"a","label":"b","by":"c","more":NaN}\n',
        b'{"text":"a","label":"b","by":"c","more":' + b"[" * 5000 + b"]" * 5000 + b"}\n",
        b'{"text":"a","label":"b","by":"c"}',
        LINE[:-1] + b"," + LINE,
        LINE[:-1] + LINE,
        LINE[:-1] + b",7205759403792793," + LINE,
        LINE[:-1] + b",1\n",
        b"1\n",
        LINE + b"\n",
        b"\n" + LINE,
        LINE + b" \n" + LINE,
        LINE + LINE.replace(b",", b"\n,", 1),
        LINE + LINE.replace(b",", b"\r,", 1),
        LINE[:-1] + b"\r" + LINE,
        LINE[:-1] + LINE + LINE.replace(b'{"', b'{\n"'),
        LINE + b"[" + LINE[:-1] + b",\n" + LINE[:-1] + b"]\n",
    ],
)
def test_what_is_not_plain_is_left_to_the_other_way(block: bytes) -> None:
    parse = columns_parser(Keys.of(TEXTS))
    assert parse(LINE * 2) == [["a", "a"], ["b", "b"], ["c", "c"]]
    assert parse(LINE + block) is None
    assert parse(block) is None


@pytest.mark.parametrize(
    "fields", [{"text": 'a"b'}, {"text": None, "words": "w", "labels": {}}, {"spans": {"names": "spans"}}]
)
def test_what_is_asked_for_may_need_the_other_way(fields: dict[str, Any]) -> None:
    line = {'a"b': "x", "text": "y", "label": "b", "w": ["z"], "spans": []}
    assert columns_parser(Keys.of(corpus_of(**fields)))(json.dumps(line).encode() + b"\n") is None


def test_several_texts_and_one_key_for_two_uses() -> None:
    keys = Keys.of(corpus_of(text=("title", "text"), labels={"mood": "label", "topic": "title"}, group="label"))
    line = b'{"text":"a","title":"t","label":-3}\n{"label":null,"text":"b","text":null,"title":""}\n'
    assert columns_parser(keys)(line) == [["t", ""], ["a", ""], ["-3", ""], ["t", ""], ["-3", ""]]


NUMBERS = [
    "0",
    "-0",
    "-7",
    "1.0",
    "-0.0",
    "1e2",
    "1e999",
    "01",
    "9007199254740992",
    "-9007199254740993",
    "9" * 30,
    "NaN",
]
TEXT = st.text(max_size=4).map(json.dumps)
ESCAPES = ['"\\ud83d\\ude00"', '"\\ud800"', '"\\udc00x"', '"\\u00e9\\/\\n"', '"\\q"', '"\x01"', '"é\x7f"', '"\ud800"']
VALUE = TEXT | st.sampled_from([*NUMBERS, *ESCAPES, "null", "true", "[1, 2]", '{"text": "in"}', "[1,]", "nul", ""])
KEY = st.sampled_from(['"text"', '"label"', '"by"', '"other"', '"te\\u0078t"', "text"])
USUAL = st.tuples(TEXT, TEXT | st.sampled_from(["1", "null"])).map(
    lambda pair: f'{{"text": {pair[0]}, "label": {pair[1]}, "by": "x"}}'
)
ODD = st.lists(st.tuples(KEY, VALUE).map(": ".join), max_size=4).map(lambda fields: "{" + ", ".join(fields) + "}")
PIECES = ["{", "}", '"', ",", "\r", "\n", "[", "]", " ", "{}", '{"text": "a",', '"label": "b"}', "null", "1", "\\"]
LINES = st.lists(
    st.tuples(USUAL | ODD | st.sampled_from(PIECES), st.sampled_from(["\n", "\n", "\n", "\r\n", "", ",\n", "\r"])),
    max_size=8,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES, st.sampled_from([1, 20, 60, 1 << 16]))
def test_both_ways_give_the_same(tmp_path: Path, lines: list[tuple[str, str]], chunk_bytes: int) -> None:
    path = tmp_path / "a.jsonl"
    usual = '{"text": "first", "label": "b", "by": "c"}\n'
    path.write_bytes((usual + "".join(map("".join, lines))).encode("utf-8", "surrogatepass"))
    fast, careful = read_both_ways(path, corpus_of(group="by", encoding="utf-8"), chunk_bytes)
    assert fast == careful


def test_a_small_file_imports_nothing_more(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINE * 100)
    code = (
        "import sys; from pathlib import Path; from tandem.corpora.readers.json_records import open_json;"
        "from tests.corpora.readers.test_json_columns import TEXTS;"
        f"before = set(sys.modules); assert len(list(open_json(Path({str(path)!r}), TEXTS).entries)) == 100;"
        "assert not [name for name in set(sys.modules) - before if name.startswith(('msgspec', 'numpy'))]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
