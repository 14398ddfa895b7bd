"""The model card: what it says, and that it says it alike every time."""

import pytest

from tandem.errors import TandemError
from tandem.evaluation.card import CardFacts, count_texts, write_card
from tandem.evaluation.facts import TaskFacts

PLAIN = {"confusion": [], "reliability": [], "curves": [], "errors": []}


def label(name, f1, support):
    return {"label": name, "precision": f1, "recall": f1, "f1": f1, "support": support}


def facts(**changes):
    values = {
        "pretrained": "package:small",
        "labels": {"mood": ("bad", "good|fine"), "names": ("O", "B-who", "I-who", "B-iban", "I-iban")},
        "encoder": {"n_layers": 6, "hidden_width": 384},
        "sizes": {"films": {"train": 7926, "valid": 10, "test": 12}},
        "settings": {"seed": 7, "train": {"epochs": 2, "adaptive_rates": (1e-6, 1e-4), "patience": None}},
        "scores": {
            "mood": {"macro_f1": 0.91234, "n": 12},
            "names": {"f1": 0.5, "n": 12},
            "combined_score": 0.7,
            "calibration": {"mood": {"temperature": 1.2}},
            "before": {"mood": {"macro_f1": 0.4, "n": 12}, "names": {"f1": 0.0, "n": 12}, "combined_score": 0.2},
        },
        "intervals": {"mood": {"macro_f1": {"low": 0.9, "high": 0.95, "n": 12}}},
        "tasks": [
            TaskFacts(
                task="mood",
                kind="classification",
                n_texts=12,
                per_label=[label("bad", 0.9, 6), label("good|fine", 0.0, 6)],
                **PLAIN,
            ),
            TaskFacts(
                task="names",
                kind="tagging",
                n_texts=12,
                per_label=[label("who", 0.7, 30)],
                kinds={"correct": 20, "boundary": 3, "type": 2, "missed": 5, "spurious": 9},
                **PLAIN,
            ),
        ],
    }
    return CardFacts(**{**values, **changes})


def test_it_says_what_the_model_is_and_is_not(tmp_path):
    write_card(tmp_path / "model_card.md", facts())
    text = (tmp_path / "model_card.md").read_text()
    assert text.startswith("# Model card: mood, names\n")
    assert "- **names** (tagging, 2): `who`, `iban`" in text
    assert "| films | 7,926 | 10 | 12 |" in text
    assert "| mood macro f1 | 0.9123 | 0.9000 to 0.9500 | 0.4000 |" in text
    assert "| combined score | 0.7000 |  | 0.2000 |" in text
    assert "temperature" not in text
    assert "- mood: never right on the test split: `good\\|fine`." in text
    assert "- mood: measured on fewer than 20 gold answers: `bad`." in text
    assert "- names: without any gold answer in the test split, so not measured: `iban`." in text
    assert "5 of 30 gold entities were missed altogether" in text
    assert "  adaptive_rates:\n  - 1.0e-06\n" in text
    assert "load_model(" in text


def test_it_is_the_same_every_time_and_needs_no_intervals(tmp_path):
    for name in ("one.md", "two.md"):
        write_card(tmp_path / name, facts(intervals=None))
    assert (tmp_path / "one.md").read_bytes() == (tmp_path / "two.md").read_bytes()


def test_texts_are_counted(tmp_path):
    (tmp_path / "films").mkdir()
    for split, n_texts in (("train", 3), ("valid", 1), ("test", 0)):
        (tmp_path / "films" / f"{split}.jsonl").write_text("{}\n" * n_texts)
    assert count_texts(tmp_path, ["films"]) == {"films": {"train": 3, "valid": 1, "test": 0}}
    with pytest.raises(TandemError, match="is missing: run `dvc repro`"):
        count_texts(tmp_path, ["songs"])
