"""Encoders from scratch: their sizes from the params, their weights from the seed, their styles as they should be."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from tandem.errors import TandemError
from tandem.model.building import build_model, encoder_config
from tandem.model.folder import load_model, save_model
from tandem.model.multitask import MultiTaskModel
from tandem.model.weights import to_huggingface
from tandem.params import Model, Params
from tandem.training.freezing import parameter_groups
from tests.model.references import random_batch
from tests.tiny import SCRATCH

STYLES = [
    {"norm": norm, "positions": positions, "activation": activation}
    for norm in ("post", "pre")
    for positions in ("learnt", "sinusoidal")
    for activation in ("gelu", "relu")
]


def built(seed: int = 7, **style: str) -> MultiTaskModel:
    settings = Model(
        pretrained="none", pooling="mean", dropout=0.1, encoder_dropout=0.2, scratch=replace(SCRATCH, **style)
    )
    return build_model(None, {"mood": ("bad", "good")}, {"mood": "classification"}, settings, seed=seed)


@pytest.mark.parametrize("style", STYLES, ids=lambda style: " ".join(style.values()))
def test_every_style_is_drawn_from_the_seed_saved_and_loaded(style: dict[str, str], tmp_path: Path) -> None:
    model, again, other = built(**style), built(**style), built(seed=8, **style)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    differing = [name for name, value in model.named_parameters() if not torch.equal(value, other.get_parameter(name))]
    assert all(name in differing for name, value in model.named_parameters() if value.ndim > 1)
    (tmp_path / "vocab.txt").write_text("[PAD]\n")
    save_model(tmp_path / "model", model, card={}, tokenizer_source=tmp_path)
    loaded = load_model(tmp_path / "model").model
    batch = random_batch([5, 24, 1])
    assert torch.equal(loaded(*batch)["mood"], model.eval()(*batch)["mood"])


def test_vectors_begin_at_a_healthy_size() -> None:
    for style in STYLES:
        vectors = built(**style).eval().encode(*random_batch([24]))
        assert 0.3 < vectors.std() < 3, style


@pytest.mark.parametrize("style", STYLES, ids=lambda style: " ".join(style.values()))
def test_every_weight_learns(style: dict[str, str], default_params: Params) -> None:
    """The norm at the end of a pre-norm encoder included."""
    model = built(**style)
    groups = parameter_groups(model, default_params.train)
    assert sorted(name for group in groups for name in group["names"]) == sorted(dict(model.named_parameters()))
    model.train()
    model.noise.seat(1, 1, range(2))
    model(*random_batch([9, 4]))["mood"].logsumexp(dim=1).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in model.parameters())


def test_the_classic_style_has_its_parts() -> None:
    model = built(norm="pre", positions="sinusoidal", activation="relu")
    assert isinstance(model.encoder.final_norm, nn.LayerNorm)
    assert not any("positions" in name for name, _ in model.named_parameters())
    assert isinstance(built().encoder.final_norm, nn.Identity)


def test_a_bert_from_scratch_can_be_exported_and_others_say_why_not() -> None:
    settings, _ = to_huggingface(built(activation="relu"))
    assert (settings["model_type"], settings["hidden_act"]) == ("bert", "relu")
    with pytest.raises(TandemError, match=r"model\.scratch\.norm: post"):
        to_huggingface(built(norm="pre"))


def test_without_its_section_there_is_no_encoder() -> None:
    settings = Model(pretrained="none", pooling="mean", dropout=0.0, encoder_dropout=0.0)
    with pytest.raises(TandemError, match=r"model\.scratch is missing"):
        encoder_config(None, settings)
