"""Tags of words, one a word: `O` stands outside; how an entity of type x is written depends on the scheme.

- `iob2`: `B-x` begins, `I-x` continues (Tjong Kim Sang and Veenstra 1999).
- `iob1`: `I-x` throughout; `B-x` only where an entity of the same type ends just before (CoNLL-2003, WikiNER).
- `bilou`: `B-x`, `I-x`, `L-x` last, `U-x` alone (Ratinov and Roth 2009). Other letters of the same idea are read
  alike: `M` for I, `E` for L, `S` and `W` for U (IOBES, BIOES, BMEWO).
- `io`: `I-x` or the bare type `x` throughout; neighbours of the same type become one entity.

Inside Tandem every tag sequence is strict IOB2: `I-x` only follows `B-x` or `I-x` of the same type. `to_iob2` makes
it so; everything else relies on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple, get_args

Scheme = Literal["iob1", "iob2", "bilou", "io"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)

_LETTERS: dict[Scheme, str] = {"iob1": "BI", "iob2": "BI", "bilou": "BIMLEUSW", "io": "I"}
_PLAIN = str.maketrans("MESW", "ILUU")
_PREFIXED = re.compile(r"([BIMLEUSW])-(.+)", re.DOTALL)
_NO_BARE_TYPE = re.compile(r"[BIbi][_:/|]|[Bbi]-|I-$|[\W\d_]+$")
"""A bare type by its form, but surely meant as something else (a number for a tag); after `I-` such a type passes."""


def spans_of(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Return the entities of IOB2 tags as (first word, word after the last, type), in order.

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


def malformed(tag: str, scheme: Scheme) -> bool:
    """Whether a tag is no tag of the scheme: empty, without a type, of an unknown prefix."""
    if tag == "O":
        return False
    if scheme == "io":
        return not tag.strip() or _NO_BARE_TYPE.match(tag) is not None
    found = _PREFIXED.fullmatch(tag)
    return found is None or found[1] not in _LETTERS[scheme] or not found[2].strip()


def type_of(tag: str, scheme: Scheme) -> str:
    """Return the entity type of a tag, "" for `O` and for what is malformed."""
    return _parts(tag, scheme)[1]


def to_iob2(tags: Sequence[str], scheme: Scheme) -> tuple[tuple[str, ...], int]:
    """Write a sentence's tags as strict IOB2; return them and how many places were illegal under the scheme.

    Legal tags keep exactly their entities. Illegal ones are read as conlleval reads them: whatever continues
    nothing begins an entity, an entity that is not closed ends where the next one begins or at the next `O`. Under
    iob1, iob2 and io a sequence is thus read alike, and only the count differs. Malformed tags come back as they are.
    """
    if scheme == "iob2":
        return repair_iob2(tags)
    moves = list(_moves(tags, scheme))
    converted = tuple(move.tag for move in moves[:-1])
    return converted, sum(not move.is_legal for move in moves)


def illegal_places(tags: Sequence[str], scheme: Scheme) -> list[int]:
    """Return the positions of the tags that cannot follow the one before; `len(tags)` for an entity left open."""
    return [position for position, move in enumerate(_moves(tags, scheme)) if not move.is_legal]


class _Move(NamedTuple):
    """A tag as IOB2, and whether it may follow the tag before under the scheme."""

    tag: str
    is_legal: bool


def _moves(tags: Sequence[str], scheme: Scheme) -> Iterator[_Move]:
    """Yield a move for each tag, and one for the end of the sentence."""
    before, kind_before = "O", ""
    for tag in [*tags, "O"]:
        letter, kind = _parts(tag, scheme)
        may_go_on = before in "BI" and kind == kind_before
        goes_on = may_go_on and letter in "IL"
        match scheme:
            case "iob2":
                is_legal = goes_on or letter != "I"
            case "iob1":
                is_legal = may_go_on or letter != "B"
            case "bilou":
                is_legal = goes_on if before in "BI" else letter not in "IL"
            case "io":
                is_legal = True
        yield _Move(f"{'I' if goes_on else 'B'}-{kind}" if kind else tag, is_legal)
        before, kind_before = letter, kind


def _parts(tag: str, scheme: Scheme) -> tuple[str, str]:
    """Return a tag's letter, one of B I L U O, and its type."""
    if tag == "O" or malformed(tag, scheme):
        return "O", ""
    if scheme == "io":
        return "I", tag.removeprefix("I-")
    return tag[0].translate(_PLAIN), tag[2:]


class SchemeGuess:
    """Guesses the scheme of a file from its tags, fed sentence by sentence; the order does not matter.

    - Types without any prefix, and neither B- nor I- anywhere: `io`.
    - Any of the prefixes L, E, U, S, W, M: `bilou`.
    - Else B- and I- alone. An entity that begins with `I-x` speaks for iob1, one that begins with `B-x` where no
      entity of type x ends just before speaks for iob2. The more frequent one decides; `iob2` if neither is.

    A file of I- alone is `iob1`: io would read it alike, but could not take a `B-x` further down.
    """

    def __init__(self) -> None:
        self._letters: set[str] = set()
        self._familiar = {"O", ""}
        self._begins = {"I": 0, "B": 0}

    def see(self, tags: Iterable[str]) -> None:
        """Take in the tags of one sentence."""
        before = "O"
        for tag in tags:
            if tag != "O":
                if tag not in self._familiar:
                    self._familiar.add(tag)
                    self._letters.add(found[1] if (found := _PREFIXED.fullmatch(tag)) else "")
                if tag[:2] in ("B-", "I-") and before[2:] != tag[2:]:
                    self._begins[tag[0]] += 1
            before = tag

    def scheme(self) -> Scheme:
        """Return the scheme of what was seen so far, `iob2` where that holds no entity."""
        if "" in self._letters and self._letters.isdisjoint("BI"):
            return "io"
        if not self._letters.isdisjoint("LEUSWM"):
            return "bilou"
        return "iob1" if self._begins["I"] > self._begins["B"] else "iob2"


def recognise(sentences: Iterable[Sequence[str]]) -> Scheme:
    """Return the scheme that some sentences' tags are written in, as `SchemeGuess` guesses it."""
    guess = SchemeGuess()
    for tags in sentences:
        guess.see(tags)
    return guess.scheme()
