"""Tiny random reference models, and the comparison that the parity tests share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from tandem.model.encoder import Encoder, EncoderConfig
from tandem.model.multitask import HeadConfig, MultiTaskModel
from tandem.model.weights import load_encoder_weights, read_config

MAX_POSITIONS = 24
VOCABULARY = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "the",
    "film",
    "is",
    "quiet",
    "##ly",
    "good",
    "bad",
    ".",
    "anna",
    "paris",
]
BERT_BASE = EncoderConfig(
    vocabulary_size=30522,
    hidden_width=768,
    n_layers=12,
    n_heads=12,
    feed_forward_width=3072,
    max_positions=512,
    n_segments=2,
    norm_eps=1e-12,
    pad_id=0,
)
HEADS = {
    "sentiment": HeadConfig(kind="classification", n_labels=3),
    "entities": HeadConfig(kind="tagging", n_labels=5),
}


def random_reference(norm_eps: float = 1e-12, *, seed: int = 0) -> BertModel:
    """A BERT of three layers in which every weight matters: none is zero, one or symmetrical.

    The embeddings are as small as a real checkpoint's, so that LayerNorm's eps shows.
    """
    config = BertConfig(
        vocab_size=97,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=MAX_POSITIONS,
        layer_norm_eps=norm_eps,
    )
    model = BertModel(config)
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        randomise(module, generator)
    return model.eval()


def randomise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw a module's own weights anew."""
    scales = {nn.Embedding: (0.04,), nn.Linear: (0.3, 0.3), nn.LayerNorm: (0.2, 0.2)}
    for parameter, scale in zip(module.parameters(recurse=False), scales.get(type(module), ()), strict=True):
        nn.init.normal_(parameter, std=scale, generator=generator)
    if isinstance(module, nn.LayerNorm):
        module.weight.data += 1


def unfilled_bert_base() -> MultiTaskModel:
    """The sizes of bert-base-uncased with two classes and 17 tags, without a single number."""
    heads = {
        "sentiment": HeadConfig(kind="classification", n_labels=2),
        "entities": HeadConfig(kind="tagging", n_labels=17),
    }
    with torch.device("meta"):
        return MultiTaskModel(BERT_BASE, heads, pooling="mean", dropout=0.1, encoder_dropout=0.0)


def load_ours(folder: Path, pooling: str = "mean", **options: Any) -> MultiTaskModel:
    """Our model with the folder's weights, in evaluation mode."""
    options = {"dropout": 0.0, "encoder_dropout": 0.0, **options}
    model = MultiTaskModel(read_config(folder), HEADS, pooling=pooling, **options)
    load_encoder_weights(model, folder)
    model.initialise_heads(torch.Generator().manual_seed(1))
    return model.eval()


def scratch_model(**style: Any) -> MultiTaskModel:
    """Our model without a checkpoint, in some style, with random weights that all matter."""
    sizes = {"vocabulary_size": 97, "hidden_width": 32, "n_layers": 3, "n_heads": 4, "feed_forward_width": 48}
    rest = {"max_positions": MAX_POSITIONS, "n_segments": 1, "norm_eps": 1e-5, "pad_id": 0, "family": None}
    config = EncoderConfig(**{**sizes, **rest, **style})
    model = MultiTaskModel(config, HEADS, pooling="pooler", dropout=0.0, encoder_dropout=0.0)
    generator = torch.Generator().manual_seed(4)
    for module in model.modules():
        randomise(module, generator)
    return model.eval()


def random_batch(lengths: list[int], *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Random pieces of texts of these lengths, padded: (batch, seq) int64 and bool."""
    mask = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
    ids = torch.randint(4, 97, mask.shape, generator=torch.Generator().manual_seed(seed))
    return ids.masked_fill(~mask, 0), mask


@torch.no_grad()
def largest_difference(encoder: Encoder, reference: BertModel, ids: Tensor, mask: Tensor) -> float:
    """The largest absolute difference over the real pieces of all layers, to the reference's eager attention."""
    reference.set_attn_implementation("eager")
    theirs = reference(ids, mask.long(), output_hidden_states=True).hidden_states
    ours = encoder.layer_outputs(ids, mask)
    assert len(ours) == len(theirs)
    return max((our - their)[mask].abs().max().item() for our, their in zip(ours, theirs, strict=True))


Mutation = Callable[[Encoder], object]
