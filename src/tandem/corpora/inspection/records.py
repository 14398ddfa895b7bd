"""What the records of a corpus show: their lengths, their pieces, what repeats, what is loose or empty."""

from __future__ import annotations

from tandem.corpora.cleaning.suspicions import is_near_empty, loose_edge, tagged_in
from tandem.corpora.inspection.findings import EXAMPLES_LISTED, Findings, shown
from tandem.corpora.inspection.lengths import Lengths
from tandem.corpora.inspection.repeats import Repeats
from tandem.corpora.inspection.settings import Settings
from tandem.corpora.leakage.leakage import TextSet, fingerprint_of
from tandem.corpora.schema.records import SPLITS, Record
from tandem.params import Corpus

MANY_UNKNOWN = 0.01
"""Of the pieces; beyond it the tokenizer does not fit the corpus."""
_CHARACTERS_AT_ONCE = 1_000_000


class RecordWatch:
    """Looks at records one by one; of pieces nothing is said unless the settings count them."""

    def __init__(self, corpus: Corpus, settings: Settings, findings: Findings) -> None:
        self.lengths = Lengths()
        self.repeats = Repeats(tuple(corpus.labels), (*corpus.tags, *corpus.spans))
        self.n_unknown_pieces = 0
        self.labels_by_split: dict[str, dict[str, set[str]]] = {}
        self._findings = findings
        self._count_pieces = settings.count_pieces
        self._max_length = settings.max_length
        self._others, self._own = settings.others, settings.own
        self._waiting: list[Record] = []
        self._n_waiting = 0
        self._n_unknown_words = 0

    def see(self, record: Record) -> None:
        """Take in a record."""
        surface = record.surface
        self.lengths.add("characters", len(surface))
        is_worded = record.words is not None and record.text is None
        self.lengths.add("words", len(record.words or ()) if is_worded else len(surface.split()))
        if is_near_empty(surface):
            self._findings.add("near_empty", record.row, record.split, example=shown(surface))
        for task, entity in tagged_in(record) if record.text is None else ():  # marked ones were seen as they came
            if flaw := loose_edge(entity):
                self._findings.add(flaw, record.row, record.split, task=task, example=shown(entity))
        self.repeats.add(record, self._findings)
        if self._own is not None:
            self._compare_with_others(record, self._own)
        if record.split is not None:
            self._note_labels(record, self.labels_by_split.setdefault(record.split, {}))
        if self._count_pieces is not None:
            self._waiting.append(record)
            self._n_waiting += len(surface) + 1
            if self._n_waiting >= _CHARACTERS_AT_ONCE:
                self._count_waiting()

    def report(self) -> None:
        """When all records were seen: tell what only shows then."""
        self._count_waiting()
        if self.n_unknown_pieces > MANY_UNKNOWN * self.lengths.total("pieces"):
            self._findings.worsen("unknown_pieces")
        self.repeats.report(self._findings)
        train = self.labels_by_split.get(SPLITS[0])
        for split in SPLITS[1:] if train is not None else ():
            for task, labels in self.labels_by_split.get(split, {}).items():
                unseen = sorted(labels - (train or {}).get(task, set()))
                for label in unseen:
                    self._findings.add("unseen_labels", task=task, example=f"{shown(label)} in {split}")

    def _compare_with_others(self, record: Record, own: TextSet) -> None:
        text = fingerprint_of(record)
        own.add(text)
        for path, texts in self._others.items():
            if kind := texts.holds(text):
                self._findings.add(f"{kind}_elsewhere", record.row, record.split, example=f"in {path}")

    @staticmethod
    def _note_labels(record: Record, seen: dict[str, set[str]]) -> None:
        for task, label in record.labels.items():
            seen.setdefault(task, set()).add(label)
        for task, tags in record.tags.items():
            seen.setdefault(task, set()).update({tag[2:] for tag in tags} - {""})

    def _count_waiting(self) -> None:
        records, self._waiting, self._n_waiting = self._waiting, [], 0
        if self._count_pieces is None or not records:
            return
        lengths, unknown = self._count_pieces(records)
        for record, length, n_unknown in zip(records, lengths, unknown, strict=True):
            self.lengths.add("pieces", length)
            if self._max_length is not None and length > self._max_length:
                self._findings.add("beyond_max_length", record.row, record.split)
            if n_unknown:
                self.n_unknown_pieces += n_unknown
                self._findings.add("unknown_pieces", record.row, record.split, example=self._unknown_word(record))

    def _unknown_word(self, record: Record) -> str | None:
        """The first word of a record that the tokenizer does not know, while examples are wanted."""
        if self._count_pieces is None or self._n_unknown_words >= EXAMPLES_LISTED:
            return None
        self._n_unknown_words += 1
        words = record.words or record.surface.split()
        _, unknown = self._count_pieces([Record(row=record.row, words=(word,)) for word in words])
        return next((shown(word) for word, n_unknown in zip(words, unknown, strict=True) if n_unknown), None)
