"""The names that each task's head tells apart, out of what the corpora call them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import pairwise

from tandem.corpora.schema.tag_schemes import tag_names
from tandem.errors import TandemError
from tandem.params import Task
from tandem.tokens.storage.store import TokenStore

NAMES_LISTED = 10


def task_labels(tasks: Mapping[str, Task], stores: Mapping[str, TokenStore]) -> dict[str, tuple[str, ...]]:
    """The names that each head tells apart, in order: as declared, or as the corpora's training splits hold them.

    For tagging these are `O` and then B- and I- of each entity type. Raises `TandemError` if a task's training
    texts hold fewer than two of them, or if it declares none and its corpora hold different ones.
    """
    found = {}
    for name, task in tasks.items():
        seen = {corpus: _seen(name, task, store) for corpus, store in stores.items()}
        if task.labels is None:
            _check_agreement(name, {corpus: names for corpus, names in seen.items() if names})
        learnt = sorted(set().union(*seen.values()))
        declared = task.labels or learnt
        found[name] = tuple(declared) if task.kind == "classification" else tag_names(declared)
        if len(set(declared) & set(learnt)) < (2 if task.kind == "classification" else 1):
            raise TandemError(
                f"tasks.{name} has nothing to tell apart: its training texts hold {', '.join(learnt) or 'no label'}; "
                "check corpora.*.labels, .tags and .spans, tasks.*.labels, and data/metrics/clean"
            )
    return found


def _seen(name: str, task: Task, store: TokenStore) -> set[str]:
    """The labels, or the entity types, that a corpus's training split holds."""
    labels = store.train_labels.get(name, ())
    return set(labels) if task.kind == "classification" else {tag[2:] for tag in labels if tag != "O"}


def _check_agreement(name: str, seen: Mapping[str, Collection[str]]) -> None:
    for (first, names), (second, others) in pairwise(seen.items()):
        alone = {first: sorted(set(names) - set(others)), second: sorted(set(others) - set(names))}
        differing = [f"{corpus} alone has {_listed(some)}" for corpus, some in alone.items() if some]
        if differing:
            raise TandemError(
                f"tasks.{name}: the corpora do not agree on its labels: {'; '.join(differing)}. What one corpus calls "
                "by another name, or never marks, would be taught as wrong: rename labels under corpora.*.map, or list "
                f"all of them under tasks.{name}.labels if each means the same in every corpus"
            )


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names[:NAMES_LISTED])) + (", ..." if len(names) > NAMES_LISTED else "")
