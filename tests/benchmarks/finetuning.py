"""Full fine-tuning of both tasks at once, in real tokens a second: ours against transformers' `Trainer`."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import torch
from transformers import BertConfig, BertModel

from tandem.hardware.machine import Device, Precision
from tandem.model.pretrained import locate
from tandem.model.weights import read_config
from tandem.tokens.batches.examples import Examples
from tests.benchmarks import Measurement, Request, in_turn, ours
from tests.benchmarks.reference import Reference
from tests.benchmarks.samples import (
    Pick,
    Sizes,
    as_rows,
    count_tokens,
    describe,
    joined,
    narrow,
    prepare,
    spaced,
    text_lengths,
)
from tests.benchmarks.trainer import make_trainer

BATCH = Sizes(sentiment=32, entities=16)  # the params' own
BATCH_ON_GPU = Sizes(sentiment=256, entities=128)
TOKENS_A_ROUND = 20_000


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Where and how both sides compute, and how much."""

    device: Device = "cpu"
    precision: ours.Wanted = "float32"
    their_precision: Precision = "float32"
    batch: Sizes
    steps: int
    epochs: int = 1
    limit: float | None


def against_trainer(request: Request) -> Measurement:
    """The default encoder on the CPU, both in float32."""
    return _on_cpu(request, "float32", "float32", limit=1.7)


def against_trainer_in_bfloat16(request: Request) -> Measurement:
    """The default encoder on the CPU, both in bfloat16."""
    return _on_cpu(request, "bfloat16", "bfloat16", limit=1.7)


def against_trainer_on_mixed_lengths(request: Request) -> Measurement:
    """The default encoder on the CPU, both in float32, on reviews joined to documents of very different length."""
    return _on_cpu(request, "float32", "float32", limit=1.7, pick=joined)


def against_trainer_with_auto(request: Request) -> Measurement:
    """Ours in the precision that `auto` chooses, `Trainer` in its own, float32: unequal, so without a limit."""
    return _on_cpu(request, "auto", "float32", limit=None)


def _on_cpu(
    request: Request,
    precision: ours.Wanted,
    their_precision: Precision,
    *,
    limit: float | None,
    pick: Pick = spaced,
) -> Measurement:
    batch, steps = _small(request, BATCH), request.size(16, 2)
    with tempfile.TemporaryDirectory() as folder:
        examples = prepare(request, Path(folder), batch.times(steps), pick)
        steps = min(steps, max(4, TOKENS_A_ROUND * steps // count_tokens(examples)))
        examples = narrow(examples, batch.times(steps))
        setting = Setting(precision=precision, their_precision=their_precision, batch=batch, steps=steps, limit=limit)
        return _compare(request, examples, setting)


def against_trainer_on_gpu(request: Request) -> Measurement | None:
    """The default encoder on a GPU in bfloat16."""
    if not torch.cuda.is_available():
        return None
    batch, steps = _small(request, BATCH_ON_GPU), request.size(10, 2)
    setting = Setting(
        device="cuda",
        precision="bfloat16",
        their_precision="bfloat16",
        batch=batch,
        steps=steps,
        epochs=request.size(10, 1),
        limit=1.5,
    )
    with tempfile.TemporaryDirectory() as folder:
        return _compare(request, prepare(request, Path(folder), batch.times(steps)), setting)


def against_trainer_on_gpu_base(request: Request) -> Measurement | None:
    """The same with an encoder as large as BERT-base, its weights random."""
    if not torch.cuda.is_available():
        return None
    with tempfile.TemporaryDirectory() as folder:
        return against_trainer_on_gpu(
            replace(request, pretrained=write_random_base(locate(request.pretrained), folder))
        )


def write_random_base(pretrained: Path, folder: str) -> str:
    """Write a random BERT-base with the tokenizer of `pretrained` into `folder`, and return that."""
    config = BertConfig(vocab_size=read_config(pretrained).vocabulary_size)
    BertModel(config).save_pretrained(folder)
    for path in (*pretrained.glob("*token*"), *pretrained.glob("vocab*")):
        (Path(folder) / path.name).write_bytes(path.read_bytes())
    return folder


def _small(request: Request, batch: Sizes) -> Sizes:
    return Sizes(8, 4) if request.quick else batch


def _compare(request: Request, examples: Examples, setting: Setting) -> Measurement:
    """One run each over the same examples in each round."""
    chosen = ours.execution(request.pretrained, setting.batch, device=setting.device, precision=setting.precision)
    wanted = ours.settings(setting.batch, epochs=setting.epochs)
    model = ours.build(request.pretrained, examples, chosen)
    theirs = Reference(locate(request.pretrained), **label_counts(examples))
    rows = list(chain(*as_rows(examples).values()))
    n_tokens = count_tokens(examples) * setting.epochs
    options = {"batch_size": sum(setting.batch), "epochs": setting.epochs}
    options |= {"device": setting.device, "precision": setting.their_precision}
    note = (
        f"{setting.device}, ours in {chosen.precision}, reference in {setting.their_precision}; "
        f"a round is {setting.epochs} x {setting.steps} steps of {sum(setting.batch)} texts over {describe(examples)}; "
        "dropout 0.1 throughout; reference: BertModel, Trainer, group_by_length"
    )
    with tempfile.TemporaryDirectory() as folder:  # each trains once, and then goes, with its optimizer
        trainers = [make_trainer(theirs, rows, folder, **options) for _ in range(request.rounds + 1)]
        measured = in_turn(
            lambda: ours.train(model, examples, wanted, chosen),
            lambda: trainers.pop().train(),
            rounds=request.rounds,
            warm_up=not request.quick,
            note=note,
            limit=setting.limit,
        ).per_second(n_tokens, "tokens")
    return _with_matmul_share(measured, request.pretrained, examples) if setting.device == "cuda" else measured


def label_counts(examples: Examples) -> dict[str, int]:
    """How many labels each head of the reference tells apart."""
    return {"n_labels": len(examples.labels["sentiment"]), "n_tags": len(examples.labels["entities"])}


def _with_matmul_share(measured: Measurement, pretrained: str, examples: Examples) -> Measurement:
    """Add to the note which share of the card's own rate of matrix products the encoder's reach."""
    needed = _operations_a_token(pretrained, examples)
    rate = _matmul_rate()
    mine, theirs = (speed * needed / rate for speed in (measured.ours, measured.reference))
    share = f"; of the card's {rate / 1e12:,.0f} TFLOP/s in bfloat16 products: ours {mine:.1%}, reference {theirs:.1%}"
    return replace(measured, note=measured.note + share)


def _operations_a_token(pretrained: str, examples: Examples) -> float:
    """Floating-point operations of a real token's matrix products, forward and backward."""
    config = read_config(locate(pretrained))
    width, inner = config.hidden_width, config.feed_forward_width
    lengths = list(chain(*(own.tolist() for own in text_lengths(examples).values())))
    attended = sum(length * length for length in lengths) / sum(lengths)
    return 6 * config.n_layers * (4 * width**2 + 2 * width * inner + 2 * width * attended)


def _matmul_rate(size: int = 8192, repeats: int = 20) -> float:
    """Operations a second of large bfloat16 products."""
    left, right = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    for number in range(repeats + 3):
        if number == 3:
            begin.record()
        left @ right
    end.record()
    torch.cuda.synchronize()
    return 2 * size**3 * repeats / (begin.elapsed_time(end) / 1000)
