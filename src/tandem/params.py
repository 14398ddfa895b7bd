"""`params.yaml` as typed, frozen values: one class a section, checked when the file is loaded.

The file is read as YAML 1.2, as DVC reads it: `1e-5` is a number and `yes`, `no` and `on` are words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

import orjson
import yaml
from pydantic import BeforeValidator, ConfigDict, Field, Strict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from tandem.errors import TandemError

_STRICT = ConfigDict(extra="forbid", strict=True)

Kind = Literal["classification", "tagging"]
Probability = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Labels = Annotated[
    Annotated[tuple[str, ...], Strict(False)] | None,  # a validator hands on Python's list, not JSON's array
    BeforeValidator(lambda value: None if value == "auto" else value),
]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Corpus:
    """What a file holds and where: texts (`text`) or words (`words`), with labels and tags by task."""

    path: str
    format: Literal["auto", "xlsx"]
    text: str | None
    words: str | None
    sentence: str | None
    group: str | None
    labels: dict[str, str]
    tags: dict[str, str]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Task:
    """One head; `labels` is None for `auto` (learnt from the training split)."""

    kind: Kind
    labels: Labels
    scheme: Literal["iob2"] | None


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
    """Sizes of the parts: fractions of the texts where below 1, counts from 1 on."""

    valid: Annotated[float, Field(ge=0)]
    test: Annotated[float, Field(ge=0)]
    sample: Annotated[float, Field(gt=0, le=1)]
    stratify: bool


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
class Model:
    """The encoder and how a text's vector is read off it."""

    pretrained: Annotated[str, Field(min_length=1)]
    pooling: Literal["cls", "mean", "max", "pooler"]
    dropout: Probability
    encoder_dropout: Probability


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Train:
    """What learns, in which order, how fast."""

    schedule: Literal["combined", "separate"]
    trainable: Literal["none", "heads_only", "output_layers", "all", "all_adaptive"]
    output_layers: Count
    epochs: Count
    max_steps: Count | None
    batch_size: Count | dict[str, Count]
    learning_rate: Annotated[float, Field(gt=0)]
    adaptive_rates: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]
    weight_decay: Annotated[float, Field(ge=0)]
    warmup_ratio: Probability
    gradient_clipping: Annotated[float, Field(gt=0)]
    loss_weights: dict[str, Annotated[float, Field(ge=0)]]
    precision: Literal["float32", "bfloat16", "float16", "auto"]
    log_every: Count

    def batch_size_of(self, task: str) -> int:
        """How many texts of a task an optimizer step takes."""
        return self.batch_size if isinstance(self.batch_size, int) else self.batch_size[task]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Evaluate:
    """How predictions are read off the scores."""

    decoding: Literal["greedy"]


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
    parity_check: ParityCheck


def load_params(path: Path) -> Params:
    """Load and check a params file.

    Raises `TandemError` naming `section.key`, what was found and what is allowed: for a file that is missing
    or not YAML, an unknown, missing or mistyped key, and sections that contradict each other.
    """
    document = _read_yaml(path)
    try:
        params = TypeAdapter(Params).validate_json(orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS))
    except ValidationError as error:
        raise TandemError("\n".join(_explain(path, dict(item)) for item in error.errors())) from None
    contradictions = list(_contradictions(params))
    if contradictions:
        raise TandemError("\n".join(f"{path.name}: {text}" for text in contradictions))
    return params


class _Yaml12(yaml.SafeLoader):
    """YAML 1.2's core schema, without duplicate keys."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own shape

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that stands twice, where PyYAML would keep the last in silence."""
        names = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if names.count(key.value) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} twice", key.start_mark)
        return super().construct_mapping(node, deep)


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9][0-9_]*", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
):
    _Yaml12.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))
_Yaml12.add_constructor("tag:yaml.org,2002:int", lambda _, node: int(node.value))  # 010 is ten, not octal


def _read_yaml(path: Path) -> Any:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Yaml12)
    except FileNotFoundError:
        raise TandemError(f"{path} is missing: run from the project's root, where it lies") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TandemError(f"{path.name} is not valid YAML: {error}") from None
    if not isinstance(document, dict):
        raise TandemError(f"{path.name} must hold sections such as `train:`, got {document!r}")
    return document


def _explain(path: Path, error: dict[str, Any]) -> str:
    """Turn one of pydantic's complaints into: file, key, what is expected, what was found."""
    location = ".".join(_keys_of(error["loc"]))
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        allowed = ", ".join(_names_at(_keys_of(error["loc"])[:-1]))
        return f"{path.name}: {location} is not a known key; allowed here: {allowed}"
    if error["type"] in ("missing", "missing_argument"):
        return f"{path.name}: {location} is missing; add it (the README's params.yaml shows every key)"
    expected = re.sub(r"^Input should (be|have)", lambda match: f"must {match[1]}", error["msg"])
    return f"{path.name}: {location} {expected}, got {error['input']!r}"


def _keys_of(location: tuple[str | int, ...]) -> list[str]:
    """The location without pydantic's own marks of which alternative of a union it tried."""
    return [str(step) for step in location if not re.search(r"\[|constrained-", str(step))]


def _names_at(location: list[str]) -> list[str]:
    """The keys that the section at `location` knows."""
    kind: Any = Params
    for step in location:
        kind = get_type_hints(kind)[step] if is_dataclass(kind) else get_args(kind)[-1]
    return [field.name for field in fields(kind)]


def _contradictions(params: Params) -> list[str]:
    """What each section allows, but not together."""
    return [
        *(
            text
            for name, corpus in params.corpora.items()
            for text in _corpus_contradictions(name, corpus, params.tasks)
        ),
        *(text for name, task in params.tasks.items() for text in _task_contradictions(name, task, params.corpora)),
        *_number_contradictions(params),
    ]


def _corpus_contradictions(name: str, corpus: Corpus, tasks: Mapping[str, Task]) -> list[str]:
    found = []
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        found.append(f"corpora.{name}: a name may hold letters, digits, '-' and '_' alone")
    if (corpus.text is None) == (corpus.words is None):
        found.append(f"corpora.{name} must name a column in exactly one of `text` and `words`")
    if corpus.words is not None and corpus.sentence is None:
        found.append(f"corpora.{name}.sentence is missing: the column that marks a sentence's first row")
    if corpus.tags and corpus.words is None:
        found.append(f"corpora.{name}.tags needs `words`: tags belong to words")
    for key, columns, kind in (("labels", corpus.labels, "classification"), ("tags", corpus.tags, "tagging")):
        for task in columns:
            if task not in tasks:
                found.append(f"corpora.{name}.{key}.{task} is not a task; tasks: {', '.join(tasks)}")
            elif tasks[task].kind != kind:
                found.append(f"corpora.{name}.{key}.{task} must be a {kind} task, got {tasks[task].kind}")
    return found


def _task_contradictions(name: str, task: Task, corpora: Mapping[str, Corpus]) -> list[str]:
    found = []
    if not any(name in {**corpus.labels, **corpus.tags} for corpus in corpora.values()):
        found.append(f"tasks.{name} has no corpus: name its column in corpora.<name>.labels or .tags")
    if task.labels is not None and len(set(task.labels)) < len(task.labels):
        found.append(f"tasks.{name}.labels must not repeat a label, got {list(task.labels)}")
    if task.kind == "classification" and task.labels is not None and len(task.labels) < 2:
        found.append(f"tasks.{name}.labels must list at least two labels, got {list(task.labels)}")
    if task.kind == "tagging":
        prefixed = [label for label in task.labels or () if label == "O" or label[:2] in ("B-", "I-")]
        if prefixed:
            found.append(f"tasks.{name}.labels must list entity types without B- and I-, and no O, got {prefixed}")
        if task.scheme is None:
            found.append(f"tasks.{name}.scheme must be iob2, got null")
    return found


def _number_contradictions(params: Params) -> list[str]:
    found = []
    if params.split.valid < 1 and params.split.test < 1 and params.split.valid + params.split.test >= 1:
        found.append("split.valid and split.test must leave texts for training: their sum must be below 1")
    if params.tokenize_align.stride > params.tokenize_align.max_length // 2:
        found.append(
            f"tokenize_align.stride must be at most half of max_length ({params.tokenize_align.max_length // 2}), "
            f"got {params.tokenize_align.stride}"
        )
    for key in ("batch_size", "loss_weights"):
        value = getattr(params.train, key)
        if isinstance(value, dict) and set(value) != set(params.tasks):
            given = ", ".join(value) or "none"
            found.append(f"train.{key} must have a number for each task ({', '.join(params.tasks)}), got {given}")
    if not any(params.train.loss_weights.values()):
        found.append("train.loss_weights must not all be 0")
    if params.train.adaptive_rates[0] > params.train.adaptive_rates[1]:
        found.append(f"train.adaptive_rates must be [lowest, highest], got {list(params.train.adaptive_rates)}")
    return found
