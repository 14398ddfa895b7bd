"""Reading what is marked in a running text: types renamed, unknown, or known, and white space at the ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tandem.corpora.cleaning.clean_report import CleanReport, Renaming
from tandem.corpora.cleaning.tag_checks import types_of
from tandem.corpora.cleaning.text_edits import trimmed
from tandem.corpora.schema.span_tags import Span
from tandem.errors import TandemError
from tandem.params import Clean, Corpus, Task

LOSSES = ("inside_word", "overlapping", "out_of_range", "empty", "duplicate")
"""Why a span may be missing in the tags; each is counted as `spans_<reason>`."""


@dataclass(frozen=True, kw_only=True)
class SpanChecks:
    """The entity types that a task allows (None: any), and those that get another name before (`O`: none)."""

    task: str
    types: frozenset[str] | None
    renamed: Renaming
    refuses_unknown: bool
    report: CleanReport

    def read(self, row: int, text: str, spans: Sequence[Span]) -> list[Span] | None:
        """Return the spans that count, without white space at their ends, or None if the rules drop the text.

        What is changed is counted; raises `TandemError` for a span without a type, and for an unknown type where the
        rules refuse it.
        """
        named = [span._replace(kind=self._name(row, span)) for span in spans]
        unknown = Counter(span.kind for span in named if not self._is_known(span.kind))
        if unknown:
            self.report.unknown.setdefault(self.task, Counter()).update(unknown)
            self.report.dropped["unknown_tag"] += 1
            return None
        changed = sum(new.kind != old.kind.strip() for new, old in zip(named, spans, strict=True))
        self.report.altered["spans_mapped"] += changed
        counted = [span for span in named if span.kind != "O"]
        cut = [trimmed(text, span) for span in counted]
        self.report.altered["spans_trimmed"] += sum(new != old for new, old in zip(cut, counted, strict=True))
        return cut

    def _is_known(self, kind: str) -> bool:
        return self.types is None or kind in self.types or kind == "O"

    def _name(self, row: int, span: Span) -> str:
        found = span.kind.strip()
        place = f"{self.report.at(row)}, characters {span.start} to {span.end}"
        if not found:
            raise TandemError(f"{place}: a span without a type; expected one, such as PERSON. Correct the file")
        kind = self.renamed(found)
        if self.refuses_unknown and not self._is_known(kind):
            raise TandemError(
                f"{place}: type {kind!r} is unknown; types allowed: {', '.join(sorted(self.types or ()))}. Correct the "
                f"file, list the type in tasks.{self.task}.labels, or set clean.unknown_tag to drop"
            )
        return kind


def span_checks(corpus: Corpus, tasks: Mapping[str, Task], rules: Clean, report: CleanReport) -> list[SpanChecks]:
    """Build the checks of each task in `spans` from the params, and begin their counts."""
    if corpus.spans:
        report.dropped.update({"unknown_tag": 0, **{f"spans_{reason}": 0 for reason in LOSSES}})
        report.altered.update({"spans_mapped": 0, "spans_trimmed": 0})
    return [
        SpanChecks(
            task=task,
            types=types_of(tasks[task]),
            renamed=report.renamings[task],
            refuses_unknown=rules.unknown_tag == "error",
            report=report,
        )
        for task in corpus.spans
    ]
