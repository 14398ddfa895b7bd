"""Which weights learn, and at which rate."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tandem.errors import TandemError
from tandem.model.freezing import Trainable, count_trainable, is_encoder_frozen, parameter_groups
from tandem.model.multitask import MultiTaskModel
from tests.model.references import load_ours

DEFAULTS: dict[str, Any] = {
    "output_layers": 3,
    "learning_rate": 1e-3,
    "adaptive_rates": (1e-6, 1e-4),
    "weight_decay": 0.01,
}


@pytest.mark.parametrize(
    ("trainable", "n_trainable"),
    [
        ("none", 0),
        ("heads_only", 14_611),
        ("output_layers", 21_278_227),
        ("all", 108_906_259),
        ("all_adaptive", 108_906_259),
    ],
)
def test_bert_base_learns_the_known_number_of_weights(
    bert_base: MultiTaskModel,
    trainable: Trainable,
    n_trainable: int,
) -> None:
    groups = parameter_groups(bert_base, trainable=trainable, **DEFAULTS)
    assert count_trainable(bert_base) == n_trainable
    assert sum(parameter.numel() for group in groups for parameter in group["params"]) == n_trainable
    assert is_encoder_frozen(bert_base) == (trainable in ("none", "heads_only"))


def test_every_weight_stands_in_one_group(model: MultiTaskModel) -> None:
    groups = parameter_groups(model, trainable="all", **DEFAULTS)
    listed = [id(parameter) for group in groups for parameter in group["params"]]
    assert len(listed) == len(set(listed))
    assert set(listed) == {id(parameter) for parameter in model.parameters()}
    assert len({group["name"] for group in groups}) == len(groups)
    torch.optim.AdamW(groups)


def test_biases_and_norms_do_not_decay(model: MultiTaskModel) -> None:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for group in parameter_groups(model, trainable="all", **DEFAULTS):
        for parameter in group["params"]:
            name = names[id(parameter)]
            assert group["weight_decay"] == (0.0 if name.endswith("bias") or "norm" in name else 0.01), name


def test_the_rate_grows_geometrically(model: MultiTaskModel) -> None:
    groups = parameter_groups(model, trainable="all_adaptive", **DEFAULTS)
    rates = {group["name"]: group["lr"] for group in groups}
    ladder = ["embeddings", "layers.1", "layers.2", "layers.3", "heads.sentiment"]
    for depth, name in enumerate(ladder):
        expected = pytest.approx(1e-6 * 100 ** (depth / 4))
        assert rates[name] == expected
        assert rates[f"{name} (biases, norms)"] == expected
    assert rates["heads.entities"] == rates["heads.sentiment"] == pytest.approx(1e-4)


def test_the_last_layers_learn(model: MultiTaskModel) -> None:
    groups = parameter_groups(model, trainable="output_layers", **{**DEFAULTS, "output_layers": 1})
    names = {group["name"].split(" ")[0] for group in groups}
    assert names == {"layers.3", "heads.sentiment", "heads.entities"}
    assert {group["lr"] for group in groups} == {1e-3}


def test_more_layers_than_there_are_is_an_error(model: MultiTaskModel) -> None:
    with pytest.raises(TandemError, match=r"train\.output_layers must be at most 3, the encoder's layers, got 4"):
        parameter_groups(model, trainable="output_layers", **{**DEFAULTS, "output_layers": 4})


def test_a_head_can_be_frozen_by_name(model: MultiTaskModel) -> None:
    groups = parameter_groups(model, trainable="heads_only", frozen_heads=["entities"], **DEFAULTS)
    assert {group["name"].split(" ")[0] for group in groups} == {"heads.sentiment"}
    assert not model.heads["entities"].linear.weight.requires_grad
    with pytest.raises(TandemError, match=r"cannot freeze names: the model's heads are sentiment, entities"):
        parameter_groups(model, trainable="all", frozen_heads=["names"], **DEFAULTS)


def test_the_pooler_learns_with_the_layers(checkpoint: Path) -> None:
    model = load_ours(checkpoint, pooling="pooler")
    for trainable, learns in (("heads_only", False), ("output_layers", True), ("all_adaptive", True)):
        groups = parameter_groups(model, trainable=trainable, **DEFAULTS)
        assert ("pooler" in {group["name"] for group in groups}) == learns
        assert is_encoder_frozen(model) != learns


def test_freezing_turns_the_encoders_dropout_off(checkpoint: Path) -> None:
    model = load_ours(checkpoint, dropout=0.1, encoder_dropout=0.1).train()
    parameter_groups(model, trainable="heads_only", **DEFAULTS)
    assert model.heads.training
    assert not model.encoder.training
    parameter_groups(model, trainable="all", **DEFAULTS)
    assert model.encoder.training
