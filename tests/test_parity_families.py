"""The ladder on tiny random models of every family and style: equal ones climb it, wrong ones fall at a named rung."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tandem.model import layouts
from tandem.model.encoder import FeedForward
from tandem.model.multitask import MultiTaskModel
from tandem.parity.batches import of_lengths
from tandem.parity.comparison import Comparison, compare
from tandem.parity.reference import Batch, Reference, TorchReference, TransformersReference
from tests.model.family_references import CONFIGS, load_family, write_family
from tests.model.references import MAX_POSITIONS, scratch_model

TOLERANCE = 1e-5
STYLES = {
    "classic": {"norm": "post", "positions": "sinusoidal", "activation": "relu", "n_segments": 0},
    "pre-norm": {"norm": "pre", "positions": "learnt", "activation": "gelu"},
    "pre-norm with waves": {"norm": "pre", "positions": "sinusoidal", "activation": "gelu", "n_segments": 0},
    "post-norm with ReLU": {"norm": "post", "positions": "learnt", "activation": "relu"},
}
SUBJECTS = [*CONFIGS, *STYLES]
KINDS = ["bert", "distilbert", "roberta", "xlm-roberta", "electra", "classic", "pre-norm"]

Pair = tuple[MultiTaskModel, Reference]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    written: dict[str, Path] = {}

    def find(name: str) -> Path:
        return written.setdefault(name, written.get(name) or write_family(name, tmp_path_factory.mktemp("family")))

    return find


@pytest.fixture
def pair(request: pytest.FixtureRequest, checkpoints: Callable[[str], Path]) -> Pair:
    """Our model and its reference, by the name of a family or a style."""
    if request.param in STYLES:
        model = scratch_model(**STYLES[request.param])
        return model, TorchReference(model)
    folder = checkpoints(request.param)
    model = load_family(folder)
    return model, TransformersReference(folder, model)


def batch(lengths: list[int], model: MultiTaskModel) -> Batch:
    pieces = torch.randint(4, 97, (400,), generator=torch.Generator().manual_seed(sum(lengths)))
    return of_lengths(lengths, [pieces.tolist()], model.encoder.config.pad_id)


def climb(pair: Pair, *batches: list[int]) -> Comparison:
    made = [batch(lengths, pair[0]) for lengths in batches]
    return compare(*pair, made, learnt_from=made[0])


every_family = pytest.mark.parametrize("pair", SUBJECTS, indirect=True)
every_kind = pytest.mark.parametrize("pair", KINDS, indirect=True)


@every_family
def test_every_rung_holds(pair: Pair) -> None:
    """Every length up to the longest, padded together and alone; by every route and in either order."""
    lengths = list(range(MAX_POSITIONS, 0, -1))
    found = climb(pair, lengths, [11, 11, 11], *([length] for length in lengths))
    assert found.first_failure(TOLERANCE) is None
    rungs = list(found.differences)
    assert rungs[:3] == ["ids", "embeddings", "layer_01"]
    assert rungs[-5:] == ["logits.sentiment", "logits.entities", "loss", "gradients", "step"]
    assert {"layer_03", "tokens", "cls", "mean", "max", "pooler"} <= set(rungs)
    assert found.min_cosine > 0.999999
    assert found.bfloat16 <= 2 * found.bfloat16_reference


def wrong_eps(model: MultiTaskModel) -> None:
    for module in model.encoder.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = 1e-3


def swapped_query_and_key(model: MultiTaskModel) -> None:
    for layer in model.encoder.layers:
        query, key, value = layer.attention.query_key_value.weight.data.chunk(3)
        layer.attention.query_key_value.weight.data = torch.cat([key, query, value])


def position_off_by_one(model: MultiTaskModel) -> None:
    real = model.encoder.embeddings.forward
    model.encoder.embeddings.forward = lambda ids, positions, draws=None: real(
        ids, (positions + 1) % MAX_POSITIONS, draws
    )


def missing_bias(model: MultiTaskModel) -> None:
    model.encoder.layers[1].attention.output.bias.data.zero_()


def wrong_pooling(model: MultiTaskModel) -> None:
    model.pool = lambda hidden, mask: hidden.mean(dim=1)


def wrong_head(model: MultiTaskModel) -> None:
    model.apply_head = lambda task, vectors, identities=None: model.heads[task].linear(vectors) * 1.1


def other_gradient(model: MultiTaskModel) -> None:
    """What comes out is right, what goes back is not."""
    model.encoder.layers[1].attention.output.register_forward_hook(
        lambda module, inputs, output: output * 0.5 + (output * 0.5).detach()
    )


MUTATIONS = {
    "wrong eps": (wrong_eps, ("embeddings", "layer_01")),
    "swapped query and key": (swapped_query_and_key, ("layer_01",)),
    "position off by one": (position_off_by_one, ("embeddings",)),
    "missing bias": (missing_bias, ("layer_02",)),
    "wrong pooling": (wrong_pooling, ("pooler",)),
    "wrong head": (wrong_head, ("logits.sentiment",)),
    "wrong gradient": (other_gradient, ("gradients",)),
}


@every_kind
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_wrong_encoder_fails_at_its_rung(pair: Pair, name: str) -> None:
    mutate, places = MUTATIONS[name]
    mutate(pair[0])
    failure = climb(pair, [7, 1, 19, 4]).first_failure(TOLERANCE)
    assert failure is not None
    assert failure[0] in places
    assert failure[1] > 5 * TOLERANCE


REAL_INIT = layouts.Padded.__init__


def forget_the_mask(layout: layouts.Padded, mask: Tensor, draws: None = None) -> None:
    REAL_INIT(layout, torch.ones_like(mask), draws)


@every_kind
@pytest.mark.parametrize("place", ["padded", "in blocks"])
def test_a_missing_mask_fails_in_the_first_layer(pair: Pair, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if place == "padded":
        monkeypatch.setattr(layouts.Padded, "__init__", forget_the_mask)
    else:
        monkeypatch.setattr(layouts, "_bias", lambda attended: None)
    failure = climb(pair, [7, 1, 19, 18]).first_failure(TOLERANCE)
    assert failure is not None
    assert failure[0] == "layer_01"


@pytest.mark.parametrize("pair", [name for name in KINDS if name != "classic"], indirect=True)
def test_a_tanh_gelu_fails_in_the_first_layer(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    tanh = partial(functional.gelu, approximate="tanh")
    monkeypatch.setattr(FeedForward, "forward", lambda self, hidden: self.outer(tanh(self.inner(hidden))))
    failure = climb(pair, [7, 1, 19, 4]).first_failure(TOLERANCE)
    assert failure is not None
    assert failure[0] == "layer_01"


def test_other_ids_fail_first(checkpoints: Callable[[str], Path]) -> None:
    model = load_family(checkpoints("bert"))
    made = batch([4], model)
    reference = TransformersReference(checkpoints("bert"), model)
    found = compare(model, reference, [made], learnt_from=made, differing_ids=2)
    assert found.first_failure(TOLERANCE) == ("ids", 2.0)


def test_half_precision_has_a_band(checkpoints: Callable[[str], Path]) -> None:
    model = load_family(checkpoints("bert"))
    found = climb((model, TransformersReference(checkpoints("bert"), model)), [5, 9])
    assert 1e-4 < found.bfloat16 < 0.05
    assert found.as_dict()["bfloat16"]["band"] == 0.05


@pytest.mark.parametrize("pair", ["bert", "classic"], indirect=True)
def test_the_model_is_left_as_it_was(pair: Pair) -> None:
    model = pair[0]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    climb(pair, [3, 5])
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert not model.training
