"""The result of inspecting a corpus: facts, numbers, findings and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tandem.corpora.inspection.findings import Finding
from tandem.corpora.inspection.lengths import Lengths
from tandem.corpora.schema.tag_schemes import Scheme


class Schemes(NamedTuple):
    """What a task's tags look like (None: no entity stands there), and what they are read as."""

    recognised: Scheme | None
    read_as: Scheme


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What inspecting found; `facts` are by split what each file turned out to be.

    `entries` were read, of which `kept` go on to training; labels are counted in texts, or in entities. `skipped` says
    what was not looked at.
    """

    path: str
    facts: Mapping[str | None, Mapping[str, object]]
    findings: Sequence[Finding]
    skipped: Sequence[str]
    unit: str = "texts"
    entries: int = 0
    kept: int = 0
    kept_by_split: Mapping[str, int] = field(default_factory=dict)
    lengths: Lengths = field(default_factory=Lengths)
    max_length: int | None = None
    unknown_pieces: int = 0
    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    schemes: Mapping[str, Schemes] = field(default_factory=dict)

    @property
    def fails(self) -> bool:
        """Whether something found would make training fail."""
        return any(finding.severity == "error" for finding in self.findings)

    @property
    def beyond(self) -> int:
        """How many texts are longer than `max_length` pieces."""
        return 0 if self.max_length is None else self.lengths.n_beyond("pieces", self.max_length)

    @property
    def beyond_share(self) -> float:
        """The share of the texts that are longer than that."""
        return self.beyond / max(1, self.kept)

    @property
    def unknown_share(self) -> float:
        """The share of the pieces that stand for something unknown."""
        return self.unknown_pieces / max(1, self.lengths.total("pieces"))

    @property
    def verdict(self) -> str:
        """One line: whether one may train on it."""
        warnings = sum(finding.severity == "warning" for finding in self.findings)
        told = f"{warnings} warning{'s' if warnings > 1 else ''}" if warnings else ""
        if not self.fails:
            return f"ready to train: {told or 'nothing to complain of'}"
        reasons = [finding.reason for finding in self.findings if finding.severity == "error"]
        return f"would fail: {'; '.join(reasons)}" + (f" (and {told})" if told else "")

    def as_dict(self) -> dict[str, Any]:
        """The inspection as JSON takes it."""
        sources: dict[str | None, Any] = {split: dict(facts) for split, facts in self.facts.items()}
        has_pieces = self.lengths.n_texts("pieces") > 0
        return {
            "path": self.path,
            "source": sources.get(None, sources),
            "entries": self.entries,
            "kept": self.kept,
            "kept_by_split": dict(self.kept_by_split),
            "unit": self.unit,
            "lengths": self.lengths.quantiles(),
            "words": self.lengths.total("words"),
            "pieces": self.lengths.total("pieces") if has_pieces else None,
            "max_length": self.max_length,
            "beyond_max_length": self.beyond if has_pieces and self.max_length else None,
            "beyond_share": self.beyond_share if has_pieces and self.max_length else None,
            "unknown_share": self.unknown_share if has_pieces else None,
            "labels": {task: dict(counts) for task, counts in self.labels.items()},
            "schemes": {task: schemes._asdict() for task, schemes in self.schemes.items()},
            "skipped": list(self.skipped),
            "findings": [finding.as_dict() for finding in self.findings],
            "verdict": self.verdict,
            "ready": not self.fails,
        }
