"""What only shows when a corpus was read wholly: which labels there are, and whether there is anything to learn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from tandem.corpora.cleaning.clean_report import CleanReport, rare_labels
from tandem.corpora.inspection.findings import Findings, shown
from tandem.corpora.inspection.tags import TagWatch
from tandem.params import Corpus


def tell_totals(
    corpus: Corpus, report: CleanReport, tags: Mapping[str, TagWatch], findings: Findings, *, has_spans: Collection[str]
) -> None:
    """Tell of labels that are rare, never met or all there is, of tasks without any, and of a corpus without texts."""
    for task in report.labels:
        _tell_rare(task, report.labels[task], findings)
    _tell_unused(report, findings)
    for task in corpus.labels:
        counts = report.labels[task]
        if not counts and (report.kept or report.dropped["missing_label"]):
            findings.add("no_labels", task=task, count=report.kept or report.dropped["missing_label"])
        elif len(counts) == 1:
            findings.add("one_class", task=task, count=counts.total(), example=shown(next(iter(counts))))
    for task in {**corpus.tags, **corpus.spans}:
        has_lost = task in tags and tags[task].has_entities
        if report.kept and not report.labels[task] and not has_lost:
            has_any = task in has_spans or (task in tags and tags[task].has_tags)
            findings.add("no_entities" if has_any else "no_tags", task=task, count=report.kept)
    for name, count in report.noted.items():
        findings.add("without_answer", task=name.removeprefix("without_"), count=count)
    if not report.labels:
        findings.add("no_task", count=report.kept)
    if not report.kept and not findings.has_errors:
        findings.add("nothing_left", count=0, example=report.summary())


def _tell_rare(task: str, counts: Counter[str], findings: Findings) -> None:
    for label, count in rare_labels(counts).items():
        findings.add("rare_labels", task=task, example=f"{shown(label)} ({count:,})")


def _tell_unused(report: CleanReport, findings: Findings) -> None:
    for task, names in report.unused_map().items():
        for name in names:
            findings.add("unused_map", task=task, example=shown(name))
