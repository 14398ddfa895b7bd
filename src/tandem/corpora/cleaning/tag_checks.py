"""Reading a sentence's tags: missing, malformed, unknown, illegal, renamed, or strict IOB2."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tandem.corpora.cleaning.clean_report import CleanReport, Renaming
from tandem.corpora.schema.tag_schemes import Scheme, illegal_places, malformed, to_iob2, type_of
from tandem.errors import TandemError
from tandem.params import Clean, Corpus, Task

_EXPECTED: Mapping[Scheme, str] = {
    "iob1": "O, B-<type> or I-<type>",
    "iob2": "O, B-<type> or I-<type>",
    "bilou": "O, B-<type>, I-<type>, L-<type> or U-<type> (or their like in IOBES)",
    "io": "O, I-<type> or a type alone",
}


@dataclass(frozen=True, kw_only=True)
class TagChecks:
    """What a task allows in its column; `types` of None allows any, `renamed` are the types that get another name.

    `familiar` grows with the tags that passed.
    """

    task: str
    column: str | int
    types: frozenset[str] | None
    renamed: Renaming
    rules: Clean
    report: CleanReport
    familiar: set[str] = field(default_factory=lambda: {"O"})

    def read(self, rows: Sequence[int], cells: Sequence[str]) -> tuple[str, ...] | None:
        """Return a sentence's tags as strict IOB2, or None if the rules drop the sentence.

        `rows` are the rows of the cells. What is changed or dropped is counted; raises `TandemError` for a
        malformed tag, and for whatever the rules refuse.
        """
        scheme = self.report.schemes[self.task]
        if not self.familiar.issuperset(cells):
            cells = [cell.strip() for cell in cells]
            if not (self._may_miss(rows, cells) and self._are_known(rows, cells, scheme)):
                return None
            cells = [cell or "O" for cell in cells]
            self.familiar.update(cells)
        tags, n_repaired = to_iob2(cells, scheme)
        if n_repaired and self.rules.illegal_tags == "error":
            raise self._illegal(rows, cells, scheme)
        self.report.altered["tags_repaired"] += n_repaired
        return self._with_new_names(tags) if self.renamed else tags

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

    def _are_known(self, rows: Sequence[int], cells: Sequence[str], scheme: Scheme) -> bool:
        unknown: Counter[str] = Counter()
        for row, tag in zip(rows, cells, strict=True):
            if tag in ("", "O"):
                continue
            if malformed(tag, scheme):
                remedy = f", or set tasks.{self.task}.scheme, which is {scheme} here"
                raise self._refusal(row, f"tag {tag!r}; expected {_EXPECTED[scheme]}", remedy)
            kind = self.renamed(type_of(tag, scheme))
            if self.types is not None and kind not in self.types and kind != "O":
                self._refuse_unknown(row, tag)
                unknown[kind] += 1
        if unknown:
            self.report.unknown.setdefault(self.task, Counter()).update(unknown)
            self.report.dropped["sentences_unknown_tag"] += 1
        return not unknown

    def _with_new_names(self, tags: Sequence[str]) -> tuple[str, ...]:
        kinds = [self.renamed(tag[2:]) for tag in tags]
        named = tuple(
            tag if tag == "O" else "O" if kind == "O" else tag[:2] + kind for tag, kind in zip(tags, kinds, strict=True)
        )
        self.report.altered["tags_mapped"] += sum(new != old for new, old in zip(named, tags, strict=True))
        return named

    def _illegal(self, rows: Sequence[int], cells: Sequence[str], scheme: Scheme) -> TandemError:
        place = illegal_places(cells, scheme)[0]
        if place == len(cells):
            row, found = rows[-1], f"the sentence ends within the entity of tag {cells[-1]!r}"
        elif cells[place][:2] == "I-":
            row, found = rows[place], f"tag {cells[place]!r} continues nothing; expected B-{cells[place][2:]}"
        else:
            before = repr(cells[place - 1]) if place else "a sentence's beginning"
            row, found = rows[place], f"tag {cells[place]!r} cannot follow {before} in {scheme}"
        return self._refusal(row, found, " or set clean.illegal_tags to repair")

    def _refuse_unknown(self, row: int, tag: str) -> None:
        if self.rules.unknown_tag == "error":
            allowed = ", ".join(sorted(self.types or ()))
            remedy = f", list the type in tasks.{self.task}.labels, or set clean.unknown_tag to drop"
            raise self._refusal(row, f"tag {tag!r} is unknown; types allowed: {allowed}", remedy)

    def _refusal(self, row: int, found: str, remedy: str) -> TandemError:
        return TandemError(f"{self.report.at(row)}, column {self.column!r}: {found}. Correct the cell{remedy}")


def tag_checks(corpus: Corpus, tasks: Mapping[str, Task], rules: Clean, report: CleanReport) -> list[TagChecks]:
    """Build the checks of each task in `tags` from the params."""
    if any(task in corpus.map for task in corpus.tags):
        report.altered["tags_mapped"] = 0
    return [
        TagChecks(
            task=task,
            column=column,
            types=types_of(tasks[task]),
            renamed=report.renamings[task],
            rules=rules,
            report=report,
        )
        for task, column in corpus.tags.items()
    ]


def types_of(task: Task) -> frozenset[str] | None:
    """The entity types that a task allows, None for any."""
    return None if task.labels is None else frozenset(task.labels)
