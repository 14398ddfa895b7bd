"""Predicting against the encoder alone, and the rest of an evaluation against the time that it may take.

Where the reference is a time, it is the one allowed: the ratio says how often ours would fit into it.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from dataclasses import replace
from itertools import islice
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from tandem.corpora.cleaning.cleaning import clean_corpus
from tandem.corpora.schema.records import SPLITS, Record, write_records
from tandem.evaluation import run as evaluating
from tandem.evaluation.intervals import task_intervals
from tandem.evaluation.publishing import publish
from tandem.evaluation.scoring.predicting import Predictions, predict
from tandem.evaluation.scoring.scores import score_classes, score_entities
from tandem.model.pretrained import locate
from tandem.params import Params, load_params
from tandem.tokens.batches.examples import Examples, open_examples
from tandem.tokens.packing.packing import tokenize_corpus
from tandem.tokens.pieces.tokenizer import load_tokenizer
from tandem.training.passing.passes import EncoderPass
from tests.benchmarks import Measurement, Request, in_turn, ours, paired, seconds
from tests.benchmarks.peaks import ROOT
from tests.benchmarks.samples import Sizes, count_tokens, describe, prepare

RIGHT = 0.9
N_WORDS, N_REVIEWS, N_TEXTS = 1_048_575, 50_000, 50_000
SECONDS, SECONDS_OF_INTERVALS = 20.0, 5.0


def prediction_rate(request: Request) -> Measurement:
    """Ours cuts batches, encodes, applies heads and gathers logits; the reference does nothing but encode them."""
    n_texts = request.size(300, 20)
    with tempfile.TemporaryDirectory() as folder:
        examples = prepare(request, Path(folder), Sizes(n_texts, n_texts))
        chosen = ours.execution(request.pretrained, Sizes(32, 16), precision="float32")
        reading = EncoderPass(ours.build(request.pretrained, examples, chosen).eval(), examples, chosen, reading=True)
        batches = [
            (torch.from_numpy(batch.ids), torch.from_numpy(batch.mask))
            for batch in reading.batches(examples.members, size=chosen.pass_size)
        ]

        def encode() -> None:
            with torch.inference_mode(), chosen.autocast():
                for ids, mask in batches:
                    reading.model.encode(ids, mask)

        measured = in_turn(
            lambda: predict(reading, examples, size=chosen.pass_size),
            encode,
            rounds=request.rounds,
            warm_up=not request.quick,
            note=f"cpu, float32; {describe(examples)} in {len(batches)} passes; reference: the encoder alone on them",
            limit=0.9,
        )
        return measured.per_second(count_tokens(examples), "tokens")


def whole(request: Request) -> Measurement:
    """Everything but predicting, over the test split of a tenth of 1,048,575 words and of 50,000 reviews."""
    with tempfile.TemporaryDirectory() as scratch, redirect_stderr(io.StringIO()):
        folder = Path(scratch)
        params = load_params(ROOT / "params.yaml")
        params = replace(params, model=replace(params.model, pretrained=request.pretrained))
        _prepare_splits(request, params, folder)
        test, train = (open_examples(folder / "tokens", params, split) for split in ("test", "train"))
        found = {task: made_up(test, task) for task in test.members}
        chosen = ours.execution(request.pretrained, Sizes(32, 16), precision="float32")

        def evaluate() -> None:
            with patch.object(evaluating, "_predict", lambda *_: found):
                settings = {"settings": params.evaluate, "seed": params.seed, "train": train}
                evaluation = evaluating.evaluate_model(None, None, test, chosen, **settings)
            evaluation.write(folder / "evaluate")
            publish(evaluation, params, folder / "split", folder / "evaluate")
            evaluation.metrics()

        sizes = f"{len(found['entities'].gold):,} words in {len(test.members['entities']):,} sentences"
        note = (
            f"{sizes} and {len(found['sentiment'].gold):,} reviews to evaluate; answers are made up, {RIGHT:.0%} right"
        )
        return _against_the_clock(evaluate, SECONDS, request, note)


def resampling(request: Request) -> Measurement:
    """2,000 resamples of 50,000 texts with a class each, and of as many with entities."""
    n_texts, rng = request.size(N_TEXTS, 200), np.random.default_rng(0)
    tags = ("O", *(f"{side}-{kind}" for kind in "abcdefgh" for side in "BI"))
    classes = _answered(("bad", "good"), rng.integers(2, size=n_texts), np.arange(n_texts))
    words = _answered(tags, rng.integers(len(tags), size=20 * n_texts), np.repeat(np.arange(n_texts), 20))
    scored = {"mood": score_classes(classes), "names": score_entities(words)}
    told = []
    for task, own in scored.items():
        measured = _against_the_clock(
            lambda own=own: task_intervals({"task": own}), SECONDS_OF_INTERVALS, request, task
        )
        told.append(measured)
    slowest = min(told, key=lambda measured: measured.ratio)
    times = ", ".join(f"{measured.note.partition(';')[0]} {measured.ours:.2f} s" for measured in told)
    return replace(
        slowest, note=f"{n_texts:,} texts, 2,000 resamples: {times}; the slower one against the time allowed"
    )


def _against_the_clock(work: Callable[[], object], allowed: float, request: Request, note: str) -> Measurement:
    pairs = [(seconds(work), allowed) for _ in range(min(3, request.rounds))]
    return paired(pairs, unit="s", note=f"{note}; reference: the time allowed", limit=1.0)


def _prepare_splits(request: Request, params: Params, folder: Path) -> None:
    """The workbooks' texts again and again, up to the sizes asked for; every tenth text is a test text."""
    tokenizer = load_tokenizer(locate(request.pretrained))
    for name, corpus in params.corpora.items():
        moved = replace(corpus, path=str(request.data / Path(corpus.path).name))
        records = list(clean_corpus(moved, params.tasks, params.clean)[0])
        n_words = sum(len(record.words or ()) for record in records)
        n_texts = request.size(N_REVIEWS if not n_words else N_WORDS * len(records) // n_words, 100)
        repeated = list(_repeated(records, n_texts))
        for split in SPLITS:
            own = (record for record in repeated if (record.row % 10 == 0) == (split == "test") and split != "valid")
            write_records(folder / "split" / name / f"{split}.jsonl", own)
        tokenize_corpus(folder / "split" / name, folder / "tokens" / name, tokenizer, params.tokenize_align)


def _repeated(records: list[Record], count: int) -> Iterator[Record]:
    endless = (record for _ in range(count) for record in records)
    for row, record in enumerate(islice(endless, count)):
        yield replace(record, row=row, group=None)


def made_up(examples: Examples, task: str) -> Predictions:
    """Answers of a task that are right in most cases."""
    texts = examples.members[task]
    rows = texts
    if examples.kinds[task] == "tagging":
        rows = examples.words_of(texts)
        texts = np.searchsorted(examples.shelf.text_words, rows, side="right") - 1
    return _answered(examples.labels[task], examples.answers_of(task, rows), texts)


def _answered(names: tuple[str, ...], gold: np.ndarray, texts: np.ndarray) -> Predictions:
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(len(gold), len(names))).astype(np.float32)
    right = rng.random(len(gold)) < RIGHT
    logits[np.flatnonzero(right), gold[right]] += 8
    return Predictions(names=names, texts=texts, gold=gold, logits=logits, read=np.ones(len(gold), dtype=bool))
