"""Which weights learn, from when on, and at which rate."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tandem.errors import TandemError
from tandem.model.multitask import MultiTaskModel
from tandem.params import Params, Train
from tandem.training.freezing import (
    count_trainable,
    head_rate,
    is_encoder_frozen,
    parameter_groups,
    set_learning_rungs,
)
from tests.model.references import load_ours, random_reference, unfilled_bert_base

Change = Callable[..., Train]

HEADS = {"heads.sentiment", "heads.entities"}
CHOICES = [  # trainable, output_layers, parameters of bert-base-uncased with 2 classes and 17 tags
    ("none", 3, 0),
    ("heads_only", 3, 14_611),
    ("output_layers", 3, 21_278_227),
    ("output_layers", 12, 85_069_075),
    ("all", 3, 108_906_259),
    ("all_adaptive", 3, 108_906_259),
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    random_reference().save_pretrained(folder)
    return folder


@pytest.fixture
def model(checkpoint: Path) -> MultiTaskModel:
    return load_ours(checkpoint)


@pytest.fixture
def bert_base() -> MultiTaskModel:
    return unfilled_bert_base()


@pytest.fixture(scope="session")
def settings(default_params: Params) -> Change:
    """The train section with everything that freezing reads at a known value, and some of it changed."""
    known: dict[str, Any] = {
        "trainable": "all",
        "output_layers": 3,
        "frozen_heads": (),
        "unfreeze_every": None,
        "learning_rate": 1e-3,
        "head_learning_rate": None,
        "layer_decay": 1.0,
        "adaptive_rates": (1e-6, 1e-4),
        "weight_decay": 0.01,
    }
    return lambda **changes: replace(default_params.train, **(known | changes))


def rates(groups: list[dict[str, Any]]) -> dict[str, float]:
    """The rate of each rung, which its two groups must share."""
    found = {group["name"]: group["lr"] for group in groups}
    for name, rate in found.items():
        assert rate == found[name.removesuffix(" (biases, norms)")]
    return {name: rate for name, rate in found.items() if not name.endswith(")")}


def learning(model: MultiTaskModel) -> set[str]:
    """The rungs in which some weight learns, by the beginning of its name; all of a rung's weights must agree."""
    found: dict[str, set[bool]] = {}
    for name, parameter in model.named_parameters():
        parts = name.removeprefix("encoder.").split(".")
        rung = ".".join(parts[:2] if parts[0] in ("layers", "heads") else parts[:1])
        found.setdefault(rung, set()).add(parameter.requires_grad)
    assert all(len(states) == 1 for states in found.values())
    return {rung for rung, states in found.items() if states == {True}}


@pytest.mark.parametrize(("trainable", "output_layers", "n_trainable"), CHOICES)
def test_bert_base_learns_the_known_number_of_weights(
    bert_base: MultiTaskModel, settings: Change, trainable: str, output_layers: int, n_trainable: int
) -> None:
    chosen = settings(trainable=trainable, output_layers=output_layers)
    groups = parameter_groups(bert_base, chosen)
    assert count_trainable(bert_base) == n_trainable
    assert sum(parameter.numel() for group in groups for parameter in group["params"]) == n_trainable
    assert is_encoder_frozen(bert_base, chosen) == (trainable in ("none", "heads_only"))


def test_every_weight_stands_in_one_group_under_its_name(model: MultiTaskModel, settings: Change) -> None:
    groups = parameter_groups(model, settings())
    listed = [
        (name, id(parameter))
        for group in groups
        for name, parameter in zip(group["names"], group["params"], strict=True)
    ]
    assert len(listed) == len(set(listed))
    assert set(listed) == {(name, id(parameter)) for name, parameter in model.named_parameters()}
    assert len({group["name"] for group in groups}) == len(groups)
    torch.optim.AdamW(groups)


def test_biases_and_norms_do_not_decay(model: MultiTaskModel, settings: Change) -> None:
    for group in parameter_groups(model, settings()):
        for name in group["names"]:
            assert group["weight_decay"] == (0.0 if name.endswith("bias") or "norm" in name else 0.01), name


@pytest.mark.parametrize(
    ("changes", "expected"),  # of the embeddings, the three layers, the heads
    [
        ({}, [1e-3, 1e-3, 1e-3, 1e-3, 1e-3]),
        ({"head_learning_rate": 5e-3}, [1e-3, 1e-3, 1e-3, 1e-3, 5e-3]),
        ({"layer_decay": 0.5}, [1e-3 / 16, 1e-3 / 8, 1e-3 / 4, 1e-3 / 2, 1e-3]),
        ({"layer_decay": 0.5, "head_learning_rate": 5e-3}, [1e-3 / 16, 1e-3 / 8, 1e-3 / 4, 1e-3 / 2, 5e-3]),
        ({"trainable": "all_adaptive"}, [1e-6, 10**-5.5, 1e-5, 10**-4.5, 1e-4]),
        (
            {"trainable": "all_adaptive", "head_learning_rate": 1.0, "layer_decay": 0.5, "learning_rate": 1.0},
            [1e-6, 10**-5.5, 1e-5, 10**-4.5, 1e-4],
        ),
    ],
)
def test_rates_by_depth(
    model: MultiTaskModel, settings: Change, changes: dict[str, Any], expected: list[float]
) -> None:
    found = rates(parameter_groups(model, settings(**changes)))
    ladder = ["embeddings", "layers.1", "layers.2", "layers.3", "heads.sentiment"]
    assert [found[name] for name in ladder] == pytest.approx(expected)
    assert found["heads.entities"] == found["heads.sentiment"] == head_rate(settings(**changes))


def test_the_last_layers_learn(model: MultiTaskModel, settings: Change) -> None:
    groups = parameter_groups(model, settings(trainable="output_layers", output_layers=1))
    assert set(rates(groups)) == {"layers.3"} | HEADS
    assert learning(model) == {"layers.2"} | HEADS  # the model counts its layers from 0


def test_more_layers_than_there_are_is_an_error(model: MultiTaskModel, settings: Change) -> None:
    with pytest.raises(TandemError, match=r"train\.output_layers must be at most 3, the encoder's layers, got 4"):
        parameter_groups(model, settings(trainable="output_layers", output_layers=4))


def test_a_head_can_be_frozen_by_name(model: MultiTaskModel, settings: Change) -> None:
    assert set(rates(parameter_groups(model, settings(trainable="heads_only", frozen_heads=("entities",))))) == {
        "heads.sentiment"
    }
    assert learning(model) == {"heads.sentiment"}
    with pytest.raises(TandemError, match=r"train\.frozen_heads must name heads \(sentiment, entities\), got names"):
        parameter_groups(model, settings(frozen_heads=("names",)))


def test_the_task_of_a_frozen_head_teaches_the_encoder(model: MultiTaskModel, settings: Change) -> None:
    parameter_groups(model, settings(frozen_heads=("entities",)))
    ids = torch.tensor([[2, 5, 6, 3]])
    model(ids, torch.ones_like(ids, dtype=torch.bool), ["entities"])["entities"].sum().backward()
    assert model.heads["entities"].linear.weight.grad is None
    assert model.encoder.embeddings.pieces.weight.grad is not None


@pytest.mark.parametrize(
    ("changes", "is_pretrained", "rate"),
    [
        ({"trainable": "heads_only"}, True, None),  # frozen as the encoder is
        ({"trainable": "heads_only", "head_learning_rate": 5e-3}, False, 5e-3),
        ({"trainable": "output_layers", "output_layers": 1, "layer_decay": 0.5}, True, 5e-4),
        ({"layer_decay": 0.5, "head_learning_rate": 5e-3}, True, 5e-4),
        ({"layer_decay": 0.5, "head_learning_rate": 5e-3}, False, 5e-3),
        ({"trainable": "all_adaptive"}, True, 10**-4.5),
        ({"trainable": "all_adaptive"}, False, 1e-4),
    ],
)
def test_a_pooler_learns_as_the_last_layer_if_pretrained_and_else_as_a_head(
    checkpoint: Path, settings: Change, changes: dict[str, Any], is_pretrained: bool, rate: float | None
) -> None:
    model = load_ours(checkpoint, pooling="pooler")
    model.has_pretrained_pooler = is_pretrained
    found = rates(parameter_groups(model, settings(**changes)))
    assert found.get("pooler") == (None if rate is None else pytest.approx(rate))
    assert is_encoder_frozen(model, settings(**changes)) == (rate is None)


def test_freezing_turns_the_encoders_dropout_off(checkpoint: Path, settings: Change) -> None:
    model = load_ours(checkpoint, dropout=0.1, encoder_dropout=0.1).train()
    parameter_groups(model, settings(trainable="heads_only"))
    assert model.heads.training
    assert not model.encoder.training
    parameter_groups(model, settings())
    assert model.encoder.training


UNFREEZING = [  # changes, then for each epoch the rungs that begin in it; the model counts its layers from 0
    ({"unfreeze_every": 1}, [HEADS, {"layers.2"}, {"layers.1"}, {"layers.0"}, {"embeddings"}, set()]),
    ({"unfreeze_every": 2}, [HEADS, set(), {"layers.2"}, set(), {"layers.1"}]),
    ({"unfreeze_every": 1, "trainable": "output_layers", "output_layers": 1}, [HEADS, {"layers.2"}, set()]),
    ({"unfreeze_every": 1, "trainable": "heads_only"}, [HEADS, set(), set()]),
    ({"unfreeze_every": 1, "frozen_heads": ("entities",)}, [{"heads.sentiment"}, {"layers.2"}, {"layers.1"}]),
    ({"unfreeze_every": 1, "trainable": "none"}, [set(), set()]),
]


@pytest.mark.parametrize(("changes", "beginning"), UNFREEZING)
def test_rungs_begin_to_learn_from_the_heads_downward(
    model: MultiTaskModel, settings: Change, changes: dict[str, Any], beginning: list[set[str]]
) -> None:
    chosen = settings(**changes)
    groups = parameter_groups(model.train(), chosen)
    expected: set[str] = set()
    for epoch, names in enumerate(beginning):
        has_changed = set_learning_rungs(model, chosen, epoch)
        assert has_changed == bool(names) or epoch == 0
        expected |= names
        assert learning(model) == expected
        assert model.encoder.training == bool(expected - HEADS)
        assert not set_learning_rungs(model, chosen, epoch)
    assert [group["name"] for group in parameter_groups(model, chosen)] == [group["name"] for group in groups]


def test_unfreezing_is_a_function_of_the_epoch_alone(model: MultiTaskModel, settings: Change) -> None:
    chosen = settings(unfreeze_every=1)
    parameter_groups(model, chosen)
    assert not set_learning_rungs(model, chosen, 9)  # all learn already
    assert set_learning_rungs(model, chosen, 1)
    assert learning(model) == HEADS | {"layers.2"}


def test_nothing_changes_where_all_begin_at_once(model: MultiTaskModel, settings: Change) -> None:
    parameter_groups(model, settings())
    assert not set_learning_rungs(model, settings(), 0)
    assert learning(model) == HEADS | {"embeddings", "layers.0", "layers.1", "layers.2"}


def test_what_does_not_learn_loses_its_gradient(model: MultiTaskModel, settings: Change) -> None:
    parameter_groups(model, settings())
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    set_learning_rungs(model, settings(unfreeze_every=1), 0)
    with_gradient = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert with_gradient == {name for name, _ in model.named_parameters() if name.startswith("heads.")}


def test_an_encoder_that_waits_is_not_frozen(model: MultiTaskModel, settings: Change) -> None:
    chosen = settings(unfreeze_every=3)
    parameter_groups(model, chosen)
    set_learning_rungs(model, chosen, 0)
    assert learning(model) == HEADS
    assert not is_encoder_frozen(model, chosen)


def test_a_pretrained_pooler_begins_with_the_last_layer(checkpoint: Path, settings: Change) -> None:
    model = load_ours(checkpoint, pooling="pooler")
    chosen = settings(unfreeze_every=1)
    parameter_groups(model, chosen)
    for epoch, expected in ((0, HEADS), (1, HEADS | {"pooler", "layers.2"})):
        set_learning_rungs(model, chosen, epoch)
        assert learning(model) == expected
