import subprocess
import sys

import pytest

from tandem.artifacts import write_json
from tandem.cli import main

SCORES = {
    "mood": {"accuracy": 0.8125, "macro_f1": 0.8, "n": 16},
    "names": {"f1": 0.5, "n": 9},
    "combined_score": 0.65,
}


def place(value):
    return {"max_abs_diff": value}


@pytest.fixture
def metrics(tmp_path):
    before = {
        "mood": {"accuracy": 0.5, "macro_f1": 0.25, "n": 16},
        "names": {"f1": 0.0, "n": 9},
        "combined_score": 0.125,
    }
    write_json(tmp_path / "evaluate.json", {**SCORES, "before": before})
    encoder = {name: place(1e-7) for name in ("tokens", "cls", "mean")} | {"min_cosine": 1.0}
    parity = {
        "pretrained": {**encoder, "layers": {"embeddings": place(0.0)}},
        "trained": {**encoder, "layers": {"layer_01": place(4e-6)}},
    }
    write_json(tmp_path / "parity_check.json", parity)
    return tmp_path


def test_the_summary_shows_scores_before_and_after_and_the_parity(metrics, capsys):
    main(["summary", "--metrics", str(metrics)])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["│", "mood", "│", "accuracy", "│", "0.5000", "│", "0.8125", "│"] in lines
    assert ["│", "names", "│", "n", "│", "9", "│", "9", "│"] in lines
    assert ["│", "combined_score", "│", "│", "0.1250", "│", "0.6500", "│"] in lines
    assert ["│", "trained", "│", "4.0e-06", "│", "1.0000000", "│"] in lines


def test_a_summary_before_a_run_says_what_to_do(tmp_path):
    with pytest.raises(SystemExit, match=r"tandem: .*evaluate\.json is missing: run `dvc repro`"):
        main(["summary", "--metrics", str(tmp_path)])


@pytest.mark.parametrize("content", [{}, {"before": 1}])
def test_metrics_of_another_version_are_named(metrics, content):
    write_json(metrics / "evaluate.json", content)
    with pytest.raises(SystemExit, match="holds metrics of another version"):
        main(["summary", "--metrics", str(metrics)])


def test_help_names_the_commands_and_waits_for_no_library():
    code = "import sys; from tandem.cli import main\ntry: main(['--help'])\nfinally: assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "summary" in done.stdout
