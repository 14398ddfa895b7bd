"""Reading a record's labels: without white space around them, renamed, then absent, known or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tandem.corpora.cleaning.clean_report import CleanReport, Renaming
from tandem.errors import TandemError
from tandem.params import Clean, Corpus, Task


class KnownLabels(NamedTuple):
    """Labels by task, and how many of them were altered, and how."""

    labels: dict[str, str]
    altered: Counter[str]


@dataclass(frozen=True, kw_only=True)
class LabelChecks:
    """The labels that each task of a corpus allows (None: any), and those that get another name before."""

    allowed: Mapping[str, tuple[str, ...] | None]
    renamed: Mapping[str, Renaming]
    refuses_unknown: bool
    report: CleanReport

    def read(self, row: int, raw: Mapping[str, str], *, is_optional: bool = False) -> dict[str, str] | None:
        """Return a label by task, leaving out those that are missing or unknown.

        None means that none remains though one must (`is_optional` false); all is counted. Raises `TandemError`
        for an unknown label where the params say so.
        """
        labels = {}
        reason = "missing_label"
        for task, allowed in self.allowed.items():
            cell = raw.get(task, "")
            found = cell.strip()
            if not found:
                continue
            if found != cell:
                self.report.altered["labels_stripped"] += 1
            label = self.renamed[task](found)
            if label != found:
                self.report.altered["labels_mapped"] += 1
            if allowed is None or label in allowed:
                labels[task] = label
            else:
                reason = "unknown_label"
                self._count_unknown(row, task, label)
        if labels or is_optional:
            return labels
        self.report.dropped[reason] += 1
        return None

    def known(self, raw: Mapping[str, str]) -> KnownLabels | None:
        """Return what `read` would, and what it would count as altered; None where there is more to count."""
        found = {task: stripped for task in self.allowed if (stripped := raw.get(task, "").strip())}
        labels = {task: self.renamed[task](name) for task, name in found.items()}
        allowed = ((label, self.allowed[task]) for task, label in labels.items())
        if not labels or any(names is not None and label not in names for label, names in allowed):
            return None
        n_mapped = sum(labels[task] != name for task, name in found.items())
        n_stripped = sum(raw[task] != name for task, name in found.items())
        return KnownLabels(labels, +Counter(labels_mapped=n_mapped, labels_stripped=n_stripped))

    def _count_unknown(self, row: int, task: str, label: str) -> None:
        if self.refuses_unknown:
            raise TandemError(
                f"{self.report.at(row)}: label {label!r} of task {task} is unknown; "
                f"allowed: {', '.join(self.allowed[task] or ())}. Correct the cell, list the label in "
                f"tasks.{task}.labels, or set clean.unknown_label to drop"
            )
        self.report.unknown.setdefault(task, Counter())[label] += 1


def label_checks(corpus: Corpus, tasks: Mapping[str, Task], rules: Clean, report: CleanReport) -> LabelChecks:
    """Build the checks of a corpus from its params."""
    if any(task in corpus.map for task in corpus.labels):
        report.altered["labels_mapped"] = 0
    return LabelChecks(
        allowed={task: tasks[task].labels for task in corpus.labels},
        renamed=report.renamings,
        refuses_unknown=rules.unknown_label == "error",
        report=report,
    )
