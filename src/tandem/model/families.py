"""The families of checkpoints that Tandem reads and writes: what each calls our weights and settings, as data.

A row of a map is one of our names and those of theirs that it stacks along the first dimension, in the order given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Names = tuple[str, tuple[str, ...]]
Pairs = tuple[tuple[str, str], ...]

_CONSTANTS = r"embeddings\.(position_ids|token_type_ids)"  # 0, 1, 2, ... and 0, 0, 0, ...
_POOLER = r"pooler\.dense\.(weight|bias)"  # mapped where the pooling wants it


@dataclass(frozen=True, kw_only=True)
class Family:
    """A reversible map of weights and of the settings in `config.json`.

    `prefix` may stand before their names; `layers` is what their layers' names begin with; `projection` is mapped
    where the embeddings are narrower than the layers. `dropped` matches the weights that the encoder has no use for.
    `sizes` and `choices` pair our settings with theirs; `constants` are ours that theirs do not state; `fixed` are
    theirs that must hold, if stated.
    """

    architecture: str
    prefix: str
    embeddings: tuple[Names, ...]
    layers: str
    layer: tuple[Names, ...]
    pooler: tuple[Names, ...] = ()
    projection: tuple[Names, ...] = ()
    dropped: re.Pattern[str]
    sizes: Pairs
    choices: Pairs
    constants: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    counts_positions_from_pad: bool = False  # the first position's row is the one after that of the padding's id


BERT = Family(
    architecture="BertModel",
    prefix="bert.",
    embeddings=(
        ("encoder.embeddings.pieces.weight", ("embeddings.word_embeddings.weight",)),
        ("encoder.embeddings.positions.weight", ("embeddings.position_embeddings.weight",)),
        ("encoder.embeddings.segments.weight", ("embeddings.token_type_embeddings.weight",)),
        ("encoder.embeddings.norm", ("embeddings.LayerNorm",)),
    ),
    layers="encoder.layer.",
    layer=(
        ("attention.query_key_value", ("attention.self.query", "attention.self.key", "attention.self.value")),
        ("attention.output", ("attention.output.dense",)),
        ("attention_norm", ("attention.output.LayerNorm",)),
        ("feed_forward.inner", ("intermediate.dense",)),
        ("feed_forward.outer", ("output.dense",)),
        ("feed_forward_norm", ("output.LayerNorm",)),
    ),
    pooler=(("pooler", ("pooler.dense",)),),
    dropped=re.compile(rf"{_CONSTANTS}|{_POOLER}|(cls|classifier|qa_outputs|dropout)\..*"),  # heads of other training
    sizes=(
        ("vocabulary_size", "vocab_size"),
        ("hidden_width", "hidden_size"),
        ("n_layers", "num_hidden_layers"),
        ("n_heads", "num_attention_heads"),
        ("feed_forward_width", "intermediate_size"),
        ("max_positions", "max_position_embeddings"),
        ("n_segments", "type_vocab_size"),
        ("norm_eps", "layer_norm_eps"),
        ("pad_id", "pad_token_id"),
    ),
    choices=(("activation", "hidden_act"),),
    fixed={"position_embedding_type": "absolute", "is_decoder": False},
)

ROBERTA = replace(
    BERT,
    architecture="RobertaModel",
    prefix="roberta.",
    dropped=re.compile(rf"{_CONSTANTS}|{_POOLER}|(lm_head|classifier|qa_outputs)\..*"),
    counts_positions_from_pad=True,
)

ELECTRA = replace(
    BERT,
    architecture="ElectraModel",
    prefix="electra.",
    pooler=(),
    projection=(("encoder.embeddings.projection", ("embeddings_project",)),),
    dropped=re.compile(
        rf"{_CONSTANTS}|(discriminator_predictions|generator_predictions|generator_lm_head|classifier|qa_outputs)\..*"
    ),
    sizes=(*BERT.sizes, ("embedding_width", "embedding_size")),
)

DISTILBERT = Family(
    architecture="DistilBertModel",
    prefix="distilbert.",
    embeddings=tuple(row for row in BERT.embeddings if "segments" not in row[0]),
    layers="transformer.layer.",
    layer=(
        ("attention.query_key_value", ("attention.q_lin", "attention.k_lin", "attention.v_lin")),
        ("attention.output", ("attention.out_lin",)),
        ("attention_norm", ("sa_layer_norm",)),
        ("feed_forward.inner", ("ffn.lin1",)),
        ("feed_forward.outer", ("ffn.lin2",)),
        ("feed_forward_norm", ("output_layer_norm",)),
    ),
    dropped=re.compile(
        rf"{_CONSTANTS}|(vocab_transform|vocab_layer_norm|vocab_projector|pre_classifier|classifier|qa_outputs)\..*"
    ),
    sizes=(
        ("vocabulary_size", "vocab_size"),
        ("hidden_width", "dim"),
        ("n_layers", "n_layers"),
        ("n_heads", "n_heads"),
        ("feed_forward_width", "hidden_dim"),
        ("max_positions", "max_position_embeddings"),
        ("pad_id", "pad_token_id"),
    ),
    choices=(("activation", "activation"),),
    constants={"n_segments": 0, "norm_eps": 1e-12},
)

FAMILIES: Mapping[str, Family] = {
    "bert": BERT,
    "distilbert": DISTILBERT,
    "roberta": ROBERTA,
    "xlm-roberta": replace(ROBERTA, architecture="XLMRobertaModel"),
    "electra": ELECTRA,
}
