"""Masks that belong to a text: the right share, independent of everything else, and the same in any batch."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tandem.model.dropout import Dropout, Noise
from tandem.model.multitask import MultiTaskModel
from tests.model.references import load_ours, random_batch


def kept(
    dropout: Dropout, shape: tuple[int, ...], *, step: int = 0, rows: list[int] | None = None, seed: int = 7
) -> Tensor:
    """Which of `shape` values are kept."""
    dropout.noise.seat(seed, step, range(shape[0]) if rows is None else rows)
    return dropout(torch.ones(shape)) != 0


def correlation(first: Tensor, second: Tensor) -> float:
    return float(np.corrcoef(first.flatten().numpy(), second.flatten().numpy())[0, 1])


@pytest.mark.parametrize("prob", [0.1, 0.37, 0.5])
def test_the_share_is_right(prob: float) -> None:
    dropout = Dropout(prob, noise=Noise())
    n_kept = sum(int(kept(dropout, (64, 64, 384), step=step).sum()) for step in range(40))
    n_all = 40 * 64 * 64 * 384
    assert abs(1 - n_kept / n_all - prob) < 1e-4 + 0.5 / 65536


def test_what_is_kept_is_scaled() -> None:
    dropout = Dropout(0.2, noise=Noise())
    dropout.noise.seat(7, 0, range(3))
    values = torch.randn(3, 5, 8, dtype=torch.float64)
    dropped = dropout(values)
    assert torch.allclose(dropped[dropped != 0], values[dropped != 0] / 0.8)
    assert 0 < (dropped == 0).sum() < dropped.numel()


def test_masks_are_independent() -> None:
    """Over seeds, steps, rows, sites and positions the correlation is within five standard errors."""
    noise = Noise()
    here, there = Dropout(0.3, noise=noise), Dropout(0.3, noise=noise)
    shape = (1, 256, 384)
    masks = [
        kept(here, shape),
        kept(here, shape, step=1),
        kept(here, shape, rows=[1]),
        kept(here, shape, rows=[1 << 48]),
        kept(here, shape, seed=8),
        kept(here, shape, seed=7 + (1 << 32)),
        kept(there, shape),
    ]
    masks += [mask.roll(shift, dims=1) for mask in masks[:1] for shift in (1, 2, 64)]
    masks += [mask.roll(1, dims=2) for mask in masks[:1]]
    bound = 5 / (256 * 384) ** 0.5
    assert all(abs(correlation(first, second)) < bound for first, second in combinations(masks, 2))


def test_positions_and_units_are_dropped_alike() -> None:
    dropout = Dropout(0.3, noise=Noise())
    share = torch.stack([kept(dropout, (32, 16, 24), step=step) for step in range(60)]).float().mean(dim=(0, 1))
    assert (share - 0.7).abs().max() < 5 * (0.21 / (60 * 32)) ** 0.5


def test_masks_are_reproducible() -> None:
    dropout = Dropout(0.3, noise=Noise())
    first = kept(dropout, (4, 9, 16), step=5)
    torch.manual_seed(1)
    kept(dropout, (2, 3, 16), step=6)
    assert torch.equal(kept(dropout, (4, 9, 16), step=5), first)
    assert torch.equal(kept(Dropout(0.3, noise=Noise()), (4, 9, 16), step=5), first)


@pytest.mark.parametrize("attention", [False, True])
def test_splitting_a_batch_changes_nothing(attention: bool) -> None:
    """A batch of 32, and its texts by four in another order with other padding, at the real positions."""
    dropout = Dropout(0.3, noise=Noise())
    lengths = [1 + (7 * row) % 20 for row in range(32)]

    def masks(rows: list[int], padding: int) -> dict[int, Tensor]:
        seq = max(lengths[row] for row in rows) + padding
        shape = (len(rows), 3, seq, seq) if attention else (len(rows), seq, 24)
        found = kept(dropout, shape, rows=rows)
        real = [(slice(None), slice(lengths[row]), slice(lengths[row])) if attention else lengths[row] for row in rows]
        return {
            row: mask[place] if attention else mask[:place] for row, mask, place in zip(rows, found, real, strict=True)
        }

    whole = masks(list(range(32)), padding=0)
    order = np.random.default_rng(3).permutation(32).tolist()
    for start in range(0, 32, 4):
        for row, mask in masks(order[start : start + 4], padding=start % 3).items():
            assert torch.equal(mask, whole[row])


def test_a_whole_model_does_not_see_the_split(checkpoint: Path) -> None:
    model = load_ours(checkpoint, dropout=0.2, encoder_dropout=0.2).train()
    ids, mask = random_batch([5, 9, 3, 14])

    def scores(rows: list[int], seq: int) -> Tensor:
        model.noise.seat(7, 3, [row + 100 for row in rows])
        return model(ids[rows, :seq], mask[rows, :seq], ["sentiment"])["sentiment"]

    whole = scores([0, 1, 2, 3], 14)
    parts = torch.cat([scores([0, 2], 5), scores([1], 9), scores([3], 14)])
    assert torch.allclose(parts, whole[[0, 2, 1, 3]], atol=1e-5)
    model.noise.seat(7, 4, [100, 101, 102, 103])
    assert not torch.allclose(model(ids, mask)["sentiment"], whole, atol=1e-2)


def test_zero_and_evaluation_cost_nothing() -> None:
    values = torch.randn(2, 3, 4)
    assert Dropout(0.0, noise=Noise())(values) is values
    assert Dropout(0.5, noise=Noise()).eval()(values) is values


def test_training_without_a_seat_is_refused() -> None:
    dropout = Dropout(0.1, noise=Noise())
    with pytest.raises(AssertionError, match=r"noise\.seat"):
        dropout(torch.ones(2, 3))
    dropout.noise.seat(7, 0, [4, 5, 6])
    with pytest.raises(AssertionError, match="seated for 3 texts, got 2"):
        dropout(torch.ones(2, 3))
    with pytest.raises(AssertionError, match="share their noise"):
        dropout.noise.seat(7, 0, [4, 4])


def test_every_place_has_its_own_site(checkpoint: Path) -> None:
    model: MultiTaskModel = load_ours(checkpoint, dropout=0.1, encoder_dropout=0.1)
    sites = [module.site for module in model.modules() if isinstance(module, Dropout)]
    assert len(sites) == 1 + 3 * 3 + 2
    assert len(set(sites)) == len(sites)
