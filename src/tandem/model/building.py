"""The model that training starts from: a pretrained encoder with new heads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from tandem.model.multitask import HeadConfig, MultiTaskModel
from tandem.model.weights import load_encoder_weights, read_config
from tandem.params import Kind, Model


def build_model(
    pretrained: Path,
    labels: Mapping[str, tuple[str, ...]],
    kinds: Mapping[str, Kind],
    settings: Model,
    *,
    seed: int,
) -> MultiTaskModel:
    """Copy the encoder's weights and draw the heads' from `seed`; `labels[task]` are the names a head tells apart.

    Raises `TandemError` if the checkpoint is not one that Tandem can read.
    """
    heads = {task: HeadConfig(kind=kinds[task], n_labels=len(names)) for task, names in labels.items()}
    model = MultiTaskModel(
        read_config(pretrained),
        heads,
        pooling=settings.pooling,
        dropout=settings.dropout,
        encoder_dropout=settings.encoder_dropout,
    )
    load_encoder_weights(model, pretrained)
    model.initialise_heads(torch.Generator().manual_seed(seed))
    return model
