import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tandem.cli import main
from tests.serving.conftest import trained  # noqa: F401 - a fixture

TEXT = "What a lovely film, said Anna in Oslo."
TANDEM = [sys.executable, "-c", "import sys; from tandem.cli import main; main(sys.argv[1:])"]


@pytest.fixture
def predict(trained: Path, capfdbinary):  # noqa: F811
    """Call the command; what it printed, as rows, and what it said."""

    def call(*words, stdin=b""):
        code = None
        before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(stdin))
        try:
            main(["predict", "--model", str(trained), *map(str, words)])
        except SystemExit as error:
            code = error.code
        finally:
            sys.stdin = before
        sys.stdout.flush()
        out, told = capfdbinary.readouterr()
        return [json.loads(line) for line in out.splitlines()], told.decode(), code

    return call


def test_texts_as_arguments(predict):
    rows, told, code = predict(TEXT, "the song was warm")
    assert [row["row"] for row in rows] == [1, 2]
    assert rows[0]["text"] == TEXT
    assert rows[0]["classes"]["sentiment"].keys() == {"label", "probability"}
    assert rows[0]["entities"]["entities"][0].keys() == {"start", "end", "label", "text", "score"}
    assert (told, code) == ("", None)


def test_all_classes_and_redaction(predict):
    (row,), _, _ = predict("--all-classes", "--redact", TEXT)
    assert row["text"] == "What a lovely film, said [PERSON] in [GPE]."
    assert sum(row["classes"]["sentiment"]["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert "entities" not in row


def test_lines_of_stdin_with_bad_ones_told_by_number(predict):
    rows, told, code = predict(stdin="fine\n\n\ufeffé\r\n".encode() + b"\xff\n" + TEXT.encode())
    assert [row["row"] for row in rows] == [1, 3, 5]
    assert rows[2]["text"] == TEXT
    assert "tandem: line 2 holds no text: skipped\n" in told
    assert "tandem: line 4 holds what is no text in UTF-8: skipped\n" in told
    assert told.splitlines()[-1].startswith("3 texts read · ")
    assert told.splitlines()[-1].endswith(" · 2 skipped")
    assert code is None


def test_a_bad_line_may_be_fatal_after_what_came_before_it(predict):
    rows, _, code = predict("--on-error", "fail", stdin=b"fine\n \nwarm\n")
    assert [row["row"] for row in rows] == [1]
    assert code == "tandem: line 2 holds no text: correct it, or leave it out by --on-error skip"


def test_a_bad_argument_is_fatal(predict):
    rows, _, code = predict("fine", " ")
    assert len(rows) == 1
    assert code.startswith("tandem: line 2 holds no text")


@pytest.mark.parametrize(
    ("name", "content", "words", "expected"),
    [
        ("a.csv", 'id,text\n1,fine\n2,"warm,\nlovely"\n3,dull\n', [], [(2, "fine"), (3, "warm,\nlovely"), (5, "dull")]),
        ("a.csv", "id;body\n1;fine\n", ["--column", "body"], [(2, "fine")]),
        ("a.csv", "review\nfine\n", [], [(2, "fine")]),
        ("a.tsv", "text\tn\nfine, warm\t1\n", [], [(2, "fine, warm")]),
        ("a.jsonl", '{"text":"fine"}\n{"text":"warm"}\n', [], [(1, "fine"), (2, "warm")]),
        ("a.jsonl", '{"a":{"b":1},"t":"fine"}\n', ["--column", "t"], [(1, "fine")]),
        ("a.txt", "id,text\n", [], [(1, "id,text")]),
        ("a.txt", "text\nfine\n", ["--format", "csv"], [(2, "fine")]),
    ],
)
def test_files(predict, tmp_path, name, content, words, expected):
    (tmp_path / name).write_text(content, encoding="utf-8-sig")
    rows, _, code = predict("--file", tmp_path / name, *words)
    assert [(row["row"], row["text"]) for row in rows] == expected
    assert code is None


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.jsonl", '{"text":"fine"}\n{"text":3}\n', "line 2 expected a text, found 3"),
        ("a.jsonl", '{"text":"fine"}\n{"body":"x"}\n', "line 2 has no key 'text'; found 'body' (see --column)"),
        ("a.jsonl", '{"text":"fine"}\n{"text":\n', "line 2 is no JSON ("),
        ("a.jsonl", '{"text":"fine"}\n{"text":"\\ud800"}\n', "line 2 "),
        ("a.csv", "id,text\n1,fine\n2\n", "line 3 has 1 columns, and the text is in number 2"),
    ],
)
def test_what_is_wrong_with_a_line_is_told(predict, tmp_path, name, content, told):
    (tmp_path / name).write_text(content)
    rows, said, code = predict("--file", tmp_path / name)
    assert len(rows) == 1
    assert told in said
    assert code is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--file", "none.csv"], "cannot read none.csv: No such file"),
        (["--file", "none.csv", "fine"], "give texts or --file, not both"),
        (["--file", "some.csv"], "some.csv has no column 'text'; found 'a', 'b': choose one by --column"),
        (["--model", "nowhere", "fine"], "nowhere is no trained model: it lacks config.json"),
        (["--device", "mps", "fine"], "asks for mps"),
    ],
)
def test_what_cannot_be_done_is_one_message(predict, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    Path("some.csv").write_text("a,b\n1,2\n")
    rows, told, code = predict(*words)
    assert rows == []
    assert code.startswith("tandem: ")
    assert message in code
    assert "Traceback" not in told


def reading_stdin(model: Path) -> subprocess.Popen:
    command = [*TANDEM, "predict", "--model", str(model)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.slow
def test_whoever_has_enough_may_hang_up(trained):  # noqa: F811
    with reading_stdin(trained) as process:
        process.stdout.close()
        _, told = process.communicate(b"the film was fine\n" * 2000)
    assert b"Traceback" not in told
    assert b"BrokenPipe" not in told
    assert process.returncode == 0


@pytest.mark.slow
@pytest.mark.usefixtures("heeding_interrupts")
def test_an_interrupt_ends_it_quietly(trained):  # noqa: F811
    with reading_stdin(trained) as process:
        process.stdin.write(b"the film was fine\n" * 600)
        process.stdin.flush()
        first = process.stdout.readline()  # it has begun, and waits for more
        process.send_signal(signal.SIGINT)
        _, told = process.communicate()
    assert json.loads(first)["row"] == 1
    assert b"Traceback" not in told
    assert process.returncode == 130
