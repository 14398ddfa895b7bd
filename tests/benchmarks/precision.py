"""Full fine-tuning in bfloat16 against float32, both ours, on this device: what lower precision gives here."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tandem.hardware.machine import Device, Precision, detect
from tandem.tokens.batches.examples import Examples
from tests.benchmarks import Measurement, Request, in_turn, ours
from tests.benchmarks.samples import Sizes, count_tokens, describe, prepare

BATCH = Sizes(sentiment=32, entities=16)


def measure(request: Request) -> Measurement:
    """Training tokens a second; `ours` is bfloat16, `reference` float32; on CUDA float16 stands in the note."""
    batch, steps = Sizes(8, 4) if request.quick else BATCH, request.size(20, 2)
    device = detect("auto").device
    with tempfile.TemporaryDirectory() as folder:
        examples = prepare(request, Path(folder), batch.times(steps))
        runs = {kind: _run(request, examples, batch, device, kind) for kind in _kinds(device)}
        note = f"{device}; ours: bfloat16, reference: float32; a round is {steps} steps over {describe(examples)}"
        options = {"rounds": request.rounds, "warm_up": not request.quick}
        measured = in_turn(runs["bfloat16"], runs["float32"], note=note, limit=1.0, **options)
        if "float16" in runs:
            half = in_turn(runs["float16"], runs["float32"], note="", **options)
            measured = replace(measured, note=f"{note}; float16: {half.ratio:.2f} times float32")
        return measured.per_second(count_tokens(examples), "tokens")


def _kinds(device: Device) -> tuple[Precision, ...]:
    return ("bfloat16", "float32", "float16") if device == "cuda" else ("bfloat16", "float32")


def _run(
    request: Request, examples: Examples, batch: Sizes, device: Device, precision: Precision
) -> Callable[[], None]:
    chosen = ours.execution(request.pretrained, batch, device=device, precision=precision)
    model = ours.build(request.pretrained, examples, chosen)
    wanted = ours.settings(batch, precision=precision)
    return lambda: ours.train(model, examples, wanted, chosen)
