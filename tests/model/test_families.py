"""Each family's map: complete both ways, exact, and refused where the encoder would compute something else."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    DistilBertForMaskedLM,
    ElectraForPreTraining,
    RobertaConfig,
    RobertaForSequenceClassification,
    XLMRobertaForMaskedLM,
)

from tandem.errors import TandemError
from tandem.model.families import FAMILIES
from tandem.model.folder import load_model, save_model
from tandem.model.weights import load_encoder_weights, read_config, to_huggingface, weight_names, write_checkpoint
from tests.model.family_references import AFTER_PAD, CONFIGS, load_family, write_family


@pytest.fixture(params=CONFIGS)
def family(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write_family(str(request.param), tmp_path / "checkpoint")


def test_there_is_a_reference_of_every_family() -> None:
    assert {CONFIGS[name]().model_type for name in CONFIGS} == set(FAMILIES)


def test_key_sets_match_both_ways(family: Path) -> None:
    model = load_family(family)
    pairs = list(weight_names(model.encoder.config, has_pooler=model.has_pretrained_pooler))
    theirs = [name for _, several in pairs for name in several]
    assert sorted(theirs) == sorted(load_file(family / "model.safetensors"))
    own = {name for name, _ in model.named_parameters() if not name.startswith("heads.")}
    assert {name for name, _ in pairs} == (
        own if model.has_pretrained_pooler else own - {"pooler.weight", "pooler.bias"}
    )


def test_there_and_back_is_exact(family: Path, tmp_path: Path) -> None:
    model = load_family(family)
    write_checkpoint(tmp_path / "back", model)
    assert (tmp_path / "back/model.safetensors").read_bytes() == (family / "model.safetensors").read_bytes()
    assert read_config(tmp_path / "back") == model.encoder.config
    published = json.loads((family / "config.json").read_bytes())
    settings, _ = to_huggingface(model)
    assert all(published[key] == value for key, value in settings.items() if key in published)
    assert {"architectures", "model_type", "vocab_size", "pad_token_id"} <= published.keys() & settings.keys()


def test_transformers_loads_what_is_written(family: Path, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "back", load_family(family))
    first, second = (AutoModel.from_pretrained(folder).state_dict() for folder in (family, tmp_path / "back"))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_model_folder_keeps_the_family(family: Path, tmp_path: Path) -> None:
    model = load_family(family)
    (family / "vocab.txt").write_text("[PAD]\n")
    save_model(tmp_path / "model", model, card={}, tokenizer_source=family)
    loaded = load_model(tmp_path / "model").model
    assert loaded.encoder.config == model.encoder.config
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), model.parameters(), strict=True))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("distilbert", DistilBertForMaskedLM),
        ("roberta", RobertaForSequenceClassification),
        ("xlm-roberta", XLMRobertaForMaskedLM),
        ("electra", ElectraForPreTraining),
    ],
)
def test_a_head_of_other_training_is_dropped(name: str, kind: Any, tmp_path: Path) -> None:
    """And the family's prefix goes."""
    write_family(name, tmp_path / "bare")
    whole = kind.from_pretrained(tmp_path / "bare")
    whole.save_pretrained(tmp_path / "whole")
    assert any(key.startswith(FAMILIES[name].prefix) for key in load_file(tmp_path / "whole/model.safetensors"))
    model = load_family(tmp_path / "bare")
    assert load_encoder_weights(model, tmp_path / "whole")
    bare = load_family(tmp_path / "bare")
    assert all(torch.equal(a, b) for a, b in zip(model.encoder.parameters(), bare.encoder.parameters(), strict=True))


def test_settings_come_from_the_checkpoint(tmp_path: Path) -> None:
    """An odd padding id moves the positions, an odd eps is kept, the table's size minus the offset is the limit."""
    RobertaConfig(**{**AFTER_PAD, "pad_token_id": 5, "layer_norm_eps": 0.01}).save_pretrained(tmp_path)
    config = read_config(tmp_path)
    assert (config.position_offset, config.max_positions, config.pad_id, config.norm_eps) == (6, 20, 5, 0.01)


def test_a_weight_that_no_map_knows_is_refused(family: Path) -> None:
    tensors = load_file(family / "model.safetensors")
    save_file({**tensors, "encoder.adapter.weight": torch.zeros(2)}, family / "model.safetensors")
    with pytest.raises(TandemError, match=r"holds what no encoder of its config\.json has: encoder\.adapter\.weight"):
        load_family(family)


def test_an_unknown_family_is_refused_with_those_known(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "deberta-v2"}')
    with pytest.raises(
        TandemError, match=re.escape("'deberta-v2'; known: bert, distilbert, roberta, xlm-roberta, electra")
    ):
        read_config(tmp_path)
