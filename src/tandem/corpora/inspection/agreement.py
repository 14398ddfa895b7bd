"""Whether corpora that are inspected together give a task the same labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from tandem.corpora.inspection.choice import Choice
from tandem.corpora.inspection.findings import Findings, Severity, gravest_first, shown
from tandem.corpora.inspection.report import Inspection
from tandem.params import Task

Inspected = tuple[Inspection, Choice]


def with_disagreements(inspected: Sequence[Inspected], tasks: Mapping[str, Task]) -> list[Inspected]:
    """Add a finding to each corpus whose labels of a task are others than those of the corpus before that has some.

    A task whose labels are listed in the params takes whatever of these a corpus has.
    """
    found = list(inspected)
    named = dict.fromkeys(task for inspection, _ in inspected for task in inspection.labels)
    for task in named:
        if task in tasks and tasks[task].labels is not None:
            continue
        for first, second in pairwise(n for n, (inspection, _) in enumerate(found) if inspection.labels.get(task)):
            found[second] = _compared(found[first], found[second], task)
    return found


def _compared(before: Inspected, own: Inspected, task: str) -> Inspected:
    (other, _), (inspection, choice) = before, own
    names, others = set(inspection.labels[task]), set(other.labels[task])
    if names == others:
        return own
    are_sections = before[1].section is not None and choice.section is not None
    severity: Severity = "error" if are_sections else "warning"  # trained together, or maybe never
    findings = Findings({"labels_differ": severity})
    for name in sorted(names ^ others):
        where = "only here" if name in names else f"only in {other.path}"
        findings.add("labels_differ", task=task, example=f"{shown(name)} {where}")
    return replace(inspection, findings=gravest_first([*findings.sorted(), *inspection.findings])), choice
