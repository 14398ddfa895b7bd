"""Masks that belong to a text: the right share, independent of everything else, and the same in any batch."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tandem.model.dropout import Dropout, Noise, hashed, piece_identities
from tandem.model.multitask import MultiTaskModel
from tests.model.references import load_ours, random_batch


def dropped(
    dropout: Dropout, values: Tensor, *, step: int = 0, keys: Sequence[int] | None = None, seed: int = 7
) -> Tensor:
    """Drop from the pieces of texts (batch, seq, channels)."""
    dropout.noise.seat(seed, step, range(len(values)) if keys is None else keys)
    return dropout(values, dropout.noise.draws(dropout.noise.identities(values.shape[:2], values.device)))


def kept(dropout: Dropout, shape: tuple[int, int, int], **place: object) -> Tensor:
    """Which of `shape` values are kept."""
    return dropped(dropout, torch.ones(shape), **place) != 0  # type: ignore[arg-type]


def correlation(first: Tensor, second: Tensor) -> float:
    return float(np.corrcoef(first.flatten().numpy(), second.flatten().numpy())[0, 1])


def is_chance(counts: Tensor, n: int, prob: float) -> bool:
    """Whether counts, each of `n` draws, spread as binomial ones do: chi-square within five deviations."""
    freedom = counts.numel()
    chi_square = ((counts - n * prob) ** 2).sum().item() / (n * prob * (1 - prob))
    return abs(chi_square - freedom) < 5 * (2 * freedom) ** 0.5


@pytest.mark.parametrize("prob", [0.1, 0.37, 0.5])
def test_the_share_is_right(prob: float) -> None:
    dropout = Dropout(prob, noise=Noise())
    n_kept = sum(int(kept(dropout, (64, 64, 384), step=step).sum()) for step in range(40))
    n_all = 40 * 64 * 64 * 384
    assert abs(1 - n_kept / n_all - prob) < 1e-4


def test_what_is_kept_is_scaled() -> None:
    dropout = Dropout(0.2, noise=Noise())
    values = torch.randn(3, 5, 7, dtype=torch.float64)
    found = dropped(dropout, values)
    drawn_share = round(0.2 * 65536) / 65536
    assert torch.allclose(found[found != 0], values[found != 0] / (1 - drawn_share), rtol=1e-12)
    assert 0 < (found == 0).sum() < found.numel()


def test_masks_are_independent() -> None:
    """Over seeds, steps, texts, sites, positions and channels the correlation is within five standard errors."""
    noise = Noise()
    here, there = Dropout(0.3, noise=noise), Dropout(0.3, noise=noise)
    shape = (1, 256, 384)
    masks = [
        kept(here, shape),
        kept(here, shape, step=1),
        kept(here, shape, keys=[1]),
        kept(here, shape, keys=[1 << 48]),
        kept(here, shape, seed=8),
        kept(here, shape, seed=7 + (1 << 32)),
        kept(there, shape),
    ]
    masks += [masks[0].roll(shift, dims=1) for shift in (1, 2, 64)]
    masks += [masks[0].roll(shift, dims=2) for shift in (1, 2, 3, 4, 8, 128)]
    bound = 5 / (256 * 384) ** 0.5
    assert all(abs(correlation(first, second)) < bound for first, second in combinations(masks, 2))


@pytest.mark.parametrize("prob", [0.1, 0.5])
def test_sums_spread_as_chance_does(prob: float) -> None:
    """Of a vector, a position over texts, a channel, a block of channels; and over sites and steps."""
    noise = Noise()
    sites = [Dropout(prob, noise=noise) for _ in range(8)]
    drops = torch.stack([torch.stack([~kept(site, (16, 32, 64), step=step) for site in sites]) for step in range(16)])
    sizes = drops.shape  # (steps, sites, texts, positions, channels)
    for summed in ((4,), (3,), (2,), (1,), (0,), (0, 1), (2, 3), (3, 4), (0, 1, 2, 3)):
        n = int(np.prod([sizes[axis] for axis in summed]))
        assert is_chance(drops.sum(dim=summed).double(), n, prob), summed
    both = drops[..., :-1] & drops[..., 1:]
    assert is_chance(both.sum(dim=(0, 1, 2, 3)).double(), drops[..., 0].numel(), prob**2)


def test_every_pattern_of_neighbours_is_as_likely() -> None:
    """Four draws come from one word: all 16 patterns of them, and of four words' same quarters, are as frequent."""
    mask = kept(Dropout(0.5, noise=Noise()), (64, 64, 384)).long()
    powers = torch.tensor([1, 2, 4, 8])
    for patterns in (mask.view(-1, 4) * powers, mask.view(-1, 96 // 4, 4, 4).transpose(2, 3) * powers):
        counts = patterns.sum(dim=-1).flatten().bincount(minlength=16).double()
        expected = counts.sum() / 16
        assert ((counts - expected) ** 2 / expected).sum() < 15 + 5 * 30**0.5


def test_masks_are_reproducible() -> None:
    dropout = Dropout(0.3, noise=Noise())
    first = kept(dropout, (4, 9, 16), step=5)
    torch.manual_seed(1)
    kept(dropout, (2, 3, 16), step=6)
    assert torch.equal(kept(dropout, (4, 9, 16), step=5), first)
    assert torch.equal(kept(Dropout(0.3, noise=Noise()), (4, 9, 16), step=5), first)


def test_the_draws_are_those_of_every_machine() -> None:
    """Written down, so that no other device or release draws others unseen."""
    assert hashed(0) == -2152535657050944081  # splitmix64's first number
    assert piece_identities(torch.tensor(0), torch.tensor(0)).item() == hashed(hashed(0))
    assert piece_identities(torch.tensor(-5), torch.tensor(3)).item() == hashed(hashed(-5) + 3)
    found = kept(Dropout(0.5, noise=Noise()), (1, 2, 16), keys=[12], step=3).int().flatten(1)[0]
    assert "".join(map(str, found.tolist())) == "11001100001111101111000110111000"


def test_splitting_a_batch_changes_nothing() -> None:
    """A batch of 32, and its texts by four in another order with other padding, at the real positions."""
    dropout = Dropout(0.3, noise=Noise())
    lengths = [1 + (7 * row) % 20 for row in range(32)]

    def masks(rows: list[int], padding: int) -> dict[int, Tensor]:
        seq = max(lengths[row] for row in rows) + padding
        found = kept(dropout, (len(rows), seq, 24), keys=rows)
        return {row: mask[: lengths[row]] for row, mask in zip(rows, found, strict=True)}

    whole = masks(list(range(32)), padding=0)
    order = np.random.default_rng(3).permutation(32).tolist()
    for start in range(0, 32, 4):
        for row, mask in masks(order[start : start + 4], padding=start % 3).items():
            assert torch.equal(mask, whole[row])


def test_a_whole_model_sees_neither_the_split_nor_the_padding(checkpoint: Path) -> None:
    """Attention's masks included, with texts that share a block and texts that do not."""
    model = load_ours(checkpoint, dropout=0.2, encoder_dropout=0.2).train()
    ids, mask = random_batch([5, 9, 3, 14, 13])

    def scores(rows: list[int], seq: int, *, step: int = 3, skips_padding: bool = False) -> Tensor:
        model.encoder.skips_padding = skips_padding
        model.noise.seat(7, step, [row + 100 for row in rows])
        found = model(ids[rows, :seq], mask[rows, :seq])
        return torch.cat([found["sentiment"], found["entities"][:, :3].flatten(1)], dim=1)

    whole = scores([0, 1, 2, 3, 4], 14)
    assert torch.allclose(scores([0, 1, 2, 3, 4], 14, skips_padding=True), whole, atol=1e-5)
    for skips in (False, True):
        places = (([0, 2], 5), ([1], 9), ([4, 3], 14))
        parts = torch.cat([scores(rows, seq, skips_padding=skips) for rows, seq in places])
        assert torch.allclose(parts, whole[[0, 2, 1, 4, 3]], atol=1e-5)
    assert not torch.allclose(scores([0, 1, 2, 3, 4], 14, step=4), whole, atol=1e-2)


def test_the_gradient_has_the_same_mask() -> None:
    dropout = Dropout(0.3, noise=Noise())
    values = torch.randn(2, 3, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda values: dropped(dropout, values), values)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_what_is_left_is_added_to_others(dtype: torch.dtype) -> None:
    """With gradients to both, each in its own type; without dropout it is a plain sum."""
    dropout = Dropout(0.3, noise=Noise())
    dropout.noise.seat(7, 0, range(2))
    draws = dropout.noise.draws(dropout.noise.identities((2, 3), torch.device("cpu")))
    values = torch.randn(2, 3, 7, dtype=torch.float64).to(dtype).requires_grad_()
    others = torch.randn(2, 3, 7, dtype=torch.float64, requires_grad=True)
    found, expected = dropout(values, draws, onto=others), others + dropout(values.double(), draws)
    assert torch.allclose(found, expected, rtol=1e-12)
    towards = torch.randn(2, 3, 7, dtype=torch.float64)
    ours, theirs = (torch.autograd.grad(sums, (values, others), towards) for sums in (found, expected))
    assert ours[0].dtype == dtype
    assert torch.allclose(ours[0], theirs[0], rtol=4 * torch.finfo(dtype).eps)
    assert torch.equal(ours[1], theirs[1])
    assert torch.equal(Dropout(0.0, noise=Noise())(values, None, onto=others), others + values)


def test_zero_and_evaluation_cost_nothing() -> None:
    values = torch.randn(2, 3, 4)
    assert Dropout(0.0, noise=Noise())(values, None) is values
    assert Dropout(0.5, noise=Noise()).eval()(values, None) is values


def test_training_without_a_seat_is_refused() -> None:
    noise = Noise()
    with pytest.raises(AssertionError, match=r"noise\.seat"):
        noise.identities((2, 3), torch.device("cpu"))
    noise.seat(7, 0, [4, 5, 6])
    with pytest.raises(AssertionError, match="seated for 3 texts, got 2"):
        noise.identities((2, 3), torch.device("cpu"))
    with pytest.raises(AssertionError, match="share their noise"):
        noise.seat(7, 0, [4, 4])
    with pytest.raises(AssertionError, match="needs the identities"):
        Dropout(0.1, noise=noise)(torch.ones(3, 4), None)


def test_every_place_has_its_own_site(checkpoint: Path) -> None:
    model: MultiTaskModel = load_ours(checkpoint, dropout=0.1, encoder_dropout=0.1)
    sites = [module.site for module in model.modules() if isinstance(module, Dropout)]
    assert len(sites) == 1 + 3 * 3 + 2
    assert len(set(sites)) == len(sites)
