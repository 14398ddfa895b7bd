"""Exported checkpoints in transformers' own pipelines, without a network and without our code."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, pipeline

from tandem.cli import main
from tandem.errors import TandemError
from tandem.export import huggingface
from tandem.export.huggingface import export_huggingface
from tandem.hardware.execution import choose_for_reading
from tandem.model.folder import load_model
from tandem.serving.door import Tandem
from tests.serving.conftest import MACHINE, SENTENCES, write_model

TEXTS = [*SENTENCES, "Anna and Ben in Oslo", "?"]

pytestmark = pytest.mark.filterwarnings("default")  # the pipelines' own


@pytest.fixture(scope="module", params=["cls", "pooler"])
def first_piece(request, tiny_encoder, tmp_path_factory) -> Path:
    """A model that classifies by the first piece's vector."""
    folder = tmp_path_factory.mktemp(request.param) / "model"
    return write_model(folder, tiny_encoder, pooling=request.param)


def answers(folder: Path):
    return Tandem.from_loaded(load_model(folder), choose_for_reading(MACHINE))(TEXTS)


def test_pipelines_answer_as_we_do(first_piece, tmp_path):
    export = export_huggingface(load_model(first_piece), tmp_path / "out")
    assert export.left_out == {}
    assert list(export.differences) == ["encoder", "sentiment", "entities"]
    assert max(export.differences.values()) <= 1e-5
    ours = answers(first_piece)
    classify = pipeline("text-classification", model=str(tmp_path / "out/sentiment"), top_k=None, device="cpu")
    for answer, theirs in zip(ours, classify(TEXTS, batch_size=3), strict=True):
        found = {row["label"]: row["score"] for row in theirs}
        assert found == pytest.approx(dict(answer.classes["sentiment"].probabilities), abs=1e-5)
    tag = pipeline(
        "token-classification", model=str(tmp_path / "out/entities"), aggregation_strategy="first", device="cpu"
    )
    for answer, theirs in zip(ours, tag(TEXTS, batch_size=3), strict=True):
        rows = [(row["entity_group"], row["start"], row["end"]) for row in theirs]
        assert rows == [(entity.label, entity.start, entity.end) for entity in answer.entities["entities"]]
        np.testing.assert_allclose(
            [row["score"] for row in theirs], [entity.score for entity in answer.entities["entities"]], atol=1e-5
        )


@torch.inference_mode()
def test_the_encoder_alone_is_an_auto_model(trained, tmp_path):
    export_huggingface(load_model(trained), tmp_path / "out")
    theirs = AutoModel.from_pretrained(tmp_path / "out/encoder", local_files_only=True).eval()
    ids = torch.tensor([[2, 7, 8, 3]])
    expected = load_model(trained).model.encode(ids, torch.ones_like(ids, dtype=torch.bool))
    np.testing.assert_allclose(theirs(ids).last_hidden_state, expected, atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_a_pooling_that_no_class_knows_is_left_out_with_its_reason(trained, tiny_encoder, tmp_path, capsys, pooling):
    model = trained if pooling == "mean" else write_model(tmp_path / "model", tiny_encoder, pooling=pooling, steps=0)
    main(["export", "huggingface", str(tmp_path / "out"), "--model", str(model)])
    told = capsys.readouterr().out
    assert f"left out sentiment: its text vector is the {pooling} of all pieces" in told
    assert "train with model.pooling: cls (or pooler) to export it" in told
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["encoder", "entities"]


def test_what_is_written_is_the_same_every_time_and_has_a_card(first_piece, tmp_path):
    for name in ("one", "two"):
        export_huggingface(load_model(first_piece), tmp_path / name)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files)
    card = (tmp_path / "one/sentiment/README.md").read_text()
    assert "pipeline_tag: text-classification" in card
    assert "`negative`, `positive`" in card
    settings = json.loads((tmp_path / "one/sentiment/config.json").read_text())
    assert settings["id2label"] == {"0": "negative", "1": "positive"}
    assert "auto_map" not in settings


def test_an_export_that_differs_is_not_left_behind(trained, tmp_path, monkeypatch):
    def spoilt(model, task, family):
        tensors = right(model, task, family)
        return tensors | {"classifier.bias": tensors["classifier.bias"] + 1e-4}

    right = huggingface._head_tensors
    monkeypatch.setattr(huggingface, "_head_tensors", spoilt)
    with pytest.raises(TandemError, match=r"entities differs from our outputs by 1\.0e-04 where 1e-05 is allowed"):
        export_huggingface(load_model(trained), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten(trained, tmp_path):
    (tmp_path / "mine").write_text("dear")
    with pytest.raises(TandemError, match="is there already and holds something"):
        export_huggingface(load_model(trained), tmp_path)
    assert (tmp_path / "mine").read_text() == "dear"
