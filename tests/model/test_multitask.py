"""Poolings, heads, and how many numbers learn."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import BertModel

from tandem.errors import TandemError
from tandem.model.dropout import piece_identities
from tandem.model.multitask import MultiTaskModel, pool
from tests.model.references import BERT_BASE, HEADS, load_ours, random_batch


def test_bert_base_has_the_known_number_of_weights(bert_base: MultiTaskModel) -> None:
    assert sum(parameter.numel() for parameter in bert_base.parameters()) == 108_906_259
    assert sum(parameter.numel() for parameter in bert_base.heads.parameters()) == 14_611


@torch.no_grad()
def test_forward_scores_texts_and_pieces(model: MultiTaskModel) -> None:
    ids, mask = random_batch([4, 9])
    scores = model(ids, mask)
    assert {task: tuple(score.shape) for task, score in scores.items()} == {"sentiment": (2, 3), "entities": (2, 9, 5)}
    assert set(model(ids, mask, ["entities"])) == {"entities"}
    assert torch.equal(model(ids, mask, ["entities"])["entities"], scores["entities"])


@torch.no_grad()
def test_stored_vectors_give_the_same_scores(model: MultiTaskModel) -> None:
    ids, mask = random_batch([4, 9])
    scores, hidden = model(ids, mask), model.encode(ids, mask)
    assert torch.equal(model.apply_head("sentiment", model.pool(hidden, mask)), scores["sentiment"])
    assert torch.equal(model.apply_head("entities", hidden), scores["entities"])


def _pooled_alone(text: Tensor, pooling: str) -> Tensor:
    return {"cls": text[0], "mean": text.sum(dim=0) / len(text), "max": text.max(dim=0).values}[pooling]


def test_heads_drop_by_identity(checkpoint: Path) -> None:
    """From gathered or stored vectors as from whole batches, if they bring their identities."""
    model = load_ours(checkpoint, dropout=0.4).train()
    ids, mask = random_batch([4, 9])
    model.noise.seat(1, 2, np.array([40, 90]))
    scores, hidden = model(ids, mask), model.encode(ids, mask)
    model.noise.seat(1, 2, [0])  # the heads ask for seed and step alone
    keys = torch.tensor([40, 90])
    rows, columns = mask.nonzero(as_tuple=True)
    pieces = model.apply_head("entities", hidden[rows, columns], piece_identities(keys[rows], columns))
    assert torch.allclose(pieces, scores["entities"][mask], atol=1e-6)
    texts = model.apply_head("sentiment", model.pool(hidden, mask), piece_identities(keys, torch.tensor(0)))
    assert torch.allclose(texts, scores["sentiment"], atol=1e-6)
    with pytest.raises(AssertionError, match="identities"):
        model.apply_head("entities", hidden)


@pytest.mark.parametrize("pooling", ["cls", "mean", "max"])
def test_pooling_leaves_padding_out(pooling: str) -> None:
    _, mask = random_batch([1, 6, 3])
    hidden = torch.randn(3, 6, 8) - 2
    expected = torch.stack([_pooled_alone(text[real], pooling) for text, real in zip(hidden, mask, strict=True)])
    assert torch.allclose(pool(hidden, mask, pooling), expected, atol=1e-6)


@torch.no_grad()
def test_pooler_equals_the_reference(checkpoint: Path, reference: BertModel) -> None:
    model = load_ours(checkpoint, pooling="pooler")
    ids, mask = random_batch([1, 6, 3])
    pooled = model.pool(model.encode(ids, mask), mask)
    assert torch.allclose(pooled, reference(ids, mask.long()).pooler_output, atol=1e-5)


def test_heads_are_drawn_from_their_generator(checkpoint: Path) -> None:
    first, second = load_ours(checkpoint), load_ours(checkpoint)
    second.initialise_heads(torch.Generator().manual_seed(1))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    second.initialise_heads(torch.Generator().manual_seed(2))
    assert not torch.equal(first.heads["sentiment"].linear.weight, second.heads["sentiment"].linear.weight)
    assert torch.count_nonzero(first.heads["entities"].linear.bias) == 0
    assert 0.01 < first.heads["entities"].linear.weight.std().item() < 0.03


def test_a_pretrained_pooler_is_kept(checkpoint: Path, reference: BertModel) -> None:
    model = load_ours(checkpoint, pooling="pooler")
    assert model.pooler is not None
    assert torch.equal(model.pooler.weight, reference.pooler.dense.weight)


def test_a_frozen_encoder_stays_in_evaluation(checkpoint: Path) -> None:
    model = load_ours(checkpoint, dropout=0.1, encoder_dropout=0.1)
    assert model.train().encoder.training
    model.encoder.requires_grad_(False)
    model.train()
    assert model.heads.training
    assert not any(module.training for module in model.encoder.modules())


@pytest.mark.parametrize("task", ["a.b", "keys", "train", ""])
def test_a_name_that_weights_cannot_bear_is_refused(task: str) -> None:
    with torch.device("meta"), pytest.raises(TandemError, match="cannot be a task's name"):
        MultiTaskModel(BERT_BASE, {task: HEADS["sentiment"]}, pooling="mean", dropout=0.0, encoder_dropout=0.0)
