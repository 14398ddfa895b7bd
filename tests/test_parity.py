"""The parity report: what it says of equal encoders, and that it fails for different ones."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers.utils import logging

from tandem.artifacts import read_json, write_json
from tandem.corpora.schema.records import Record, write_records
from tandem.errors import TandemError
from tandem.model.folder import load_model, save_model
from tandem.model.multitask import HeadConfig, MultiTaskModel
from tandem.model.weights import load_encoder_weights, read_config
from tandem.params import ParityCheck
from tandem.parity.check import ParityReport, check_parity, first_texts

SETTINGS = ParityCheck(tolerance=1e-5, texts=3, sentences=("the film was fine.", "anna lives in oslo", "a dull plot"))
TEXTS = ["the cast was lovely and the plot was dim", "a song", "x " * 200, *(f"scene {number}" for number in range(9))]


@pytest.fixture
def trained(tiny_encoder: Path, tmp_path: Path) -> Path:
    """A model's folder whose encoder is not the pretrained one any more."""
    heads = {"mood": HeadConfig(kind="classification", n_labels=2)}
    model = MultiTaskModel(read_config(tiny_encoder), heads, pooling="pooler", dropout=0.1, encoder_dropout=0.1)
    load_encoder_weights(model, tiny_encoder)
    generator = torch.Generator().manual_seed(3)
    for parameter in model.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    save_model(tmp_path / "model", model, card={}, tokenizer_source=tiny_encoder)
    return tmp_path / "model"


@pytest.fixture
def report(tiny_encoder: Path, trained: Path) -> ParityReport:
    return check_parity(tiny_encoder, trained, TEXTS, SETTINGS, max_length=32)


def test_equal_encoders_pass(report: ParityReport) -> None:
    report.raise_if_failed()
    for comparison in report.comparisons.values():
        logits = [rung for rung in comparison.differences if rung.startswith("logits.")]
        vectors = ["tokens", "cls", "mean", "max", "pooler"]
        learnt = ["loss", "gradients", "step"]
        assert list(comparison.differences) == ["ids", "embeddings", "layer_01", "layer_02", *vectors, *logits, *learnt]
        assert logits
        assert max(comparison.differences.values()) <= 1e-5
        assert comparison.min_cosine == pytest.approx(1)
    assert "largest difference to the reference: pretrained" in report.summary()


def test_the_report_has_the_promised_keys(report: ParityReport, tmp_path: Path) -> None:
    write_json(tmp_path / "report.json", report.as_dict())
    content = read_json(tmp_path / "report.json")
    for name in ("pretrained", "trained"):
        assert content[name]["min_cosine"] > 0.999999
        places = {**content[name]["layers"], **{key: content[name][key] for key in ("tokens", "cls", "mean")}}
        assert all(place["max_abs_diff"] <= 1e-5 for place in places.values())
    assert content["n"] == {"sentences": 3, "texts": 12}
    table = content["similarity"]
    assert table["sentences"] == list(SETTINGS.sentences)
    assert table["pretrained"] != table["trained"]
    for name in ("pretrained", "trained"):
        assert [row[index] for index, row in enumerate(table[name])] == [1.0, 1.0, 1.0]
        assert table[name][0][1] == table[name][1][0] < 1


def test_the_trained_encoder_is_the_one_compared(report: ParityReport, tiny_encoder: Path) -> None:
    again = check_parity(tiny_encoder, _saved_untrained(tiny_encoder), TEXTS, SETTINGS, max_length=32)
    assert again.similarity["trained"] == again.similarity["pretrained"] == report.similarity["pretrained"]


def _saved_untrained(tiny_encoder: Path) -> Path:
    model = MultiTaskModel(read_config(tiny_encoder), {}, pooling="cls", dropout=0.0, encoder_dropout=0.0)
    load_encoder_weights(model, tiny_encoder)
    folder = tiny_encoder.parent / "untrained"
    save_model(folder, model, card={}, tokenizer_source=tiny_encoder)
    return folder


def test_a_different_encoder_fails_after_reporting(
    tiny_encoder: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second layer's norm has another eps in our encoder than in the reference."""

    def spoiled(folder: Path) -> object:
        loaded = load_model(folder)
        norm = loaded.model.encoder.layers[1].feed_forward_norm
        assert isinstance(norm, nn.LayerNorm)
        norm.eps = 0.1
        return loaded

    monkeypatch.setattr("tandem.parity.check.load_model", spoiled)
    report = check_parity(tiny_encoder, trained, TEXTS, SETTINGS, max_length=32)
    assert report.as_dict()["trained"]["layers"]["layer_02"]["max_abs_diff"] > 1e-3
    message = r"the trained encoder differs from the reference at layer_02: largest difference \d"
    with pytest.raises(TandemError, match=message):
        report.raise_if_failed()


def test_numbers_that_are_none_fail_and_can_be_written(
    tiny_encoder: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoiled(folder: Path) -> object:
        loaded = load_model(folder)
        loaded.model.encoder.embeddings.norm.weight.data[0] = torch.nan  # type: ignore[union-attr]
        return loaded

    monkeypatch.setattr("tandem.parity.check.load_model", spoiled)
    report = check_parity(tiny_encoder, trained, TEXTS, SETTINGS, max_length=32)
    write_json(tmp_path / "report.json", report.as_dict())
    with pytest.raises(TandemError, match="the trained encoder differs"):
        report.raise_if_failed()


def test_the_tolerance_decides(report: ParityReport) -> None:
    comparison = replace(report.comparisons["trained"], differences={"embeddings": 0.0, "layer_01": 2e-7, "cls": 1e-6})
    tighter = replace(report, tolerance=1e-7, comparisons={"trained": comparison})
    with pytest.raises(TandemError, match=r"at layer_01: largest difference 2\.00e-07, .* 1e-07"):
        tighter.raise_if_failed()


def test_without_texts_the_sentences_are_compared(tiny_encoder: Path, trained: Path) -> None:
    report = check_parity(tiny_encoder, trained, [], SETTINGS, max_length=32)
    report.raise_if_failed()
    assert report.n_texts == 0


def test_the_first_texts_of_each_corpus_are_read(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_records(tmp_path / name / "test.jsonl", (Record(row=row, words=(name, str(row))) for row in range(5)))
    assert first_texts(tmp_path, ["b", "a"], 2) == ["b 0", "b 1", "a 0", "a 1"]
    with pytest.raises(TandemError, match=r"test\.jsonl is missing"):
        first_texts(tmp_path, ["c"], 2)


def test_transformers_speaks_again_afterwards(tiny_encoder: Path, trained: Path) -> None:
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    check_parity(tiny_encoder, trained, [], SETTINGS, max_length=32)
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
