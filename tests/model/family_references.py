"""A tiny random reference model of each family that Tandem knows, as transformers builds it."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, BertConfig, DistilBertConfig, ElectraConfig, RobertaConfig, XLMRobertaConfig

from tandem.model.multitask import MultiTaskModel
from tandem.model.weights import load_encoder_weights, read_config
from tests.model.references import HEADS, MAX_POSITIONS, randomise

SIZES = {
    "vocab_size": 97,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": MAX_POSITIONS,
}
AFTER_PAD = {**SIZES, "max_position_embeddings": MAX_POSITIONS + 2, "pad_token_id": 1, "type_vocab_size": 1}
DISTILLED = {
    "vocab_size": 97,
    "dim": 32,
    "n_layers": 3,
    "n_heads": 4,
    "hidden_dim": 48,
    "max_position_embeddings": MAX_POSITIONS,
}
CONFIGS = {
    "bert": lambda: BertConfig(**SIZES),
    "distilbert": lambda: DistilBertConfig(**DISTILLED),
    "roberta": lambda: RobertaConfig(**AFTER_PAD, layer_norm_eps=1e-5),
    "xlm-roberta": lambda: XLMRobertaConfig(**AFTER_PAD, layer_norm_eps=1e-5),
    "electra": lambda: ElectraConfig(**SIZES, embedding_size=16),
    "electra of one width": lambda: ElectraConfig(**SIZES, embedding_size=32),
    "bert with ReLU": lambda: BertConfig(**SIZES, hidden_act="relu"),
}


def write_family(name: str, folder: Path, *, seed: int = 0, **changes: Any) -> Path:
    """Write a random model of a family, its config changed, without a tokenizer."""
    config = CONFIGS[name]()
    config.update(changes)
    model = AutoModel.from_config(config)
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        randomise(module, generator)
    model.save_pretrained(folder)
    return folder


def load_family(folder: Path) -> MultiTaskModel:
    """Our model with the checkpoint's weights, its pooler if it has one, and a head of either kind."""
    model = MultiTaskModel(read_config(folder), HEADS, pooling="pooler", dropout=0.0, encoder_dropout=0.0)
    load_encoder_weights(model, folder)
    model.initialise_heads(torch.Generator().manual_seed(1))
    return model.eval()
