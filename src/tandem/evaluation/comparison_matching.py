"""Which test texts two sides share, and what is counted of each.

Texts are the same if they stand in the same row of the same corpus and have the same gold answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tandem.evaluation.comparison_sources import Run, TaskAnswers, Text, Unit
from tandem.evaluation.scoring.class_counts import class_counts
from tandem.evaluation.scoring.entity_counts import entity_counts
from tandem.evaluation.scoring.text_counts import Counts

CLASS_SCORES = ("accuracy", "macro_f1")
ENTITY_SCORES = ("precision", "recall", "f1", "token_accuracy")


class Matched(NamedTuple):
    """A task on both sides; if they are comparable, `units` are those of the texts that all counts are of, in order.

    Texts of one unit are drawn together.
    """

    headlines: tuple[str, ...]
    units: list[Unit] | None
    counts: tuple[list[Counts], list[Counts]]
    n_texts: tuple[int, int]
    n_shared: int

    @property
    def n_units(self) -> int:
        """How many units the shared texts make, where the sides are comparable."""
        return len(set(self.units or ()))

    @property
    def f1(self) -> str:
        """The score that speaks for the task."""
        return "macro_f1" if "macro_f1" in self.headlines else "f1"

    def mean(self, side: int, score: str) -> float | None:
        """A side's score on all its texts; None if it lacks the task, or has it as another kind."""
        totals = [counts.totals().get(score) for counts in self.counts[side] if counts.n_texts]
        known = [total for total in totals if total is not None]
        return sum(known) / len(known) if known else None


def match_texts(task: str, sides: Sequence[Sequence[Run]], *, only_shared: bool) -> Matched:
    """Find the texts of a task that every run of both sides has, and count them.

    Where a run has others too the sides are not comparable, unless `only_shared` drops those.
    """
    nothing = TaskAnswers((), {})
    found = [[run.tasks.get(task, nothing) for run in side] for side in sides]
    runs = [run for side in found for run in side]
    first, *others = (run.answers for run in runs)
    shared = [text for text, (gold, _) in first.items() if all(_gold(other, text) == gold for other in others)]
    is_same = all(len(run.answers) == len(shared) for run in runs)
    texts = shared if shared and (is_same or only_shared) else None
    labels = {label for run in runs for label in run.labels}
    labels |= {answer for run in runs for pair in run.answers.values() for answer in pair if isinstance(answer, str)}
    numbers = {label: number for number, label in enumerate(sorted(labels))}
    grouping = next((run for run in runs if run.groups), runs[0])
    before, after = ([_counts(run, texts, numbers) for run in side] for side in found)
    return Matched(
        headlines=ENTITY_SCORES if any(run.is_tagging for run in runs) else CLASS_SCORES,
        units=None if texts is None else [grouping.unit_of(text) for text in texts],
        counts=(before, after),
        n_texts=(_n_texts(found[0]), _n_texts(found[1])),
        n_shared=len(shared),
    )


def _gold(answers: Mapping[Text, tuple[object, object]], text: Text) -> object:
    return answers[text][0] if text in answers else None


def _n_texts(side: Sequence[TaskAnswers]) -> int:
    return len({text for run in side for text in run.answers})


def _counts(run: TaskAnswers, texts: Sequence[Text] | None, numbers: Mapping[str, int]) -> Counts:
    """The counts of some texts, or of all that the run has."""
    pairs = [run.answers[text] for text in (run.answers if texts is None else texts)]
    if run.is_tagging:
        return entity_counts([list(gold) for gold, _ in pairs], [list(predicted) for _, predicted in pairs])
    ids = np.array([[numbers[str(answer)] for answer in pair] for pair in pairs], dtype=np.int64).reshape(-1, 2)
    return class_counts(ids[:, 0], ids[:, 1], max(1, len(numbers)))
