"""Exports of every family, tiny and random, each with its own kind of tokenizer."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import pipeline

from tandem.export.graph import export_onnx
from tandem.export.huggingface import export_huggingface
from tandem.export.probes import probes
from tandem.hardware.execution import choose_for_reading
from tandem.model.folder import load_model
from tandem.serving.door import Tandem
from tandem.serving.graphs import open_session, run_session
from tandem.serving.rules import AnswerRules
from tests.model.family_references import write_family
from tests.pipeline.test_encoders import TOKENIZERS
from tests.serving.conftest import MACHINE, write_model

TEXTS = ["Anna met Ben.", "a dull plot", "Oslo?"]  # of fewer pieces than a window holds
WITHOUT_TEXT_CLASS = ("distilbert", "electra")

pytestmark = pytest.mark.filterwarnings("default")  # the pipelines' own


@pytest.fixture(scope="module", params=TOKENIZERS)
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A family's name, and a model that classifies by the first piece's vector."""
    folder = tmp_path_factory.mktemp("family")
    backend = TOKENIZERS[request.param]()
    write_family(request.param, folder / "encoder", vocab_size=backend.get_vocab_size())
    backend.save(str(folder / "encoder/tokenizer.json"))
    return request.param, write_model(folder / "model", folder / "encoder", pooling="cls", steps=0)


def test_pipelines_load_them_and_answer_as_we_do(family: tuple[str, Path], tmp_path: Path) -> None:
    name, model = family
    loaded = load_model(model)
    export = export_huggingface(loaded, tmp_path / "out")
    assert max(export.differences.values()) <= 1e-5
    answers = Tandem.from_loaded(loaded, choose_for_reading(MACHINE))(TEXTS)
    tag = pipeline("token-classification", model=str(tmp_path / "out/entities"), device="cpu", ignore_labels=[])
    assert all(len(rows) >= 2 for rows in tag(TEXTS))
    if name in WITHOUT_TEXT_CLASS:
        assert list(export.left_out) == ["sentiment"]
        return
    classify = pipeline("text-classification", model=str(tmp_path / "out/sentiment"), top_k=None, device="cpu")
    for answer, theirs in zip(answers, classify(TEXTS), strict=True):
        found = {row["label"]: row["score"] for row in theirs}
        assert found == pytest.approx(dict(answer.classes["sentiment"].probabilities), abs=1e-5)


@pytest.mark.slow
@torch.inference_mode()
def test_one_graph_gives_what_the_model_gives(family: tuple[str, Path], tmp_path: Path) -> None:
    loaded = load_model(family[1])
    assert export_onnx(loaded, tmp_path / "out", rules=AnswerRules(), is_int8=False) <= 1e-4
    session = open_session(tmp_path / "out/model.onnx")
    for ids, mask in probes(loaded.model.encoder.config, n_lengths=24):
        expected = loaded.model(ids, mask)
        found = run_session(session, ids.numpy(), mask.numpy())
        np.testing.assert_allclose(found["sentiment"], expected["sentiment"], atol=1e-4)
        np.testing.assert_allclose(found["entities"][mask.numpy()], expected["entities"][mask], atol=1e-4)
    assert [one.classes for one in Tandem.load_graph(tmp_path / "out")(TEXTS)]
