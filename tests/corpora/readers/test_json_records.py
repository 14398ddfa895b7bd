from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandem.corpora.readers.entries import Entry, Source
from tandem.corpora.readers.json_records import open_json
from tandem.corpora.schema.span_tags import Span
from tandem.errors import TandemError
from tandem.params import Corpus

Reader = Callable[..., Source]


def corpus_of(**fields: Any) -> Corpus:
    nothing = {"text": None, "words": None, "sentence": None, "group": None, "labels": {}, "tags": {}}
    return Corpus(**{"path": "", "format": "auto", **nothing, **fields})


TEXTS = corpus_of(text="text", labels={"mood": "label"})
WORDS = corpus_of(words="tokens", tags={"names": "ner_tags"})
SPANS = corpus_of(text="text", spans={"names": "spans"})


@pytest.fixture
def source_of(tmp_path: Path) -> Reader:
    def write_and_open(content: str | bytes, corpus: Corpus = TEXTS, name: str = "texts.json") -> Source:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return open_json(path, corpus)

    return write_and_open


def records(*values: object) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


ONE, TWO = {"text": "fine day", "label": "good"}, {"text": "rain", "label": "bad"}


@pytest.mark.parametrize(
    ("content", "format_", "unit"),
    [
        (records(ONE, TWO), "jsonl", "line"),
        (records(ONE, TWO).replace("\n", "\r\n"), "jsonl", "line"),
        (records(ONE, TWO).rstrip(), "jsonl", "line"),
        (json.dumps([ONE, TWO]), "json", "record"),
        ("\ufeff" + json.dumps([ONE, TWO], indent=2), "json", "record"),
        (json.dumps({"version": [1, 2], "data": [ONE, TWO], "licence": {"by": ["us"]}}), "json", "record"),
        (json.dumps({"data": [ONE, TWO], "more": []}, indent=1), "json", "record"),
        (json.dumps(ONE, indent=2) + "\n" + json.dumps(TWO, indent=2), "json", "record"),
    ],
)
def test_the_layout_is_found_from_the_content(source_of: Reader, content: str, format_: str, unit: str) -> None:
    source = source_of(content)
    entries = list(source.entries)
    assert [(entry.row, entry.text, entry.labels) for entry in entries] == [
        (1, "fine day", {"mood": "good"}),
        (2, "rain", {"mood": "bad"}),
    ]
    assert (source.facts["format"], source.facts["encoding"], source.unit) == (format_, "utf-8", unit)


def test_a_named_format_overrides_what_the_content_looks_like(source_of: Reader) -> None:
    assert source_of(records(ONE, TWO), corpus_of(text="text", format="json")).unit == "record"
    with pytest.raises(TandemError, match="line 1: expected an object in braces, found an array of 2"):
        list(source_of(json.dumps([ONE, TWO]), corpus_of(text="text", format="jsonl")).entries)


def test_one_record_with_spans_is_no_wrapping_object(source_of: Reader) -> None:
    record = {"spans": [{"start": 0, "end": 4, "label": "per"}], "text": "Anna ran"}
    (entry,) = source_of(json.dumps(record), SPANS).entries
    assert entry.spans == {"names": (Span(0, 4, "per"),)}


def test_other_encodings_and_compressed_files_are_read(source_of: Reader) -> None:
    content = json.dumps([{"text": "żółw"}], ensure_ascii=False)
    corpus = corpus_of(text="text")
    for raw in (content.encode("utf-16"), gzip.compress(content.encode())):
        assert [entry.text for entry in source_of(raw, corpus).entries] == ["żółw"]


def test_long_files_stream_in_pieces(source_of: Reader) -> None:
    values = [{"text": f'{number} "\\{{[' + "é" * (number % 7000)} for number in range(400)]
    values[200]["text"] = "x" * 3_000_000
    texts = [value["text"] for value in values]
    for content in (json.dumps(values, ensure_ascii=False), json.dumps({"data": values}, indent=1)):
        assert [entry.text for entry in source_of(content, corpus_of(text="text")).entries] == texts


@pytest.mark.parametrize("chunk_bytes", [1, 7, 100, 1 << 16])
@pytest.mark.parametrize(
    "write",
    [
        json.dumps,
        lambda values: json.dumps(values, indent=1),
        lambda values: json.dumps({"data": values}),
        lambda values: "".join(json.dumps(value, indent=1) for value in values),
        lambda values: "[" + ",\n".join(json.dumps(value, ensure_ascii=False) for value in values) + "]",
        lambda values: "[" + ", \r\n".join(json.dumps(value, separators=(",", ":")) for value in values) + "]",
        lambda values: records(*values),
    ],
)
def test_records_are_cut_where_they_end(
    source_of: Reader, monkeypatch: pytest.MonkeyPatch, write: Callable[[object], str], chunk_bytes: int
) -> None:
    monkeypatch.setattr("tandem.corpora.readers.text_files.CHUNK_BYTES", chunk_bytes)
    texts = ['}, {"text": "', "}\n{", "é😀", 'a"b', "[{", "\\", "", "plain", "plainer", "plainest"]
    values: list[dict[str, object]] = [{"text": text, "label": number} for number, text in enumerate(texts)]
    values[2]["more"] = [{"text": 1}, {"text": 2}]
    values[5] = dict(reversed(values[5].items()))
    values[8]["label"] = None
    entries = list(source_of(write(values)).entries)
    assert [(entry.row, entry.text) for entry in entries] == list(enumerate(texts, start=1))
    assert [entry.labels.get("mood") for entry in entries] == ["0", "1", "2", "3", "4", "5", "6", "7", None, "9"]


@pytest.mark.parametrize("indent", [None, 1, 2])
@pytest.mark.parametrize("wrong", [0, 1, 2, 20, 29])
def test_a_record_far_down_is_named_with_its_line(source_of: Reader, indent: int | None, wrong: int) -> None:
    values: list[dict[str, object]] = [{"text": "a", "label": "b", "n": list(range(n % 3))} for n in range(30)]
    values[wrong]["label"] = ["x"]
    content = json.dumps(values, indent=indent).replace("}, {", "},\n{")
    line = [number for number, found in enumerate(content.split("\n"), start=1) if "{" in found][wrong]
    with pytest.raises(TandemError, match=rf"record {wrong + 1} \(line {line}\): 'label' must be"):
        list(source_of(content).entries)


@pytest.mark.parametrize(
    ("end", "message"),
    [
        (b',\n{"text": "\xff"}]', "line 301: byte 0xFF is not utf-8"),
        (b',\n{"text": "\0"}]', "line 301: a NUL character"),
        (b"\xff]", "line 300: byte 0xFF is not utf-8"),
        (b'{"text": "b"}]', r"\(line 300\), column 14: expected ','"),
        (b',\n{"text": "b"},]', r"\(line 301\), column 15: expected an object"),
        (b',\n{"text": "b",}]', r"record 301 \(line 301\): not valid JSON at line 301, column 1[45]"),
        (b',\n {"text": NaN, "label": Infinity}]', r"record 301 \(line 301\): 'label' must be"),
    ],
)
def test_what_is_wrong_far_down_is_named_with_its_line(source_of: Reader, end: bytes, message: str) -> None:
    content = b"[" + b",\n".join([b'{"text": "a"}'] * 300) + end
    with pytest.raises(TandemError, match=message):
        list(source_of(content, corpus_of(text="text", labels={"mood": "label"}, encoding="utf-8")).entries)


@pytest.mark.parametrize(
    ("raw", "label"),
    [("1", "1"), ("1.0", "1"), ("-0.5", "-0.5"), ("true", "true"), ("false", "false"), ('"a b"', "a b"), ("0", "0")],
)
def test_labels_become_text(source_of: Reader, raw: str, label: str) -> None:
    (entry,) = source_of(f'{{"text": "a", "label": {raw}}}').entries
    assert entry.labels == {"mood": label}


def test_what_is_missing_is_left_out(source_of: Reader) -> None:
    content = '{"text": "a", "label": null}\n{"text": null, "label": NaN}\n{"label": ""}\n\n{"text": "b", "label": "c"}'
    source = source_of(content)
    entries = list(source.entries)
    assert [(entry.row, entry.text, entry.labels) for entry in entries[:3]] == [(1, "a", {}), (2, "", {}), (3, "", {})]
    assert entries[3] == Entry(row=5, text="b", labels={"mood": "c"})
    assert source.notes.first_rows == {"blank_lines": [4]}


def test_dotted_names_several_texts_and_groups(source_of: Reader) -> None:
    corpus = corpus_of(text=("title", "body.text"), labels={"language": "meta.lang"}, group="a.b")
    content = records(
        {"title": "One", "body": {"text": "two"}, "meta": {"lang": "en"}, "a.b": 7},
        {"title": "", "body": {"text": "three"}, "meta": None},
    )
    assert list(source_of(content, corpus).entries) == [
        Entry(row=1, text="One two", labels={"language": "en"}, group="7"),
        Entry(row=2, text="three"),
    ]


def test_a_group_that_no_record_has_is_noted(source_of: Reader) -> None:
    source = source_of(records(ONE), corpus_of(text="text", group="template"))
    assert [entry.group for entry in source.entries] == [None]
    assert source.notes.counts["group_absent"] == 1


def test_words_and_tags(source_of: Reader) -> None:
    content = records(
        {"tokens": ["Anna", "ran"], "ner_tags": ["B-per", "O"]},
        {"tokens": ["EU", None], "ner_tags": [3, 0.0]},
        {"tokens": "Anna ran", "ner_tags": "B-per O"},
        {"tokens": ["so"], "ner_tags": None},
        {"tokens": [], "ner_tags": []},
        {},
    )
    assert [(list(entry.words or ()), entry.tags) for entry in source_of(content, WORDS).entries] == [
        (["Anna", "ran"], {"names": ["B-per", "O"]}),
        (["EU", ""], {"names": ["3", "0"]}),
        (["Anna", "ran"], {"names": ["B-per", "O"]}),
        (["so"], {}),
        ([], {"names": []}),
        ([], {}),
    ]


@pytest.mark.parametrize(
    "span",
    [
        {"entity_type": "per", "entity_value": "Anna", "start_position": 3, "end_position": 7},
        {"start": 3, "end": 7, "label": "per", "token_start": 1, "token_end": 1},
        {"start_offset": 3, "end_offset": 7, "label": "per", "id": 12},
        {"start_char": 3, "end_char": 7, "type": "per", "text": "Anna"},
        {"begin": 3, "end": 7, "tag": "per"},
        {"offset": 3, "length": 4, "entity": "per"},
        {"begin_offset": 3, "end_offset": 7, "kind": "per", "value": "Anna"},
        {"start": 3.0, "end": 7, "labels": ["per"]},
        {"value": {"start": 3, "end": 7, "text": "Anna", "labels": ["per"]}, "from_name": "label"},
        {"start": 3, "end": 7, "name": "per"},
        [3, 7, "per"],
        ["per", 3, 7],
    ],
)
def test_spans_in_the_forms_of_many_tools(source_of: Reader, span: object) -> None:
    source = source_of(records({"text": "So Anna ran", "spans": [span]}), SPANS)
    assert [entry.spans for entry in source.entries] == [{"names": (Span(3, 7, "per"),)}]
    assert not source.notes.counts


def test_no_spans_are_told_from_spans_not_marked(source_of: Reader) -> None:
    source = source_of(records({"text": "a", "spans": []}, {"text": "b", "spans": None}, {"text": "c"}), SPANS)
    assert [entry.spans for entry in source.entries] == [{"names": ()}, {}, {}]


def test_spans_that_do_not_fit_are_handed_on(source_of: Reader) -> None:
    wrong = {"start": 0, "end": 3, "label": "per", "text": "Anna"}
    source = source_of(
        records({"text": "Anna", "spans": [[2, 99, "x"], [-1, 2, 5]]}, {"text": "Ann", "spans": [wrong]}), SPANS
    )
    assert [entry.spans["names"] for entry in source.entries] == [
        (Span(2, 99, "x"), Span(-1, 2, "5")),
        (Span(0, 3, "per"),),
    ]
    assert source.notes.first_rows == {"span_text_differs": [2]}


def test_half_surrogate_pairs_are_replaced_and_counted(source_of: Reader) -> None:
    content = r'[{"text": "a\ud800b \ud83d\ude00 \\ud800", "label": "\udc00"}, {"text": "\u00e9", "label": "x"}]'
    source = source_of(content)
    entries = list(source.entries)
    assert entries[0].text == "a\ufffdb 😀 \\ud800"
    assert entries[0].labels == {"mood": "\ufffd"}
    assert (source.notes.counts, source.notes.first_rows) == ({"lone_surrogates": 2}, {"lone_surrogates": [1, 1]})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            '{"text": "a", "label": "b"}\n{"text": "a" "label": "b"}',
            "line 2: not valid JSON at line 2, column 14: .*','",
        ),
        ('{"text": "a"}\n{"text": "b', "line 2: not valid JSON at line 2, column 10: Unterminated"),
        ('{"text": "a"}\nno JSON', "line 2: not valid JSON at line 2, column 1"),
        ('{"text": "a"}\n{"text": "b"} {"text": "c"}', "line 2: .*Extra data"),
        ('[\n{"text": "a"},\n{"text": \n  "a" b}\n]', r"record 2 \(line 3\): not valid JSON at line 4, column 7"),
        ('[{"text": "a"}, {"text": x}]', "record 2 .*line 1, column 26"),
        ('[{"text": "a"},\n{"text": "b"', r"record 2 \(line 2\): not valid JSON"),
        ('[{"text": "a"}', "ends after record 1, at line 1; expected ',' or the array's ']'"),
        ('[{"text": "a"},]', r"record 2 \(line 1\), column 16: expected an object in braces, found '\]'"),
        ('[{"text": "a"} {"text": "b"}]', "column 16: expected ',' or"),
        ('[{"text": "a"}]\n{"text": "b"}', r"\(line 2\), column 1: expected nothing after the array"),
        ('[{"text": "a"}, 12]', r"record 2 .*expected an object in braces, found '12\]'"),
        ('[["a", "b"]]', "record 1 .*expected an object in braces, found an array of 2"),
        ('"text"', "line 1: expected an object in braces, found the text 'text'"),
        (
            '{"data": [{"text": "a", "label": "b"}], "more": [{"text": "c"}]}',
            "more than one array of objects, also 'more'",
        ),
        ('{"a": 1,\n"data": [{"text": "a", "label": 1}\n], "b": tru}', "not valid JSON at line 3, column 9"),
        ('{"data": [{"text": "a", "label": 1}], "b": tru}', "not valid JSON at line 1, column 44"),
        ('{"b": tru,\n"data": [\n{"text": "a", "label": 1}]}', "not valid JSON at line 1, column 7"),
        ('{"data": [{"text": "a", "label": 1}]', "not valid JSON at line 1, column 37"),
        ('{"data": []}', "no record has the key 'label', 'text'; keys found: 'data'"),
        ('{"text": {"0": "a"}, "label": {"0": "b"}}', "line 1: 'text' must be a text, found an object"),
        ("[]", "holds no record"),
        (" \n\n", "holds no record"),
        ("", "is empty"),
        ('{"text": 12, "label": "a"}', "line 1: 'text' must be a text, found the number 12"),
        ('{"text": "a", "label": ["b"]}', "line 1: 'label' must be .*, found an array of 1"),
        ('{"text": "a", "label": {"b": 1}}', "line 1: 'label' must be .*, found an object"),
        ('{"text": "a", "label": 123456789012345678901234567890}', "line 1: 'label' must be"),
        ('{"text": "a", "label": Infinity}', "line 1: 'label' must be"),
        ('{"text": "a", "x": ' + "[" * 100_000 + "]" * 100_000 + "}", "line 1: .*nested too deeply"),
        ('{"text": "a", "x": ' + "1" * 5000 + "}\n", "too long"),
        ('{"text": "a\tb"}', "line 1: .*control character"),
        (b'{"text": "a\x00b"}', "NUL"),
        (b'{"text": "\xc5\xbc\xc5\xbc\xff"}', "utf-8"),
    ],
)
def test_malformed_files_are_refused_with_their_place(source_of: Reader, content: str | bytes, message: str) -> None:
    with pytest.raises(TandemError, match=message):
        list(source_of(content).entries)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"tokens": ["a", "b"], "ner_tags": ["O"]}, "line 1: 'tokens' holds 2 words, 'ner_tags' holds 1 tags"),
        ({"ner_tags": ["O"]}, "holds 0 words"),
        ({"tokens": ["a", 2], "ner_tags": ["O", "O"]}, r"line 1: 'tokens\[1\]' must be a text, found the number 2"),
        ({"tokens": {"a": 1}, "ner_tags": []}, "'tokens' must be an array of texts, found an object"),
        ({"tokens": ["a"], "ner_tags": [["O"]]}, r"'ner_tags\[0\]' must be .*, found an array of 1"),
    ],
)
def test_malformed_words_and_tags_are_refused(source_of: Reader, record: object, message: str) -> None:
    with pytest.raises(TandemError, match=message):
        list(source_of(records(record), WORDS).entries)


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ({"per": [[0, 4]]}, "line 1: 'spans' must be an array of spans, found an object"),
        (["per"], r"line 1: 'spans\[0\]' must be an object, or \[start, end, kind\], found the text 'per'"),
        ([[0, 4]], r"\[start, end, kind\] or \[kind, start, end\], found an array of 2"),
        ([["per", "0", "4"]], r"'spans\[0\]' must be .*, found the text '0'"),
        ([[0, 4, "per"], {"start": "0", "end": 4, "label": "x"}], r"'spans\[1\].start' must be a whole number"),
        ([{"start": True, "end": 4, "label": "x"}], "must be a whole number of characters, found true"),
        ([{"start": 1.5, "end": 4, "label": "x"}], "must be a whole number of characters, found the number 1.5"),
        ([{"start": 0, "label": "x"}], "one of the keys end, end_position.*found 'start', 'label'"),
        ([{"start": 0, "end": 4}], "one of the keys entity_type, label"),
        ([{"start": 0, "end": 4, "labels": ["a", "b"]}], "labels' must be .*, found an array of 2"),
        ([{"start": 0, "end": 4, "label": None}], "label' must be the name of a kind, found null"),
    ],
)
def test_malformed_spans_are_refused(source_of: Reader, spans: object, message: str) -> None:
    with pytest.raises(TandemError, match=message):
        list(source_of(records({"text": "Anna", "spans": spans}), SPANS).entries)


def test_a_wrong_text_key_is_told_before_the_file_is_read(source_of: Reader) -> None:
    entries = source_of(records(*[{"body": {"plain": "a"}, "label": "b"}] * 300)).entries
    with pytest.raises(
        TandemError, match=r"first 100 records lack the key 'text'; keys found: 'body', 'body\.plain', 'label'"
    ):
        assert all(next(entries).row <= 100 for _ in range(101))


def test_a_wrong_label_key_is_told_at_the_end(source_of: Reader) -> None:
    entries = source_of(records(*[{"text": "a", "lable": "b"}] * 300)).entries
    with pytest.raises(TandemError, match="no record has the key 'label'; keys found: 'text', 'lable'"):
        assert all(next(entries).row <= 300 for _ in range(301))


def test_a_record_that_never_ends_is_not_read_to_the_end_of_the_file(
    source_of: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tandem.corpora.readers.json_streams.MOST_CHARACTERS", 1 << 20)
    content = '[{"text": "a"},\n{"text": [' + " " * 4_000_000 + "]}]"
    with pytest.raises(TandemError, match=r"record 2 \(line 2\): does not end within"):
        list(source_of(content).entries)


def test_a_column_of_sentence_marks_is_refused(source_of: Reader) -> None:
    with pytest.raises(TandemError, match="sentence must be null"):
        source_of(records(ONE), corpus_of(words="text", sentence="id"))


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(TandemError, match=path.name):
            open_json(path, TEXTS)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["text", "label", "spans", "start", "end", "tokens", "value"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
JSON = VALUES.map(json.dumps) | st.lists(VALUES, max_size=3).map(lambda values: records(*values))
CUT = st.tuples(JSON, st.integers(0, 60), st.text('{}[]",: \n\\u0', max_size=3)).map(lambda c: c[0][: c[1]] + c[2])


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60) | (JSON | CUT).map(lambda text: text.encode("utf-8", "surrogatepass")))
@pytest.mark.parametrize("corpus", [TEXTS, WORDS, SPANS], ids=["texts", "words", "spans"])
def test_any_content_gives_entries_or_an_error(source_of: Reader, corpus: Corpus, content: bytes) -> None:
    try:
        entries = list(source_of(content, corpus).entries)
    except TandemError:
        return
    json.dumps([(entry.text, entry.words, entry.labels, entry.tags) for entry in entries], ensure_ascii=False).encode()


RECORDS = ['{"text": "x"}', '{"text": "y"}, {"text": "z"}', '{"a": [{"text": "x"}', '{"text": "y"}]}', '{"text": NaN}']
BROKEN = ["", "[1", "2]", "1 2", "7205759403792793", '{"a": 7205759403792793}', '{"text": "u', 'v"}', "null"]
LINES = st.sampled_from([*RECORDS, *BROKEN])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINES, min_size=1, max_size=6))
def test_lines_parsed_together_are_those_parsed_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))

    def read() -> object:
        source = open_json(path, corpus_of(format="jsonl"))
        try:
            return list(source.entries), source.notes
        except TandemError as error:
            return str(error)

    together = read()
    with monkeypatch.context() as patch:
        patch.setattr("tandem.corpora.readers.json_streams.parse_together", lambda _: None)
        assert read() == together


def test_a_text_longer_than_the_beginning_of_the_file_is_read(tmp_path: Path) -> None:
    long = 'He said "no". ' * 90_000
    path = tmp_path / "long.jsonl"
    path.write_text("".join(json.dumps({"text": text, "label": "good"}) + "\n" for text in (long, "short")))
    source = open_json(path, corpus_of(text="text", labels={"mood": "label"}))
    assert [entry.text for entry in source.entries] == [long, "short"]
