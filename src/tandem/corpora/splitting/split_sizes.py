"""How many texts each split is to have, and whether it got some."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from tandem.corpora.schema.records import SPLITS
from tandem.corpora.splitting.allocation import Ints
from tandem.corpora.splitting.split_report import SplitReport
from tandem.errors import TandemError
from tandem.params import Split


def sizes_of(settings: Split, n_texts: int, n_before: int, *, given: Collection[str] = ()) -> Ints:
    """Texts to draw for each split of those that are there, none for valid or test if the corpus came with it.

    `n_before` is how many there were before sampling. Raises `TandemError` if the sizes asked for are impossible.
    """
    there = f"{n_texts} texts" + ("" if n_texts == n_before else f" ({settings.sample:g} of {n_before})")
    there += " of train" if given else ""
    asked = {
        name: 0 if name in given else _size(f"split.{name}", getattr(settings, name), n_texts, there)
        for name in SPLITS[1:]
    }
    n_train = n_texts - sum(asked.values())
    if n_train < 1:
        wanted = " and ".join(f"{size} for {name}" for name, size in asked.items())
        raise TandemError(
            f"there are {there}, and {wanted} were asked for, which leaves none for train: "
            "lower split.valid or split.test, or give more texts"
        )
    return np.array([n_train, *asked.values()])


def rounded(number: float) -> int:
    """Halves go up, where Python's own rounding goes to the even neighbour."""
    return int(number + 0.5)


def check_filled(sizes: Ints, report: SplitReport, sample: float) -> None:
    """Raise `TandemError` if a split got nothing: the units are too large for it, or its sample is too small."""
    for name, size in zip(SPLITS, sizes.tolist(), strict=True):
        if size and not report.sizes[name]:
            raise TandemError(
                f"{name} would be empty where {size} texts were asked for: copies and groups stay together, and the "
                f"{report.n_units} groups hold up to {report.largest_unit} texts; change split.valid and split.test, "
                "or the corpus's group column"
            )
    empty = [name for name in report.given if not report.sizes[name]]
    if empty:
        raise TandemError(
            f"split.sample = {sample:g} leaves no text of {empty[0]}, which the corpus came with: raise it"
        )


def _size(key: str, asked: float, n_texts: int, there: str) -> int:
    if asked >= 1:
        if asked != int(asked):
            raise TandemError(f"{key} must be a fraction below 1 or a whole number of texts, got {asked:g}")
        return int(asked)
    size = rounded(asked * n_texts)
    if asked > 0 and size == 0:
        raise TandemError(f"{key} = {asked:g} of {there} would be empty: raise it, set it to 0, or give more texts")
    return size
