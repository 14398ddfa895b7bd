"""How a corpus will be used once it is inspected: by which tasks and rules, cut into pieces by which tokenizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tandem.corpora.inspection.findings import Severity
from tandem.corpora.inspection.lengths import CountPieces
from tandem.corpora.leakage.leakage import TextSet
from tandem.params import Clean, Params, Task

_STRICT = {
    "unknown_label": ("unknown_labels",),
    "unknown_tag": ("unknown_tags",),
    "illegal_tags": ("tags_repaired",),
    "missing_word": ("rows_missing_word", "rows_empty_word"),
    "missing_tag": ("sentences_missing_tag",),
}
"""What is an error where a rule says `error`."""
_MILD = Clean(
    html="remove",
    drop_characters=None,
    unknown_label="drop",
    unknown_tag="drop",
    illegal_tags="repair",
    missing_word="drop_row",
    missing_tag="drop_sentence",
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a corpus will be used: the params' rules (None: mild ones), and how pieces are counted, if they are.

    `skipped` says why something is not looked at. `others` are by path the texts of corpora inspected before, and
    `own` is where this one's go.
    """

    tasks: Mapping[str, Task] = field(default_factory=dict)
    rules: Clean = _MILD
    max_length: int | None = None
    are_long_texts_cut: bool = False
    count_pieces: CountPieces | None = None
    skipped: tuple[str, ...] = ()
    others: Mapping[str, TextSet] = field(default_factory=dict)
    own: TextSet | None = None

    @property
    def mild_rules(self) -> Clean:
        """The rules, but counting where they would stop."""
        return replace(self.rules, **{rule: getattr(_MILD, rule) for rule in self._strict})

    @property
    def severities(self) -> dict[str, Severity]:
        """How grave findings are that the params make graver, by kind."""
        severities: dict[str, Severity] = {kind: "error" for rule in self._strict for kind in _STRICT[rule]}
        return severities | ({"beyond_max_length": "warning"} if self.are_long_texts_cut else {})

    @property
    def _strict(self) -> list[str]:
        return [rule for rule in _STRICT if getattr(self.rules, rule) == "error"]


def settings_of(
    params: Params | None, section: str | None, *, count_pieces: CountPieces | None, skipped: Sequence[str]
) -> Settings:
    """What the params say; their tasks count only for a corpus that has a section in them."""
    if params is None:
        return Settings(count_pieces=count_pieces, skipped=tuple(skipped))
    return Settings(
        tasks={} if section is None else params.tasks,
        rules=params.clean,
        max_length=params.tokenize_align.max_length,
        are_long_texts_cut=params.tokenize_align.long_texts == "cut",
        count_pieces=count_pieces,
        skipped=tuple(skipped),
    )
