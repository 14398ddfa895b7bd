"""Reading a record's labels from its row: absent, known or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tandem.corpora.clean_report import CleanReport
from tandem.errors import TandemError
from tandem.params import Clean, Corpus, Task


@dataclass(frozen=True, kw_only=True)
class LabelChecks:
    """The labels that each task of a corpus allows, in the order of its label columns; None allows any."""

    allowed: Mapping[str, tuple[str, ...] | None]
    refuses_unknown: bool
    report: CleanReport

    def read(self, row: int, cells: Sequence[str], *, is_optional: bool = False) -> dict[str, str] | None:
        """Return a label by task, leaving out those that are missing or unknown.

        None means that none remains though one must (`is_optional` false); all is counted. Raises `TandemError`
        for an unknown label where the params say so.
        """
        labels = {}
        reason = "missing_label"
        for (task, allowed), cell in zip(self.allowed.items(), cells, strict=True):
            label = cell.strip()
            if not label:
                continue
            if allowed is None or label in allowed:
                labels[task] = label
            else:
                reason = "unknown_label"
                self._count_unknown(row, task, label)
        if labels or is_optional or not self.allowed:
            return self._noting_gaps(labels)
        self.report.dropped[reason] += 1
        return None

    def _noting_gaps(self, labels: dict[str, str]) -> dict[str, str]:
        for task in self.allowed:
            if task not in labels:
                self.report.noted[f"without_{task}"] += 1
        return labels

    def _count_unknown(self, row: int, task: str, label: str) -> None:
        if self.refuses_unknown:
            raise TandemError(
                f"{self.report.sheet.place}, row {row}: label {label!r} of task {task} is unknown; "
                f"allowed: {', '.join(self.allowed[task] or ())}. Correct the cell, list the label in "
                f"tasks.{task}.labels, or set clean.unknown_label to drop"
            )
        self.report.unknown.setdefault(task, Counter())[label] += 1


def label_checks(corpus: Corpus, tasks: Mapping[str, Task], rules: Clean, report: CleanReport) -> LabelChecks:
    """Build the checks of a corpus from its params."""
    return LabelChecks(
        allowed={task: tasks[task].labels for task in corpus.labels},
        refuses_unknown=rules.unknown_label == "error",
        report=report,
    )
