"""Ours against the training loop that users write out: everything padded to 512, batches of 8, tasks in turn."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor
from torch.optim import AdamW
from torch.utils.data import DataLoader

from tandem.model.pretrained import locate
from tandem.tokens.batches.examples import Examples
from tests.benchmarks import Measurement, Request, in_turn, ours
from tests.benchmarks.finetuning import label_counts
from tests.benchmarks.reference import Reference, as_tensors, collate
from tests.benchmarks.samples import Sizes, as_rows, describe, prepare

PADDED_LENGTH = 512
BATCH = Sizes(8, 8)
RATE = 1e-4
EPOCHS = 3

Batch = dict[str, Tensor]


def full_finetuning(request: Request) -> Measurement:
    """All weights learn; examples a second over the same examples."""
    steps = request.size(2, 1)  # of each task
    with tempfile.TemporaryDirectory() as folder:
        examples = prepare(request, Path(folder), BATCH.times(steps))
        learn = _ours(request, examples, schedule="alternating")
        model = Reference(locate(request.pretrained), **label_counts(examples)).train()
        batches = _alternating(examples)
        note = f"a round is {2 * steps} steps of 8 over {describe(examples)}; {_told()}"
        measured = in_turn(
            learn,
            lambda: _train_all(model, batches()),
            rounds=request.rounds,
            warm_up=not request.quick,
            note=note,
            limit=8.0,
        )
    return measured.per_second(sum(BATCH) * steps, "examples")


def frozen(request: Request) -> Measurement:
    """The heads learn for three epochs; the plain loop's time is that of a few random steps, scaled to all."""
    n_texts, sampled = request.size(2000, 40), request.size(4, 1)  # of each task, in each round
    with tempfile.TemporaryDirectory() as folder:
        examples = prepare(request, Path(folder), Sizes(n_texts, n_texts))
        learn = _ours(request, examples, schedule="alternating", trainable="heads_only", epochs=EPOCHS)
        model = Reference(locate(request.pretrained), **label_counts(examples)).eval()
        batches = _alternating(examples)
        steps = 2 * EPOCHS * -(-n_texts // 8)
        note = (
            f"{EPOCHS} epochs over {describe(examples)}, batches of 8 ({steps:,} steps); the reference is "
            f"{2 * sampled} random steps a round, scaled to all; {_told()}"
        )
        measured = in_turn(
            learn,
            lambda: _train_heads(model, batches(sampled)),
            rounds=request.rounds,
            warm_up=not request.quick,
            note=note,
            limit=60.0,
        )
    factor = steps / (2 * sampled)
    return replace(measured, reference=measured.reference * factor, ratio=measured.ratio * factor)


def _ours(request: Request, examples: Examples, **changes: object) -> Callable[[], None]:
    chosen = ours.execution(request.pretrained, BATCH, precision="float32")
    model = ours.build(request.pretrained, examples, chosen)
    wanted = ours.settings(BATCH, **changes)
    return partial(ours.train, model, examples, wanted, chosen, saves=wanted.trainable == "heads_only")


def _alternating(examples: Examples) -> Callable[..., Iterable[Batch]]:
    """Batches of one task after the other, anew in each call; `count` limits them, by task."""
    pad = partial(collate, length=PADDED_LENGTH)
    loaders = [
        DataLoader(as_tensors(rows), batch_size=8, shuffle=True, collate_fn=pad) for rows in as_rows(examples).values()
    ]

    def batches(count: int | None = None) -> Iterable[Batch]:
        pairs = zip(range(count if count is not None else len(loaders[0])), *loaders, strict=False)
        return chain.from_iterable(pair[1:] for pair in pairs)

    return batches


def _train_all(model: Reference, batches: Iterable[Batch]) -> None:
    optimizer = AdamW(model.parameters(), lr=RATE, fused=True)
    for batch in batches:
        model(**batch)["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()


def _train_heads(model: Reference, batches: Iterable[Batch]) -> None:
    """The encoder runs in every step, without gradients and dropout."""
    heads = (model.text_head.train(), model.piece_head.train())
    optimizer = AdamW([weight for head in heads for weight in head.parameters()], lr=RATE, fused=True)
    for batch in batches:
        ids, mask = batch.pop("input_ids"), batch.pop("attention_mask")
        with torch.no_grad():
            hidden = model.encoder(ids, attention_mask=mask).last_hidden_state
        model.loss(hidden, mask, batch.get("text_labels"), batch.get("piece_labels")).backward()
        optimizer.step()
        optimizer.zero_grad()


def _told() -> str:
    return "cpu, float32; reference: BertModel on texts padded to 512, batches of 8, tasks alternating, AdamW"
