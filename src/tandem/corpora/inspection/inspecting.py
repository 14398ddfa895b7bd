"""Inspecting a corpus before anything is trained on it: its statistics, and everything that is wrong with it.

The file is read once, as cleaning reads it; but where cleaning would stop, this counts and goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path

from tandem.corpora.cleaning.clean_report import CleanReport
from tandem.corpora.cleaning.cleaning import ENTRIES_GUESSED_FROM
from tandem.corpora.cleaning.labelled_texts import make_text_cleaner
from tandem.corpora.cleaning.suspicions import find_mojibake, loose_edge, marked_in
from tandem.corpora.cleaning.tagged_sentences import make_sentence_cleaner
from tandem.corpora.inspection.choice import Choice
from tandem.corpora.inspection.findings import Findings, shown
from tandem.corpora.inspection.records import RecordWatch
from tandem.corpora.inspection.report import Inspection, Schemes
from tandem.corpora.inspection.settings import Settings
from tandem.corpora.inspection.tags import TagWatch
from tandem.corpora.inspection.totals import tell_totals
from tandem.corpora.readers.entries import Entry, Source
from tandem.corpora.readers.formats import open_source
from tandem.corpora.schema.records import SPLITS, Record
from tandem.corpora.schema.tag_schemes import recognise
from tandem.errors import TandemError
from tandem.params import Corpus, Kind, Task

Watch = Callable[[Iterator[Entry]], Iterator[Entry]]

_REASONS = {"missing_text": "empty_texts", "empty_text": "empty_texts"}
"""Where cleaning counts under another name than the finding's."""
_TOLD_ELSEWHERE = ("spans_trimmed", "unknown_label", "unknown_tag", "sentences_unknown_tag")


def inspect_choice(choice: Choice, settings: Settings, watch: Watch = iter) -> Inspection:
    """Inspect a corpus, or say why its file could not even be looked into."""
    if choice.obstacle is None:
        return inspect_corpus(choice.corpus, settings, watch)
    findings = Findings({})
    findings.add("unreadable", example=str(choice.obstacle))
    return _unopened(choice.corpus, settings, findings)


def inspect_corpus(corpus: Corpus, settings: Settings, watch: Watch = iter) -> Inspection:
    """Read a corpus wholly and say what is in it; `watch` is handed the entries of each file, to show progress."""
    findings = Findings(settings.severities)
    sources = {split: source for split, path in _paths(corpus) if (source := _open(split, path, corpus, findings))}
    if not sources:
        return _unopened(corpus, settings, findings)
    return _Inspector(corpus, settings, sources, findings).inspect(watch)


def _paths(corpus: Corpus) -> list[tuple[str | None, Path]]:
    path = Path(corpus.path)
    if corpus.splits is None:
        return [(None, path)]
    return [(split, path / corpus.splits[split]) for split in SPLITS if split in corpus.splits]


def _open(split: str | None, path: Path, corpus: Corpus, findings: Findings) -> Source | None:
    try:
        return open_source(path, corpus)
    except TandemError as error:
        findings.add("unreadable", split=split, example=str(error))
        return None


class _Inspector:
    """Takes every entry through cleaning, and looks at it before and after."""

    def __init__(
        self, corpus: Corpus, settings: Settings, sources: Mapping[str | None, Source], findings: Findings
    ) -> None:
        self._corpus, self._settings, self._findings = corpus, settings, findings
        self._tasks = {task: settings.tasks.get(task) or _unnamed(kind) for task, kind in corpus.kinds().items()}
        self._report = CleanReport.begun(sources, corpus)
        make = make_text_cleaner if corpus.words is None else make_sentence_cleaner
        self._record_of = make(corpus, self._tasks, settings.mild_rules, self._report).record_of
        self._records = RecordWatch(corpus, settings, findings)
        self._tags: dict[str, TagWatch] = {}
        self._with_spans: set[str] = set()
        self._counted = (Counter(self._report.dropped), Counter(self._report.altered))
        self._unknown: dict[str, Counter[str]] = {}
        self._n_entries = 0

    def inspect(self, watch: Watch) -> Inspection:
        for split, source in self._report.sources.items():
            self._report.source = source
            n_before = self._report.kept
            for entry in watch(self._with_schemes(self._readable(source, split))):
                self._see(entry, split or entry.split)
            self._findings.add_notes(source.notes, split)
            if split is not None and self._report.kept == n_before:
                self._findings.add("nothing_left", example=f"{split} holds no text")
        self._records.report()
        tell_totals(self._corpus, self._report, self._tags, self._findings, has_spans=self._with_spans)
        for task, tags in self._tags.items():
            tags.report(self._findings, is_declared=self._tasks[task].scheme != "auto")
        return self._result()

    def _readable(self, source: Source, split: str | None) -> Iterator[Entry]:
        """The entries up to where the file cannot be read on."""
        try:
            yield from source.entries
        except TandemError as error:
            self._findings.add("unreadable", split=split, example=str(error))

    def _with_schemes(self, entries: Iterator[Entry]) -> Iterator[Entry]:
        """Decide on the schemes that tags are read in, as cleaning does, and give all entries back."""
        first = list(islice(entries, ENTRIES_GUESSED_FROM))
        for task in self._corpus.tags:
            if task not in self._tags:
                declared = self._tasks[task].scheme or "auto"
                stripped = ([tag for tag in map(str.strip, entry.tags.get(task, ())) if tag] for entry in first)
                scheme = recognise(stripped) if declared == "auto" else declared
                self._tags[task] = TagWatch(task, scheme)
                self._report.schemes[task] = scheme
        return chain(first, entries)

    def _see(self, entry: Entry, split: str | None) -> None:
        self._n_entries += 1
        if split is not None and split not in SPLITS:
            told = f"{self._report.at(entry.row)}: split {split!r} is none of {', '.join(SPLITS)}"
            self._findings.add("refused", entry.row, example=told)
            return
        self._see_raw(entry, split)
        are_tags_fine = [watch.see(entry, split, self._findings) for watch in self._tags.values()]
        if not all(are_tags_fine):
            return
        if not self._tasks:
            words = None if entry.words is None else tuple(entry.words)
            self._keep(Record(row=entry.row, text=entry.text, words=words, split=split))
            return
        try:
            record = self._record_of(entry, split)
        except TandemError as error:
            self._findings.add("refused", entry.row, split, example=str(error))
            return
        finally:
            self._take_counts(entry.row, split)
        if record is not None:
            self._keep(record)

    def _keep(self, record: Record) -> None:
        self._report.keep(record)
        self._records.see(record)

    def _see_raw(self, entry: Entry, split: str | None) -> None:
        text = entry.text if entry.words is None else " ".join(entry.words)
        if text and (found := find_mojibake(text)):
            self._findings.add("mojibake", entry.row, split, example=shown(found))
        self._with_spans.update(entry.spans)
        for task, surface in marked_in(entry):
            if flaw := loose_edge(surface):
                self._findings.add(flaw, entry.row, split, task=task, example=shown(repr(surface)))

    def _take_counts(self, row: int, split: str | None) -> None:
        """Take over what cleaning has counted since the last text."""
        for counts, counted in zip((self._report.dropped, self._report.altered), self._counted, strict=True):
            if counts == counted:
                continue
            new = counts - counted
            counted.update(new)
            for reason, count in new.items():
                if reason not in _TOLD_ELSEWHERE:
                    self._findings.add(_REASONS.get(reason, reason), row, split, count=count)
        for task, names in self._report.unknown.items():
            new = names - self._unknown.setdefault(task, Counter())
            self._unknown[task].update(new)
            kind = "unknown_labels" if task in self._corpus.labels else "unknown_tags"
            for name, count in new.items():
                self._findings.add(kind, row, split, count=count, task=task, example=shown(name))

    def _result(self) -> Inspection:
        report, records, settings = self._report, self._records, self._settings
        n_near = records.repeats.n_compared
        full = [f"near duplicates beyond the first {n_near:,} texts"] if records.repeats.is_near_search_full else []
        return Inspection(
            path=self._corpus.path,
            facts={split: source.facts for split, source in report.sources.items()},
            unit=report.unit,
            entries=self._n_entries,
            kept=report.kept,
            kept_by_split=report.kept_by_split,
            lengths=records.lengths,
            max_length=settings.max_length,
            unknown_pieces=records.n_unknown_pieces,
            labels=report.labels,
            schemes={task: Schemes(watch.recognised, watch.scheme) for task, watch in self._tags.items()},
            skipped=(*settings.skipped, *full),
            findings=self._findings.sorted(),
        )


def _unnamed(kind: Kind) -> Task:
    """A task that the params do not know."""
    return Task(kind=kind, labels=None, scheme="auto" if kind == "tagging" else None)


def _unopened(corpus: Corpus, settings: Settings, findings: Findings) -> Inspection:
    return Inspection(path=corpus.path, facts={}, findings=findings.sorted(), skipped=settings.skipped)
