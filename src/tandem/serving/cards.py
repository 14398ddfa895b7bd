"""What a model's card must say for a text to be read as in training, checked before anything of it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from tandem.errors import TandemError

_REMEDY = "run `dvc repro` to train the model"


@dataclass(frozen=True, kw_only=True)
class CleanRules:
    """How texts were cleaned."""

    html: Literal["remove", "keep"]
    drop_characters: str | None


@dataclass(frozen=True, kw_only=True)
class ReadingCard:
    """Each task's labels, in the order of its head's outputs; the cleaning; how long texts are cut into windows."""

    labels: Mapping[str, tuple[str, ...]]
    clean: CleanRules
    max_length: Annotated[int, Field(ge=8)]
    stride: Annotated[int, Field(ge=0)]
    words_in_texts: bool  # words were tagged where they stand in running texts, rather than in lists of words


def read_card(folder: Path, card: Mapping[str, Any]) -> ReadingCard:
    """Check a model's card; raises `TandemError` if it lacks something, or is not as Tandem wrote it."""
    known = {field.name: card[field.name] for field in fields(ReadingCard) if field.name in card}
    for field in fields(ReadingCard):
        if field.name not in known:
            raise TandemError(f"{folder}/config.json: the card lacks {field.name!r}: {_REMEDY}")
    try:
        return TypeAdapter(ReadingCard).validate_python(known)
    except ValidationError as error:
        found = error.errors()[0]
        raise _refused(folder, f"{'.'.join(map(str, found['loc']))}: {found['msg']}") from error


def check_fit(folder: Path, card: ReadingCard, n_outputs: Mapping[str, int], max_positions: int | None) -> None:
    """Raise `TandemError` unless each head has an output for each label, and windows fit the positions, if known."""
    for task, count in n_outputs.items():
        if len(card.labels.get(task, ())) != count:
            raise _refused(folder, f"labels: {task} has {count} outputs and {len(card.labels.get(task, ()))} labels")
    if max_positions is not None and card.max_length > max_positions:
        raise _refused(folder, f"max_length: {card.max_length}, where the encoder has {max_positions} positions")


def _refused(folder: Path, what: str) -> TandemError:
    return TandemError(f"{folder}/config.json is not as Tandem wrote it (card.{what}): {_REMEDY}")
