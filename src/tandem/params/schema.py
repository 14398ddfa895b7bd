"""The sections of `params.yaml` as typed, frozen values: one class a section."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, Strict
from pydantic.dataclasses import dataclass

from tandem.errors import TandemError

_STRICT = ConfigDict(extra="forbid", strict=True)

Kind = Literal["classification", "tagging"]
Format = Literal["auto", "xlsx", "csv", "tsv", "json", "jsonl", "conll", "conllu", "wikiner", "parallel", "folders"]
FieldName = Annotated[str, Field(min_length=1)] | int
Probability = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]
Names = Annotated[tuple[str, ...], Strict(False)]
Labels = Annotated[
    Annotated[tuple[str, ...], Strict(False)] | None,  # a validator hands on Python's list, not JSON's array
    BeforeValidator(lambda value: None if value == "auto" else value),
]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Corpus:
    """What a file holds and where: texts (`text`) or words (`words`), with labels, tags and spans by task.

    A field is a column's or a key's name, or a column's number (0 is the first, -1 the last). The keys with a
    default may be left out of the params.
    """

    path: str
    format: Format
    text: FieldName | Annotated[tuple[FieldName, ...], Strict(False), Field(min_length=1)] | None
    words: FieldName | None
    sentence: FieldName | None
    group: FieldName | None
    labels: dict[str, FieldName]
    tags: dict[str, FieldName]
    spans: dict[str, FieldName] = field(default_factory=dict)
    splits: dict[Literal["train", "valid", "test"], str] | None = None
    map: dict[str, dict[str, str]] = field(default_factory=dict)
    without: Names = ()
    columns: Names | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    encoding: str | None = None

    def kinds(self) -> dict[str, Kind]:
        """The kind of every task that the corpus serves."""
        tagging: dict[str, Kind] = dict.fromkeys((*self.tags, *self.spans, *self.without), "tagging")
        return {**dict.fromkeys(self.labels, "classification"), **tagging}


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Task:
    """One head; `labels` is None for `auto` (learnt from the training split)."""

    kind: Kind
    labels: Labels
    scheme: Literal["auto", "iob1", "iob2", "bilou", "io"] | None


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Clean:
    """What cleaning does with blemishes; all of it is counted."""

    html: Literal["remove", "keep"]
    drop_characters: str | None
    unknown_label: Literal["drop", "error"]
    unknown_tag: Literal["drop", "error"]
    illegal_tags: Literal["repair", "error"]
    missing_word: Literal["drop_row", "drop_sentence", "error"]
    missing_tag: Literal["drop_sentence", "outside", "error"]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Split:
    """Sizes of the parts: fractions of the texts where below 1, counts from 1 on; and what they are drawn by."""

    valid: Annotated[float, Field(ge=0)]
    test: Annotated[float, Field(ge=0)]
    sample: Annotated[float, Field(gt=0, le=1)]
    stratify: bool
    seed: Annotated[int, Field(ge=0)]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class TokenizeAlign:
    """Windows of pieces, and which pieces of a word carry its tag."""

    max_length: Annotated[int, Field(ge=8)]
    stride: Annotated[int, Field(ge=0)]
    long_texts: Literal["windows", "cut"]
    subwords: Literal["first", "all"]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class HardwareProbe:
    """Limits on what the machine may choose for itself."""

    device: Literal["auto", "cuda", "mps", "cpu"]
    memory_fraction: Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Scratch:
    """The sizes and the style of an encoder that begins from scratch."""

    vocabulary_size: Annotated[int, Field(ge=32)]
    lower_case: bool
    hidden_width: Count
    n_heads: Count
    n_layers: Count
    feed_forward_width: Count
    max_positions: Annotated[int, Field(ge=8)]
    norm: Literal["post", "pre"]
    positions: Literal["learnt", "sinusoidal"]
    activation: Literal["gelu", "relu"]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Model:
    """The encoder and how a text's vector is read off it; `scratch` only counts where `pretrained` is `none`."""

    pretrained: Annotated[str, Field(min_length=1)]
    pooling: Literal["cls", "mean", "max", "pooler"]
    dropout: Probability
    encoder_dropout: Probability
    scratch: Scratch | None = None

    @property
    def from_scratch(self) -> Scratch | None:
        """What an encoder from scratch is like; None where it is a pretrained one."""
        return self.scratch if self.pretrained == "none" else None


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Train:
    """What learns, in which order, how fast."""

    schedule: Literal["combined", "separate", "alternating", "random", "proportional", "temperature"]
    temperature: Annotated[float, Field(ge=0)]
    epochs: Annotated[int, Field(ge=1, le=100_000)]
    epoch_steps: Count | None
    max_steps: Count | None
    patience: Count | None
    select_by: str
    batch_size: Count | dict[str, Count]
    length_pool: Count
    trainable: Literal["none", "heads_only", "output_layers", "all", "all_adaptive"]
    output_layers: Count
    frozen_heads: Names
    unfreeze_every: Count | None
    learning_rate: Rate
    head_learning_rate: Rate | None
    layer_decay: Annotated[float, Field(gt=0, le=1)]
    adaptive_rates: tuple[Rate, Rate]
    rate_schedule: Literal["linear", "cosine", "constant"]
    warmup_ratio: Probability
    weight_decay: Annotated[float, Field(ge=0)]
    gradient_clipping: Annotated[float, Field(gt=0)]
    loss_weights: Literal["uncertainty"] | dict[str, Annotated[float, Field(ge=0)]]
    uncertainty_rate: Rate
    class_weights: dict[str, Literal["balanced"] | dict[str, Annotated[float, Field(gt=0)]]]
    label_smoothing: Probability | dict[str, Probability]
    precision: Literal["float32", "bfloat16", "float16", "auto"]
    gradient_checkpointing: bool
    deterministic: bool
    checkpoint_every: Count
    checkpoints_kept: Count
    log_every: Count

    def batch_size_of(self, task: str) -> int:
        """How many texts of a task an optimizer step takes at most."""
        return self.batch_size if isinstance(self.batch_size, int) else self.batch_size[task]

    def label_smoothing_of(self, task: str) -> float:
        """The share of a task's answers that is spread over all its labels."""
        return self.label_smoothing if isinstance(self.label_smoothing, float) else self.label_smoothing[task]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Evaluate:
    """How predictions are read off the scores, how sure they are, and how much is passed over."""

    decoding: Literal["greedy", "viterbi"]
    calibration: Literal["none", "temperature"]
    target_recall: dict[str, Annotated[float, Field(gt=0, le=1)]] | None
    recall_of: Literal["words", "entities"]

    @property
    def needs_valid(self) -> bool:
        """Whether anything is chosen on the valid split."""
        return self.calibration != "none" or bool(self.target_recall)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Twins:
    """Which tasks are trained alone as well, and for how many steps."""

    tasks: Names
    steps: Literal["shared", "own"]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ParityCheck:
    """What is compared with the reference, and how close it must be."""

    tolerance: Annotated[float, Field(gt=0)]
    texts: Count
    sentences: Annotated[tuple[str, ...], Field(min_length=2)]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Params:
    """The whole of `params.yaml`."""

    seed: Annotated[int, Field(ge=0)]
    corpora: Annotated[dict[str, Corpus], Field(min_length=1)]
    tasks: Annotated[dict[str, Task], Field(min_length=1)]
    clean: Clean
    split: Split
    tokenize_align: TokenizeAlign
    hardware_probe: HardwareProbe
    model: Model
    train: Train
    evaluate: Evaluate
    twins: Twins
    parity_check: ParityCheck

    def corpus(self, name: str) -> Corpus:
        """The section of one corpus; raises `TandemError` if there is none of that name."""
        if name not in self.corpora:
            raise TandemError(f"params.yaml has no corpora.{name}; there are {', '.join(self.corpora)}")
        return self.corpora[name]
