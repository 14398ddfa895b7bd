"""What our encoder is held against: transformers' model of the same checkpoint, or torch's own Transformer encoder.

Shapes: batch, seq, hidden.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from tokenizers.pre_tokenizers import ByteLevel
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging

from tandem.model.multitask import MultiTaskModel
from tandem.model.weights import weight_names


class Batch(NamedTuple):
    """Pieces of some texts: ids (batch, seq) int64 and mask (batch, seq) bool."""

    ids: Tensor
    mask: Tensor


class Reference(Protocol):
    """An encoder that is not ours; `names` says which of its parameters one of ours stacks; `pooler` may be missing."""

    module: nn.Module
    names: Mapping[str, tuple[str, ...]]
    pooler: nn.Module | None

    def layer_outputs(self, batch: Batch, *, is_fused: bool) -> list[Tensor]:
        """What the embeddings and every layer give: 1 + n_layers of (batch, seq, hidden)."""


class TransformersReference:
    """The model that transformers loads from a checkpoint."""

    def __init__(self, folder: Path, model: MultiTaskModel) -> None:
        with quiet_transformers():
            found = AutoModel.from_pretrained(folder, dtype=torch.float32, local_files_only=True, use_safetensors=True)
        self.module: Any = found.eval()
        self.pooler = getattr(self.module, "pooler", None) if model.pooler is not None else None
        self.names: Mapping[str, tuple[str, ...]] = dict(
            weight_names(model.encoder.config, has_pooler=self.pooler is not None)
        )

    def layer_outputs(self, batch: Batch, *, is_fused: bool) -> list[Tensor]:
        """By the attention that is the like of ours: `sdpa` or `eager`."""
        self.module.set_attn_implementation("sdpa" if is_fused else "eager")
        return list(self.module(batch.ids, batch.mask.long(), output_hidden_states=True).hidden_states)


class TorchReference:
    """torch.nn.TransformerEncoder with our weights, and embeddings written out: for encoders from scratch."""

    def __init__(self, model: MultiTaskModel) -> None:
        config = self.config = model.encoder.config
        self.pooler: nn.Module | None = None
        norms = [nn.LayerNorm(config.hidden_width, eps=config.norm_eps) for _ in range(2)]
        layer = nn.TransformerEncoderLayer(
            config.hidden_width,
            config.n_heads,
            config.feed_forward_width,
            dropout=0.0,
            activation=config.activation,
            layer_norm_eps=config.norm_eps,
            batch_first=True,
            norm_first=config.norm == "pre",
        )
        last_norm = norms[0] if config.norm == "pre" else None
        encoder = nn.TransformerEncoder(layer, config.n_layers, last_norm, enable_nested_tensor=False)
        self.module: Any = nn.ModuleDict({"encoder": encoder, "norm": norms[1]}).eval()
        own = {name: weight for name, weight in model.named_parameters() if name.startswith("encoder.")}
        for name in ("pieces", "positions", "segments"):
            if (table := own.get(f"encoder.embeddings.{name}.weight")) is not None:
                self.module[name] = nn.Embedding(*table.shape)
        self.names: Mapping[str, tuple[str, ...]] = {name: (_torch_name(name),) for name in own}
        theirs = dict(self.module.named_parameters())
        for name, weight in own.items():
            theirs[_torch_name(name)].data.copy_(weight.data)

    def layer_outputs(self, batch: Batch, *, is_fused: bool) -> list[Tensor]:
        """Layer by layer; there is one attention, whether `is_fused` or not."""
        del is_fused
        outputs, encoder = [self._embedded(batch)], self.module["encoder"]
        with _step_by_step():
            for layer in encoder.layers:
                outputs.append(layer(outputs[-1], src_key_padding_mask=~batch.mask))
        if encoder.norm is not None:
            outputs[-1] = encoder.norm(outputs[-1])
        return outputs

    def _embedded(self, batch: Batch) -> Tensor:
        pieces: Tensor = self.module["pieces"](batch.ids)  # (batch, seq, hidden)
        places = torch.arange(batch.ids.shape[1])
        if self.config.positions == "sinusoidal":
            root: float = self.config.hidden_width**0.5
            return pieces * root + _table(places, pieces)
        segments = self.module["segments"](torch.zeros_like(batch.ids))
        summed = pieces + segments + self.module["positions"](places)
        normed: Tensor = self.module["norm"](summed)
        return normed


def _table(places: Tensor, like: Tensor) -> Tensor:
    """The waves of Vaswani et al. 2017, 3.5, channel by channel: (seq) in, (seq, hidden) out."""
    width = like.shape[-1]
    columns = []
    for channel in range(width):
        angles = places.double() / 10_000 ** (2 * (channel // 2) / width)
        columns.append(angles.cos() if channel % 2 else angles.sin())
    return torch.stack(columns, dim=-1).to(like.dtype)


_TORCH_NAMES = (
    ("attention.query_key_value.", "self_attn.in_proj_"),
    ("attention.output.", "self_attn.out_proj."),
    ("attention_norm.", "norm1."),
    ("feed_forward.inner.", "linear1."),
    ("feed_forward.outer.", "linear2."),
    ("feed_forward_norm.", "norm2."),
)


def _torch_name(name: str) -> str:
    """Where torch.nn.TransformerEncoder, or what was written out around it, keeps one of our weights."""
    for ours, theirs in _TORCH_NAMES:
        name = name.replace(ours, theirs)
    return name.replace("encoder.embeddings.", "").replace("encoder.final_norm.", "encoder.norm.")


def reference_ids(folder: Path, texts: list[str]) -> list[list[int]]:
    """The ids that transformers' tokenizer of a checkpoint gives whole texts, special ones included."""
    with quiet_transformers():
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        if isinstance(tokenizer.backend_tokenizer.pre_tokenizer, ByteLevel):  # asked for what Tandem asks for
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, add_prefix_space=True)
        return tokenizer(texts, truncation=False)["input_ids"] if texts else []


@contextmanager
def _step_by_step() -> Iterator[None]:
    """Keep torch's encoder from a kernel of its own that adds up in another order when nothing is learnt."""
    was_enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(was_enabled)


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers from reporting on what it loads."""
    verbosity, has_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if has_bars:
            logging.enable_progress_bar()
