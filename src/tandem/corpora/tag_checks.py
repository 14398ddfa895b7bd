"""Reading a sentence's tags from its column: missing, malformed, unknown, illegal, or strict IOB2."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tandem.corpora.clean_report import CleanReport
from tandem.corpora.tag_schemes import repair_iob2
from tandem.errors import TandemError
from tandem.params import Clean


@dataclass(frozen=True, kw_only=True)
class TagChecks:
    """What a task allows in its column; `types` of None allows any. `familiar` grows with the tags that passed."""

    task: str
    column: str
    types: frozenset[str] | None
    rules: Clean
    report: CleanReport
    familiar: set[str] = field(default_factory=lambda: {"O"})

    def read(self, rows: Sequence[int], cells: Sequence[str]) -> tuple[str, ...] | None:
        """Return a sentence's tags as strict IOB2, or None if the rules drop the sentence.

        `rows` are the spreadsheet rows of the cells. What is changed or dropped is counted; raises `TandemError`
        for a malformed tag, and for whatever the rules refuse.
        """
        if not self.familiar.issuperset(cells):
            cells = [cell.strip() for cell in cells]
            if not (self._may_miss(rows, cells) and self._are_known(rows, cells)):
                return None
            cells = [cell or "O" for cell in cells]
            self.familiar.update(cells)
        tags, n_repaired = repair_iob2(cells)
        if n_repaired and self.rules.illegal_tags == "error":
            row, tag = next((row, old) for row, old, new in zip(rows, cells, tags, strict=True) if old != new)
            remedy = " or set clean.illegal_tags to repair"
            raise self._refusal(row, f"tag {tag!r} continues nothing; expected B-{tag[2:]}", remedy)
        self.report.altered["tags_repaired"] += n_repaired
        return tags

    def _may_miss(self, rows: Sequence[int], cells: Sequence[str]) -> bool:
        if "" not in cells:
            return True
        if self.rules.missing_tag == "error":
            remedy = " or set clean.missing_tag to outside or drop_sentence"
            raise self._refusal(rows[cells.index("")], "no tag", remedy)
        if self.rules.missing_tag == "outside":
            self.report.altered["tags_missing_as_outside"] += cells.count("")
            return True
        self.report.dropped["sentences_missing_tag"] += 1
        return False

    def _are_known(self, rows: Sequence[int], cells: Sequence[str]) -> bool:
        unknown: Counter[str] = Counter()
        for row, tag in zip(rows, cells, strict=True):
            if tag in ("", "O"):
                continue
            if tag[:2] not in ("B-", "I-") or len(tag) == 2:
                raise self._refusal(row, f"tag {tag!r}; expected O, B-<type> or I-<type>", "")
            if self.types is not None and tag[2:] not in self.types:
                self._refuse_unknown(row, tag)
                unknown[tag[2:]] += 1
        if unknown:
            self.report.unknown.setdefault(self.task, Counter()).update(unknown)
            self.report.dropped["sentences_unknown_tag"] += 1
        return not unknown

    def _refuse_unknown(self, row: int, tag: str) -> None:
        if self.rules.unknown_tag == "error":
            allowed = ", ".join(sorted(self.types or ()))
            remedy = f", list the type in tasks.{self.task}.labels, or set clean.unknown_tag to drop"
            raise self._refusal(row, f"tag {tag!r} is unknown; types allowed: {allowed}", remedy)

    def _refusal(self, row: int, found: str, remedy: str) -> TandemError:
        place = f"{self.report.sheet.place}, row {row}, column {self.column!r}"
        return TandemError(f"{place}: {found}. Correct the cell{remedy}")
