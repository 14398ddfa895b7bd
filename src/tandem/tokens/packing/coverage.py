"""What tokenizing did to a corpus, in numbers that add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Counts over texts.

    `pieces` and what follows count each piece of a text once, without special pieces; `window_pieces` counts all that
    the model sees. `words` have a tag each; those that become no piece are `words_without_pieces`, and those that
    only a window left out would read are `words_cut`.
    """

    texts: int = 0
    long_texts: int = 0
    windows: int = 0
    window_pieces: int = 0
    pieces: int = 0
    pieces_read: int = 0
    unknown_pieces: int = 0
    words: int = 0
    words_read: int = 0
    words_without_pieces: int = 0
    word_pieces: int = 0

    @property
    def words_cut(self) -> int:
        """Words beyond the one window that was kept."""
        return self.words - self.words_read - self.words_without_pieces

    def __add__(self, other: Coverage) -> Coverage:
        return Coverage(**{name: count + other.counts()[name] for name, count in self.counts().items()})

    def sizes(self) -> dict[str, int]:
        """How large the store is."""
        return {"texts": self.texts, "windows": self.windows, "pieces": self.window_pieces, "words": self.words}

    def counts(self) -> dict[str, int]:
        """Every count by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def as_dict(self) -> dict[str, Any]:
        """Counts and shares; `coverage.words` is over the words that have pieces."""
        return {
            **{name: count for name, count in self.counts().items() if name not in ("pieces_read", "words_read")},
            "words_cut": self.words_cut,
            "coverage": {
                "pieces": _share(self.pieces_read, self.pieces),
                "words": _share(self.words_read, self.words - self.words_without_pieces),
            },
            "unknown_share": self.unknown_pieces / max(1, self.pieces),
            "pieces_per_word": self.word_pieces / max(1, self.words),
        }


@dataclass(frozen=True, kw_only=True)
class TokenReport:
    """Coverage by split."""

    splits: Mapping[str, Coverage]

    @property
    def total(self) -> Coverage:
        """All splits together."""
        return sum(self.splits.values(), start=Coverage())

    def as_dict(self) -> dict[str, Any]:
        """The numbers of each split and of all together."""
        return {**{name: split.as_dict() for name, split in self.splits.items()}, "total": self.total.as_dict()}

    def summary(self) -> str:
        """One line for the log."""
        total, shares = self.total, self.total.as_dict()["coverage"]
        read = f"{100 * min(shares.values()):.6g} % read"
        cut = f", {total.words_cut} words cut" if total.words_cut else ""
        return f"{total.texts} texts, {total.pieces} pieces in {total.windows} windows, {read}{cut}"


def _share(part: int, whole: int) -> float:
    """All of nothing is covered."""
    return part / whole if whole else 1.0
