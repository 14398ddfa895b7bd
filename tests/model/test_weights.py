"""The map from and to Hugging Face's names: complete, reversible, exact, and clear about what does not fit."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import BertForMaskedLM, BertModel

from tandem.errors import TandemError
from tandem.model.multitask import MultiTaskModel
from tandem.model.weights import load_encoder_weights, read_config, to_huggingface, weight_names, write_checkpoint
from tests.model.references import load_ours


@pytest.fixture
def copy(checkpoint: Path, tmp_path: Path) -> Path:
    """The checkpoint in a folder that a test may spoil."""
    return Path(shutil.copytree(checkpoint, tmp_path / "copy"))


def rewrite(folder: Path, tensors: dict[str, Tensor]) -> None:
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def change_config(folder: Path, **changes: Any) -> None:
    settings = json.loads((folder / "config.json").read_bytes()) | changes
    kept = {key: value for key, value in settings.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept))


def test_key_sets_match_both_ways(reference: BertModel, checkpoint: Path) -> None:
    model = load_ours(checkpoint, pooling="pooler")
    pairs = list(weight_names(model.encoder.config, has_pooler=True))
    ours = [name for name, _ in pairs]
    theirs = [name for _, several in pairs for name in several]
    assert sorted(theirs) == sorted(name for name, _ in reference.named_parameters())
    assert sorted(ours) == sorted(name for name, _ in model.named_parameters() if not name.startswith("heads."))


def test_export_of_import_is_exact(reference: BertModel, checkpoint: Path) -> None:
    settings, tensors = to_huggingface(load_ours(checkpoint, pooling="pooler"))
    expected = dict(reference.named_parameters())
    assert tensors.keys() == expected.keys()
    assert all(torch.equal(tensors[name], expected[name]) for name in expected)
    published = json.loads((checkpoint / "config.json").read_bytes())
    assert all(published.get(key, value) == value for key, value in settings.items())


@torch.no_grad()
def test_export_loads_in_transformers(model: MultiTaskModel, reference: BertModel, tmp_path: Path) -> None:
    write_checkpoint(tmp_path, model)
    loaded = BertModel.from_pretrained(tmp_path, add_pooling_layer=False)
    expected = reference.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in loaded.state_dict().items())
    assert read_config(tmp_path) == model.encoder.config


def test_what_is_dropped_is_listed(model: MultiTaskModel, checkpoint: Path) -> None:
    assert load_encoder_weights(model, checkpoint) == ("pooler.dense.bias", "pooler.dense.weight")


def test_a_pretraining_checkpoint_with_old_names_loads(copy: Path, checkpoint: Path, model: MultiTaskModel) -> None:
    """`bert.` in front, gamma and beta, a head of pretraining, a stored constant, as in bert-base-uncased."""
    old = {".LayerNorm.weight": ".LayerNorm.gamma", ".LayerNorm.bias": ".LayerNorm.beta"}
    tensors = {}
    for name, tensor in load_file(copy / "model.safetensors").items():
        ending = next((new for new in old if name.endswith(new)), "")
        tensors[f"bert.{name.removesuffix(ending)}{old.get(ending, '')}"] = tensor
    tensors |= {"bert.embeddings.position_ids": torch.arange(24)[None], "cls.predictions.bias": torch.zeros(97)}
    tensors |= {
        "cls.predictions.transform.LayerNorm.gamma": torch.ones(32),
        "cls.seq_relationship.bias": torch.zeros(2),
    }
    rewrite(copy, tensors)
    dropped = load_encoder_weights(model, copy)
    assert {name.split(".")[0] for name in dropped} == {"cls", "embeddings", "pooler"}
    expected = load_ours(checkpoint)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), expected.parameters(), strict=True))


def test_a_checkpoint_of_masked_language_modelling_loads(reference: BertModel, tmp_path: Path) -> None:
    BertForMaskedLM(reference.config).save_pretrained(tmp_path)
    assert all(name.startswith("cls.") for name in load_encoder_weights(load_ours(tmp_path), tmp_path))


def test_half_precision_becomes_float32(copy: Path, model: MultiTaskModel) -> None:
    rewrite(copy, {name: tensor.bfloat16() for name, tensor in load_file(copy / "model.safetensors").items()})
    load_encoder_weights(model, copy)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_without_a_pooler_the_drawn_one_stays(copy: Path) -> None:
    tensors = load_file(copy / "model.safetensors")
    rewrite(copy, {name: tensor for name, tensor in tensors.items() if not name.startswith("pooler")})
    model = load_ours(copy, pooling="pooler")
    assert model.pooler is not None
    assert model.pooler.weight.std().item() == pytest.approx(0.02, rel=0.1)


def test_missing_and_unknown_keys_are_named(copy: Path, model: MultiTaskModel) -> None:
    tensors = load_file(copy / "model.safetensors")
    del tensors["encoder.layer.1.attention.self.key.weight"]
    tensors["encoder.layer.3.output.dense.bias"] = torch.zeros(32)
    rewrite(copy, tensors)
    with pytest.raises(
        TandemError,
        match=r"lacks encoder\.layer\.1\.attention\.self\.key\.weight .* encoder\.layer\.3\.output\.dense\.bias",
    ):
        load_encoder_weights(model, copy)


def test_another_shape_is_named(copy: Path, model: MultiTaskModel) -> None:
    tensors = load_file(copy / "model.safetensors")
    rewrite(copy, tensors | {"embeddings.word_embeddings.weight": torch.zeros(98, 32)})
    with pytest.raises(
        TandemError, match=r"encoder\.embeddings\.pieces\.weight have the shape \(98, 32\).* \(97, 32\)"
    ):
        load_encoder_weights(model, copy)


def test_a_damaged_file_is_an_error(copy: Path, model: MultiTaskModel) -> None:
    (copy / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(TandemError, match=r"model\.safetensors is missing or damaged"):
        load_encoder_weights(model, copy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "gpt2"}, r"of the family 'gpt2'; known: bert"),
        ({"model_type": None}, r"of the family 'None'; known: bert"),
        ({"hidden_act": "gelu_new"}, r"has hidden_act = 'gelu_new', and the encoder computes 'gelu' or 'relu' alone"),
        ({"position_embedding_type": "relative_key"}, r"has position_embedding_type = 'relative_key'"),
        ({"is_decoder": True}, r"has is_decoder = True"),
        ({"hidden_size": None, "vocab_size": "many"}, r"lacks a number for vocab_size, hidden_size"),
    ],
)
def test_what_the_encoder_does_not_compute_is_refused(copy: Path, changes: dict[str, Any], message: str) -> None:
    change_config(copy, **changes)
    with pytest.raises(TandemError, match=message):
        read_config(copy)


def test_a_damaged_config_is_an_error(copy: Path) -> None:
    (copy / "config.json").write_text("{")
    with pytest.raises(TandemError, match=r"cannot read .*config\.json"):
        read_config(copy)
    (copy / "config.json").write_text("[1]")
    with pytest.raises(TandemError, match=r"must hold a JSON object, got \[1\]"):
        read_config(copy)
