"""Reading a record's labels: renamed, then absent, known or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from tandem.corpora.cleaning.clean_report import CleanReport
from tandem.errors import TandemError
from tandem.params import Clean, Corpus, Task


@dataclass(frozen=True, kw_only=True)
class LabelChecks:
    """The labels that each task of a corpus allows (None: any), and those that get another name before."""

    allowed: Mapping[str, tuple[str, ...] | None]
    renamed: Mapping[str, Mapping[str, str]]
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
            found = raw.get(task, "").strip()
            if not found:
                continue
            label = self.renamed.get(task, {}).get(found, found)
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

    def known(self, raw: Mapping[str, str]) -> tuple[dict[str, str], int] | None:
        """Return what `read` would, and how many labels get another name; None where there is more to count."""
        found = {task: stripped for task in self.allowed if (stripped := raw.get(task, "").strip())}
        labels = {task: self.renamed.get(task, {}).get(name, name) for task, name in found.items()}
        allowed = ((label, self.allowed[task]) for task, label in labels.items())
        if not labels or any(names is not None and label not in names for label, names in allowed):
            return None
        return labels, sum(labels[task] != name for task, name in found.items())

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
        renamed=corpus.map,
        refuses_unknown=rules.unknown_label == "error",
        report=report,
    )
