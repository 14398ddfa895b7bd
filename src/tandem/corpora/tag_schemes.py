"""IOB2 tags of words: `B-x` begins an entity of type x, `I-x` continues it, `O` stands outside.

Inside Tandem every tag sequence is strict IOB2 (Tjong Kim Sang and Veenstra 1999): `I-x` only follows `B-x` or
`I-x` of the same type. `repair_iob2` makes it so; everything else relies on it.
"""

from __future__ import annotations

from collections.abc import Sequence


def spans_of(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Return the entities as (first word, word after the last, type), in order.

    An `I-x` that continues nothing belongs to no entity, as in seqeval's strict mode.
    """
    spans = []
    start, kind = 0, ""
    for position, tag in enumerate([*tags, "O"]):
        if kind and tag != f"I-{kind}":
            spans.append((start, position, kind))
            kind = ""
        if tag.startswith("B-"):
            start, kind = position, tag[2:]
    return spans


def repair_iob2(tags: Sequence[str]) -> tuple[tuple[str, ...], int]:
    """Turn each `I-x` that continues nothing into `B-x`; return the tags and how many were turned."""
    repaired = list(tags)
    turned = 0
    previous = "O"
    for position, tag in enumerate(tags):
        if tag[:2] == "I-" and previous[2:] != tag[2:]:
            repaired[position] = f"B-{tag[2:]}"
            turned += 1
        previous = tag
    return tuple(repaired), turned


def tag_names(types: Sequence[str]) -> tuple[str, ...]:
    """List the tags of some entity types: `O`, then `B-x` and `I-x` for each type in the order given."""
    return ("O", *(f"{prefix}-{kind}" for kind in types for prefix in "BI"))
