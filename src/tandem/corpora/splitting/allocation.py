"""Dividing units of texts into parts of given sizes, each stratum in proportion.

Legend: `texts`, `units` (texts that stay together), `strata` (texts of like labels), `annotations` (all that a text
may be labelled with), `features` (single labels and entity types), `parts`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Texts(NamedTuple):
    """What is known of each text: `units`, `strata` and `annotations` (texts); `features` (annotations, features)."""

    units: Ints
    strata: Ints
    annotations: Ints
    features: Floats


def connect(keys: NDArray[np.uint64], groups: Ints) -> Ints:
    """Number the connected components of texts with equal keys or equal groups (-1: none): (texts) to (texts)."""
    _, key_numbers = np.unique(keys, return_inverse=True)
    if groups.max(initial=-1) < 0:
        return key_numbers
    alone = groups.max(initial=-1) + 1 + key_numbers
    nodes = np.where(groups < 0, alone, groups)  # a text without a group is in that of its copies
    order = np.lexsort((nodes, key_numbers))
    is_edge = (np.diff(key_numbers[order]) == 0) & (np.diff(nodes[order]) != 0)
    edges = np.stack([nodes[order][:-1][is_edge], nodes[order][1:][is_edge]], axis=1)
    parents = np.arange(nodes.max(initial=-1) + 1)
    for one, other in edges.tolist():
        parents[_root(parents, one)] = _root(parents, other)
    roots = {node: _root(parents, node) for node in np.unique(edges).tolist()}
    parents[list(roots)] = list(roots.values())
    _, units = np.unique(parents[nodes], return_inverse=True)
    return units.astype(np.int64)


def shuffled_ranks(units: Ints, keys: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """A random number for each unit, which depends on the seed and the unit's texts alone: (texts) to (units)."""
    least = np.full(units.max(initial=-1) + 1, np.iinfo(np.uint64).max)
    np.minimum.at(least, units, keys)
    return _mixed(least ^ _mixed(np.array([seed], dtype=np.uint64)))


def allocate(texts: Texts, ranks: NDArray[np.uint64], targets: Ints) -> Ints:
    """Give each text (texts) a part, whole units at a time, so that part k gets `targets[k]` texts.

    Exact, in sum and (to less than one text) in each stratum, where units are single texts. Units of several texts
    go first; single texts then fill up. Strata too small to reach every part count as one.
    """
    strata = _merge_small(texts.strata, targets)
    parts = _place_large(texts, ranks, targets)
    single = parts < 0
    n_filled = np.bincount(parts[~single], minlength=len(targets))
    filled = np.zeros((strata.max(initial=-1) + 1, len(targets)))
    np.add.at(filled, (strata[~single], parts[~single]), 1)
    wanted = np.outer(np.bincount(strata), targets / targets.sum())  # (strata, parts)
    room, lacking = np.maximum(targets - n_filled, 0), np.maximum(wanted - filled, 0)
    parts[single] = _place_single(strata[single], ranks[texts.units[single]], room, lacking)
    return parts


def _place_large(texts: Texts, ranks: NDArray[np.uint64], targets: Ints) -> Ints:
    """Place units of several texts (texts); single texts get -1.

    Those with the rarest features go first, of these the largest (Sechidis et al. 2011). Each goes to the part with
    room for it where the squared deviations of its features from their shares, over these, grow least (of a rare
    feature, that is the largest part), or else to the one with most room.
    """
    totals = np.bincount(texts.annotations, minlength=len(texts.features)) @ texts.features  # (features)
    wanted = np.maximum(np.outer(totals, targets / targets.sum()), 1e-9)  # (features, parts)
    filled, room = np.zeros_like(wanted), targets.copy()
    sizes = np.bincount(texts.units)
    by_unit, ends = np.argsort(texts.units, kind="stable"), np.cumsum(sizes)
    parts = np.full(len(texts.units), -1)
    for unit in _large_units(texts, sizes, totals, ranks):
        members = by_unit[ends[unit] - sizes[unit] : ends[unit]]
        having = texts.features[texts.annotations[members]].sum(axis=0)  # (features)
        gain = (having / np.maximum(totals, 1)) @ (2 - (2 * filled + having[:, None]) / wanted)  # (parts)
        fits = room >= sizes[unit]
        part = np.argmax(np.where(fits, np.round(gain, 9), -np.inf)) if fits.any() else np.argmax(room)
        parts[members] = part
        filled[:, part] += having
        room[part] -= sizes[unit]
    return parts


def _large_units(texts: Texts, sizes: Ints, totals: Floats, ranks: NDArray[np.uint64]) -> list[int]:
    """The units of several texts in the order of their rarest feature, then of their size."""
    rarest = np.where(texts.features > 0, totals, np.inf).min(axis=1, initial=np.inf)  # (annotations)
    rarity = np.full(len(sizes), np.inf)
    np.minimum.at(rarity, texts.units, rarest[texts.annotations])
    large = np.flatnonzero(sizes > 1)
    order: list[int] = large[np.lexsort((ranks[large], -sizes[large], rarity[large]))].tolist()
    return order


def _place_single(strata: Ints, ranks: NDArray[np.uint64], room: Ints, lacking: Floats) -> Ints:
    """Place single texts: of each stratum in the order of their ranks, as many a part as it lacks."""
    left = np.bincount(strata, minlength=len(lacking))
    firsts = np.cumsum(left) - left
    limits = np.zeros_like(left)
    order = np.lexsort((ranks, strata))
    positions = np.arange(len(order)) - firsts[strata[order]]
    parts = np.zeros(len(order), dtype=np.int64)
    for part in range(len(room) - 1, 0, -1):
        taken = _apportion(lacking[:, part], min(int(room[part]), int(left.sum())), left)
        begins, limits, left = limits, limits + taken, left - taken
        mine = (positions >= begins[strata[order]]) & (positions < limits[strata[order]])
        parts[order[mine]] = part
    return parts


def _apportion(weights: Floats, total: int, capacities: Ints) -> Ints:
    """Divide `total` in proportion to the weights by largest remainders, none above its capacity."""
    if not weights.sum():
        weights = capacities.astype(np.float64)
    quotas = np.minimum(weights * total / max(weights.sum(), 1e-9), capacities)
    counts: Ints = np.floor(quotas + 1e-9).astype(np.int64)
    order = np.argsort(np.round(counts - quotas, 9), kind="stable")
    while (missing := total - int(counts.sum())) > 0:
        open_ones = order[(counts < capacities)[order]][:missing]
        counts[open_ones] += 1
    return counts


def _merge_small(strata: Ints, targets: Ints) -> Ints:
    """Number the strata anew; those that would give less than half a text to some part become one."""
    _, strata, sizes = np.unique(strata, return_inverse=True, return_counts=True)
    smallest_share = targets[targets > 0].min() / targets.sum()
    small = sizes * smallest_share < 0.5
    _, numbers = np.unique(np.where(small[strata], len(sizes), strata), return_inverse=True)
    return numbers.astype(np.int64)


def _root(parents: Ints, node: int) -> int:
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = int(parents[node])
    return node


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele et al. 2014): every bit of the input turns half of the output's."""
    numbers = numbers + np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
