"""From the file to typed params, or to errors that name the key, what was found and what is allowed.

The file is read as YAML 1.2, as DVC reads it: `1e-5` is a number and `yes`, `no` and `on` are words.
"""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import orjson
import yaml
from pydantic import TypeAdapter, ValidationError

from tandem.errors import TandemError
from tandem.params.checks import contradictions
from tandem.params.schema import Params


def load_params(path: Path) -> Params:
    """Load and check a params file.

    Raises `TandemError` naming `section.key`, what was found and what is allowed: for a file that is missing
    or not YAML, an unknown, missing or mistyped key, and sections that contradict each other.
    """
    document = _read_yaml(path)
    try:
        params = TypeAdapter(Params).validate_json(_as_json(path, document))
    except ValidationError as error:
        raise TandemError("\n".join(_explain(path, dict(item)) for item in error.errors())) from None
    found = contradictions(params)
    if found:
        raise TandemError("\n".join(f"{path.name}: {text}" for text in found))
    return params


def _as_json(path: Path, document: Any) -> bytes:
    try:
        return orjson.dumps(document, option=orjson.OPT_NON_STR_KEYS)
    except TypeError as error:
        raise TandemError(f"{path.name} must hold plain numbers, words, lists and sections: {error}") from None


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
    ("int", r"[-+]?[0-9]+(_[0-9]+)*", "-+0123456789"),
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
    except (yaml.YAMLError, ValueError, RecursionError) as error:
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
        return f"{path.name}: {location} is missing; add it (the project's own params.yaml shows every key)"
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
