"""What the model says of a text, as plain typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The likeliest class of a text, and the probabilities of all classes, in the order of the head."""

    label: str
    probability: float
    probabilities: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Entity:
    """The characters from `start` up to, not including, `end` of the text as it was given.

    `score` is the mean probability of its words' tags.
    """

    start: int
    end: int
    label: str
    text: str
    score: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """All tasks' answers for one text: a class for each classification, entities in order for each tagging."""

    text: str
    classes: Mapping[str, Choice]
    entities: Mapping[str, tuple[Entity, ...]]

    def redacted(self) -> str:
        """The text with all entities of all tasks replaced by their labels in brackets; overlapping ones are one."""
        parts, last = [], 0
        found = sorted((one for several in self.entities.values() for one in several), key=lambda one: one.start)
        for entity in found:
            if entity.start >= last:
                parts += [self.text[last : entity.start], f"[{entity.label}]"]
            last = max(last, entity.end)
        return "".join([*parts, self.text[last:]])

    def as_row(self, *, all_classes: bool = False, redacts: bool = False) -> dict[str, Any]:
        """The answer as JSON values, floats to six digits; redacted, it holds nothing that an entity says."""
        classes = {task: _choice(choice, all_classes) for task, choice in self.classes.items()}
        if redacts:
            return {"text": self.redacted(), "classes": classes}
        entities = {task: [_entity(entity) for entity in several] for task, several in self.entities.items()}
        return {"text": self.text, "classes": classes, "entities": entities}


def _choice(choice: Choice, all_classes: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"label": choice.label, "probability": round(choice.probability, 6)}
    if all_classes:
        row["probabilities"] = {label: round(value, 6) for label, value in choice.probabilities.items()}
    return row


def _entity(entity: Entity) -> dict[str, Any]:
    return {
        "start": entity.start,
        "end": entity.end,
        "label": entity.label,
        "text": entity.text,
        "score": round(entity.score, 6),
    }
