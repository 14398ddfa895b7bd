import json
import string
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.corpora.inspection.choice import choose_corpus
from tandem.corpora.inspection.inspecting import inspect_choice
from tandem.corpora.inspection.lengths import PieceCounts
from tandem.corpora.inspection.settings import Settings
from tandem.corpora.leakage.near_duplicates import NearDuplicates
from tandem.errors import TandemError
from tandem.params import Task
from tests.corpora.conftest import RULES
from tests.corpora.workbooks import save_workbook

WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "inlet", "jetty", "knoll", "ledge")


def sentence(number):
    """A text that is like no other."""
    digits = f"{number:03d}"
    return (
        " ".join(f"{WORDS[int(digit)]}{digit * 3} {WORDS[-int(digit) - 1]}" for digit in digits) + f" {number * 7919}"
    )


def write_csv(path, rows, header="text,label"):
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n", encoding="utf-8")
    return path


def labelled(count=40):
    return [(sentence(number), ("good", "bad")[number % 2]) for number in range(count)]


def inspect(path, how=None, **options):
    choice = choose_corpus(path, None, options, None, path.parent)
    return inspect_choice(choice, how or Settings())


def found(inspection):
    """Counts by kind."""
    return {finding.kind: finding.count for finding in inspection.findings}


def finding(inspection, kind):
    [only] = [one for one in inspection.findings if one.kind == kind]
    return only


def test_a_sound_corpus_is_ready(tmp_path):
    inspection = inspect(write_csv(tmp_path / "sound.csv", labelled()))
    assert inspection.verdict == "ready to train: nothing to complain of"
    assert not inspection.fails
    assert inspection.findings == []
    assert inspection.labels == {"label": {"good": 20, "bad": 20}}
    assert inspection.facts[None]["format"] == "csv"
    assert inspection.lengths.quantiles()["words"] == {"p5": 7, "median": 7, "p95": 7, "max": 7}


def test_every_flaw_of_texts_is_found(tmp_path):
    rows = labelled()
    flaws = {
        "duplicates": (rows[0][0].upper(), "good"),
        "conflicting_labels": (rows[1][0], "good"),
        "near_duplicates": (rows[2][0] + "!", "good"),
        "empty_texts": ("  ", "good"),
        "near_empty": ("?!", "bad"),
        "missing_label": (sentence(901), ""),
        "mojibake": ("It was the cafÃ© where nothing happened for hours", "bad"),
        "html": ("<br />the weather, or so they say, turned &amp; turned".replace(",", ""), "bad"),
        "rare_labels": (sentence(902), "meh"),
    }
    inspection = inspect(write_csv(tmp_path / "flaws.csv", [*rows, *flaws.values()]))
    assert found(inspection) == {**dict.fromkeys(flaws, 1), "duplicates": 2}
    line = {kind: number for number, kind in enumerate(flaws, start=42)}
    assert {one.kind: one.rows[-1:] for one in inspection.findings} == {
        **{kind: [number] for kind, number in line.items()},
        "duplicates": [line["conflicting_labels"]],
        "rare_labels": [],
    }
    assert finding(inspection, "mojibake").examples[0].endswith("cafÃ© where nothi")
    assert finding(inspection, "near_duplicates").examples == ["44 like 4"]
    assert inspection.verdict == "ready to train: 8 warnings"


@pytest.mark.parametrize(
    "text", ["Ça été déjà vu à São Paulo", "ÀÉÎÕÜ", "naïve “quotes” – and…", "🦄 emoji", "Привет мир"]
)
def test_letters_of_other_languages_are_no_mojibake(tmp_path, text):
    assert "mojibake" not in found(inspect(write_csv(tmp_path / "other.csv", [*labelled(), (text, "good")])))


@pytest.mark.parametrize(
    "text", ["cafÃ©", "itâ€™s", "â€œquotedâ€\x9d", "a \ufffd here", "one \x96 two", "ðŸ˜€", "Ð¿Ñ€Ð¸Ð²ÐµÑ‚", "Â£5"]
)
def test_a_wrong_encoding_is_suspected(tmp_path, text):
    assert (
        found(inspect(write_csv(tmp_path / "wrong.csv", [*labelled(), (text + " and so on", "good")])))["mojibake"] == 1
    )


@pytest.mark.parametrize(
    ("rows", "kind", "reason"),
    [
        ([(sentence(number), "good") for number in range(9)], "one_class", "all labels are the same"),
        ([(sentence(number), "") for number in range(9)], "no_labels", "no text has a label"),
        ([(" ", "good"), (" ", "bad")], "nothing_left", "no text is left"),
    ],
)
def test_what_would_fail_is_an_error(tmp_path, rows, kind, reason):
    inspection = inspect(write_csv(tmp_path / "bad.csv", rows))
    assert inspection.fails
    assert finding(inspection, kind).severity == "error"
    assert inspection.verdict.startswith(f"would fail: {reason}")


def test_a_broken_line_ends_the_reading_but_not_the_report(tmp_path):
    path = tmp_path / "broken.jsonl"
    records = [{"text": text, "label": label} for text, label in labelled()]
    path.write_text("\n".join([*map(json.dumps, records), "{"]))
    inspection = inspect(path)
    assert inspection.kept == 40
    assert "line 41: not valid JSON" in finding(inspection, "unreadable").examples[0]
    assert "line 41: not valid JSON" in inspection.verdict


def test_lengths_in_pieces_come_from_the_counter(tmp_path):
    def count(records):
        words = [record.surface.split() for record in records]
        return PieceCounts([len(own) + 2 for own in words], [own.count("dodo") for own in words])

    rows = [*labelled(), ("dodo " * 30, "good"), ("a lonely dodo walks by the shore", "bad")]
    path = write_csv(tmp_path / "long.csv", rows)
    inspection = inspect(path, Settings(count_pieces=count, max_length=16))
    assert inspection.lengths.quantiles()["pieces"]["max"] == 32
    assert inspection.beyond == 1
    assert inspection.as_dict()["beyond_share"] == 1 / 42
    assert finding(inspection, "beyond_max_length").rows == [42]
    assert finding(inspection, "beyond_max_length").severity == "info"
    unknown = finding(inspection, "unknown_pieces")
    assert (unknown.severity, unknown.rows, unknown.examples) == ("warning", [42, 43], ["dodo"])
    cut = inspect(path, Settings(count_pieces=count, max_length=16, are_long_texts_cut=True))
    assert finding(cut, "beyond_max_length").severity == "warning"


def conll(path, *sentences):
    path.write_text("\n\n".join("\n".join(sentence) for sentence in sentences) + "\n", encoding="utf-8")
    return path


SOUND = [
    [f"anna{number} B-PER", "met O", f"ben{number} B-PER", f"in{sentence(number).split()[0]} O"] for number in range(12)
]


def test_tags_are_recognised_and_checked(tmp_path):
    path = conll(
        tmp_path / "tags.conll",
        *SOUND,
        ["in O", "Oslo I-LOC", "then O"],
        ["quick X-PER", "fox O"],
        ["to O", "( B-LOC", "Lima I-LOC", ") O"],
    )
    inspection = inspect(path)
    assert inspection.schemes["entities"] == ("iob2", "iob2")
    assert finding(inspection, "malformed_tags").examples == ["'X-PER'"]
    assert finding(inspection, "malformed_tags").rows == [12 * 5 + 5]
    assert finding(inspection, "tags_repaired").rows == [12 * 5 + 1]
    assert finding(inspection, "edge_punctuation").examples == ["( Lima"]
    assert finding(inspection, "rare_labels").examples == ["LOC (2)"]
    assert "tags that are none in the file's scheme (entities)" in inspection.verdict


def test_a_scheme_other_than_the_declared_one_is_told(tmp_path):
    path = conll(tmp_path / "iob1.conll", *[[line.replace("B-", "I-") for line in lines] for lines in SOUND])
    assert inspect(path).schemes["entities"] == ("iob1", "iob1")
    declared = Settings(tasks={"entities": Task(kind="tagging", labels=None, scheme="bilou")})
    inspection = inspect(path, declared)
    assert finding(inspection, "scheme_differs").examples == [
        "tasks.entities.scheme is bilou, the file's tags look like iob1"
    ]


def test_rules_that_say_error_make_findings_errors(tmp_path):
    path = conll(tmp_path / "tags.conll", *SOUND, ["in O", "Oslo I-LOC", "then O"])
    assert not inspect(path).fails
    assert inspect(path, Settings(rules=replace(RULES, illegal_tags="error"))).fails
    known = {"entities": Task(kind="tagging", labels=("PER",), scheme="auto")}
    assert finding(inspect(path, Settings(tasks=known)), "unknown_tags").examples == ["LOC"]
    assert inspect(path, Settings(tasks=known, rules=replace(RULES, unknown_tag="error"))).fails


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (["anna O", "met O"], "no_entities"),
        (["anna B-", "met O"], "malformed_tags"),
        (["anna 3", "met 0"], "numbered_tags"),
    ],
)
def test_tags_from_which_nothing_can_be_learnt(tmp_path, lines, kind):
    inspection = inspect(conll(tmp_path / "nothing.conll", lines, lines))
    assert finding(inspection, kind).severity == "error"


def test_spans_that_do_not_fit_are_counted(tmp_path):
    flaws = {
        "edge_space": (16, 21),
        "edge_punctuation": (17, 22),
        "spans_inside_word": (18, 21),
        "spans_out_of_range": (17, 500),
        "spans_overlapping": (5, 21),
    }
    records = []
    for number, (start, end) in enumerate([*[(17, 21)] * 20, *flaws.values()]):
        person, place = {"start": 0, "end": 13, "label": "PERSON"}, {"start": start, "end": end, "label": "PLACE"}
        records.append({"text": f"Anna Kowalska in Oslo: {sentence(number)}", "spans": [person, place]})
    path = tmp_path / "spans.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))
    inspection = inspect(path)
    assert inspection.facts[None]["format"] == "jsonl"
    rows = {one.kind: one.rows for one in inspection.findings}
    assert rows == {kind: [number] for number, kind in enumerate(flaws, start=21)}


def test_labels_that_are_stripped_and_names_that_rename_nothing_are_told(tmp_path):
    path = write_csv(tmp_path / "labels.csv", [*labelled(), (sentence(900), " good")])
    choice = choose_corpus(path, None, {}, None, tmp_path)
    names = {"label": {"good": "good", "Bad": "bad", "GOOD": "good"}, "other": {"x": "y"}}
    inspection = inspect_choice(replace(choice, corpus=replace(choice.corpus, map=names)), Settings())
    assert found(inspection) == {"labels_stripped": 1, "unused_map": 2}
    assert (finding(inspection, "labels_stripped").severity, finding(inspection, "labels_stripped").rows) == (
        "info",
        [42],
    )
    unused = finding(inspection, "unused_map")
    assert (unused.severity, unused.task, unused.examples) == ("warning", "label", ["Bad", "GOOD"])


def test_fields_in_quotes_that_are_read_without_are_a_warning(tmp_path):
    rows = [("they wrote", "good"), ('"open', "bad"), *labelled(), (f'"{sentence(900)}"', "good")]
    path = tmp_path / "quotes.tsv"
    path.write_text("\n".join("\t".join(row) for row in [("text", "label"), *rows]))
    quoted = finding(inspect(path), "fields_in_quotes")
    assert (quoted.severity, quoted.count, quoted.rows) == ("warning", 1, [44])


def test_splits_are_found_and_compared(tmp_path):
    rows = labelled()
    write_csv(tmp_path / "train.csv", rows)
    write_csv(tmp_path / "dev.csv", [rows[3], (rows[4][0] + "?", "good"), (sentence(700), "odd")])
    write_csv(tmp_path / "test.csv", [rows[5], rows[6], *((sentence(number), "bad") for number in range(800, 820))])
    inspection = inspect(tmp_path)
    assert inspection.kept_by_split == {"train": 40, "valid": 3, "test": 22}
    leakage = finding(inspection, "leakage")
    assert leakage.examples == ["1 valid in train", "2 test in train"]
    assert leakage.rows == ["valid 2", "test 2", "test 3"]
    assert finding(inspection, "near_leakage").rows == ["valid 3"]
    assert finding(inspection, "unseen_labels").examples == ["odd in valid"]
    assert not inspection.fails


@pytest.mark.parametrize(
    ("name", "content", "guessed"),
    [
        ("a.csv", "Review,Sentiment\nfine film,good\n", {"text": "Review", "labels": {"sentiment": "Sentiment"}}),
        ("a.tsv", "id\tcategory\tcontent\n1\tx\tfine\n", {"text": "content", "labels": {"category": "category"}}),
        ("a.txt", "text,label\nfine,good\n", {"text": "text", "labels": {"label": "label"}}),
        (
            "a.csv",
            "Sentence #,Word,POS,Tag\n1,fine,JJ,O\n",
            {"words": "Word", "sentence": "Sentence #", "tags": {"entities": "Tag"}},
        ),
        ("a.csv", "sentence,word_labels\nfine film,O O\n", {"words": "sentence", "tags": {"entities": "word_labels"}}),
        ("a.conll", "fine O\n", {"words": 0, "tags": {"entities": -1}}),
        ("a.conll", "# intent = ask\nfine O\n", {"words": 0, "tags": {"entities": -1}, "labels": {"intent": "intent"}}),
        (
            "a.conllu",
            "1\tfine\t_\t_\t_\t_\t_\t_\t_\tNER=O|SpaceAfter=No\n",
            {"words": "FORM", "tags": {"entities": "NER"}},
        ),
        ("a.jsonl", '{"text": "fine", "label": 1}\n', {"text": "text", "labels": {"label": "label"}}),
        ("a.jsonl", '{"text": "fine", "label": [[0, 4, "X"]]}\n', {"text": "text", "spans": {"entities": "label"}}),
        (
            "a.json",
            '{"data": [{"tokens": ["fine"], "ner_tags": ["O"], "text": "fine"}]}',
            {"words": "tokens", "tags": {"entities": "ner_tags"}},
        ),
        (
            "a.json",
            '[{"full_text": "fine", "spans": [], "intent": "ask"}]',
            {"text": "full_text", "spans": {"entities": "spans"}, "labels": {"intent": "intent"}},
        ),
    ],
)
def test_fields_are_guessed_from_common_names(tmp_path, name, content, guessed):
    (tmp_path / name).write_text(content)
    choice = choose_corpus(tmp_path / name, None, {}, None, tmp_path)
    assert choice.obstacle is None
    fields = {key: getattr(choice.corpus, key) for key in ("text", "words", "sentence", "labels", "tags", "spans")}
    assert {key: value for key, value in fields.items() if value not in (None, {})} == guessed
    assert len(choice.guessed) == len(guessed)


def test_workbooks_parallel_files_and_folders_are_guessed(tmp_path):
    save_workbook(tmp_path / "book.xlsx", [["Text", "Label"], ["fine", "good"]])
    for name, content in (("seq.in", "play it"), ("seq.out", "O O"), ("label", "Play")):
        (tmp_path / f"train.{name}").write_text(content)
    for label in ("pos", "neg"):
        (tmp_path / "classes" / label).mkdir(parents=True)
        (tmp_path / "classes" / label / "1.txt").write_text(f"a {label} text")
    book = choose_corpus(tmp_path / "book.xlsx", None, {}, None, tmp_path).corpus
    assert (book.text, book.labels) == ("Text", {"label": "Label"})
    parallel = inspect(tmp_path / "train")
    assert (parallel.labels["intent"], parallel.schemes["entities"].recognised) == ({"Play": 1}, None)
    assert inspect(tmp_path / "classes").labels == {"label": {"pos": 1, "neg": 1}}


def test_options_name_fields(tmp_path):
    path = write_csv(tmp_path / "odd.csv", [("x", text, label) for text, label in labelled()], header="a,b,c")
    obstacle = str(choose_corpus(path, None, {}, None, tmp_path).obstacle)
    assert "columns found: 'a', 'b', 'c'" in obstacle
    assert "--text COLUMN" in obstacle
    assert inspect(path).verdict.startswith("would fail")
    assert inspect(path, text=["b"], label=["tone=c"]).labels == {"tone": {"good": 20, "bad": 20}}
    assert inspect(path, text=["a", "1"], label=["-1"]).labels == {"label": {"good": 20, "bad": 20}}
    named = inspect(path, columns=["u", "v", "w"], text=["v"], label=["w"])
    assert named.labels["w"] == {"good": 20, "bad": 20, "c": 1}
    assert "no label, tag or span" in inspect(path, text=["b"]).verdict


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"text": ["a"], "words": "b"}, "give one of them"),
        ({"text": ["a"], "tags": ["x=b"]}, "--tags go with --words"),
        ({"words": "a", "spans": ["x=b"]}, "--spans go with --text"),
        ({"sentence": "a"}, "--sentence needs --words"),
        ({"label": ["=x"]}, "expected TASK=COLUMN"),
        ({"format": "pdf"}, "--format"),
        ({"delimiter": ",,"}, "--delimiter"),
    ],
)
def test_options_that_contradict_each_other_are_refused(tmp_path, options, message):
    path = write_csv(tmp_path / "a.csv", labelled())
    with pytest.raises(TandemError, match=message):
        choose_corpus(path, None, options, None, tmp_path)


def test_near_duplicates_of_long_texts_and_of_scripts_without_spaces():
    seen = NearDuplicates()
    long = " ".join(sentence(number) for number in range(40))
    chinese = "".join(chr(0x4E00 + number * 37 % 5000) for number in range(900))
    for number, text in enumerate((long, chinese, " ".join(sentence(number) for number in range(50, 90)), "", "a")):
        assert seen.find(number, text) is None
    assert seen.find(10, long.replace("amber", "AMBER", 1) + " end") == 0
    assert seen.find(11, chinese[:-20]) == 1
    assert seen.find(12, chinese[:300]) is None


@settings(max_examples=25, deadline=None)
@given(content=st.one_of(st.binary(max_size=200), st.text(string.printable, max_size=200).map(str.encode)))
def test_whatever_a_file_holds_there_is_a_verdict(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "file.csv"
    path.write_bytes(b"text,label\n" + content)
    inspection = inspect(path)
    assert inspection.verdict
    assert json.dumps(inspection.as_dict(), sort_keys=True)
