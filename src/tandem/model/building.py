"""The model that training starts from: a pretrained encoder, or one from scratch, with new heads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from tandem.errors import TandemError
from tandem.model.encoder import EncoderConfig
from tandem.model.multitask import INITIAL_DEVIATION, HeadConfig, MultiTaskModel
from tandem.model.weights import load_encoder_weights, read_config
from tandem.params import Kind, Model

_SCRATCH_EPS = 1e-5


def build_model(
    checkpoint: Path | None,
    labels: Mapping[str, tuple[str, ...]],
    kinds: Mapping[str, Kind],
    settings: Model,
    *,
    seed: int,
) -> MultiTaskModel:
    """Copy the encoder's weights, or draw them without a checkpoint, and draw the heads' from `seed`.

    `labels[task]` are the names a head tells apart. Raises `TandemError` if the checkpoint is not one that Tandem can
    read.
    """
    heads = {task: HeadConfig(kind=kinds[task], n_labels=len(names)) for task, names in labels.items()}
    model = MultiTaskModel(
        encoder_config(checkpoint, settings),
        heads,
        pooling=settings.pooling,
        dropout=settings.dropout,
        encoder_dropout=settings.encoder_dropout,
    )
    generator = torch.Generator().manual_seed(seed)
    if checkpoint is None:
        draw_encoder(model, generator)
    else:
        load_encoder_weights(model, checkpoint)
    model.initialise_heads(generator)
    return model


def encoder_config(checkpoint: Path | None, settings: Model) -> EncoderConfig:
    """The encoder's sizes: the checkpoint's, or without one those of `model.scratch`."""
    if checkpoint is not None:
        return read_config(checkpoint)
    chosen = settings.scratch
    if chosen is None:
        raise TandemError("params.yaml: model.scratch is missing; `pretrained: none` needs its sizes")
    is_bert = chosen.norm == "post" and chosen.positions == "learnt"
    return EncoderConfig(
        vocabulary_size=chosen.vocabulary_size,
        hidden_width=chosen.hidden_width,
        n_layers=chosen.n_layers,
        n_heads=chosen.n_heads,
        feed_forward_width=chosen.feed_forward_width,
        max_positions=chosen.max_positions,
        n_segments=1 if chosen.positions == "learnt" else 0,
        norm_eps=_SCRATCH_EPS,
        pad_id=0,
        family="bert" if is_bert else None,
        activation=chosen.activation,
        norm=chosen.norm,
        positions=chosen.positions,
    )


def draw_encoder(model: MultiTaskModel, generator: torch.Generator) -> None:
    """Draw an encoder's weights: matrices as Glorot and Bengio 2010, whose scale follows the width, biases 0.

    Embeddings that are normalised begin as BERT's; the classic ones, scaled by the root of the width, at its inverse.
    """
    config = model.encoder.config
    deviation = INITIAL_DEVIATION if config.positions == "learnt" else config.hidden_width**-0.5
    for module in model.encoder.modules():
        if isinstance(module, nn.Linear):
            for part in module.weight.data.chunk(max(1, module.out_features // module.in_features)):
                nn.init.xavier_uniform_(part, generator=generator)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=deviation, generator=generator)
