"""The trained model as an int8 graph in ONNX Runtime against our own float32, on the test splits."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tandem.export.graph import export_onnx
from tandem.export.graph_quality import measure_graph
from tandem.hardware.execution import choose_for_reading
from tandem.hardware.machine import detect
from tandem.hardware.process import prepare_torch
from tandem.model.folder import LoadedModel, load_model
from tandem.params import Task, TokenizeAlign
from tandem.serving.graphs import load_graph
from tandem.serving.rules import find_rules
from tandem.tokens.batches.examples import Examples, gather_examples
from tandem.tokens.packing.packing import tokenize_corpus
from tandem.tokens.pieces.tokenizer import load_tokenizer
from tandem.tokens.storage.store import TokenStore
from tests.benchmarks import Measurement, Request, paired

MOST_LOST = 0.01


def int8_against_float32(request: Request) -> Measurement:
    """Seconds for the test splits, from windows of pieces to logits; fails if either task's F1 falls by a point."""
    loaded = load_model(request.model)
    execution = choose_for_reading(detect("cpu"))
    prepare_torch(execution)
    with tempfile.TemporaryDirectory() as folder:
        test = open_test(request, loaded, Path(folder))
        export_onnx(loaded, Path(folder) / "graph", rules=find_rules(loaded), is_int8=True)
        graph = load_graph(Path(folder) / "graph", threads=execution.threads)
        quality = measure_graph(loaded.model, graph, test, execution, rounds=request.rounds)
    told = [f"{task} F1 {before:.4f} and {after:.4f}" for task, (before, after) in quality.scores.items()]
    lost = max(before - after for before, after in quality.scores.values())
    assert lost <= MOST_LOST, f"int8 loses more than a point: {', '.join(told)}"
    n_windows = test.shelf.n_windows
    note = f"cpu; {n_windows:,} windows of the test splits; our float32 and ONNX Runtime's int8: {', '.join(told)}"
    pairs = [(after, before) for before, after in quality.rounds]
    return paired(pairs, unit="s", note=note, limit=2.0).per_second(n_windows, "windows")


def open_test(request: Request, loaded: LoadedModel, folder: Path) -> Examples:
    """The test splits of all corpora, tokenized as the model wants them."""
    card = loaded.card
    settings = TokenizeAlign(
        max_length=card["max_length"], stride=card["stride"], long_texts="windows", subwords="first"
    )
    stores = []
    for corpus in sorted(path for path in request.splits.iterdir() if path.is_dir()):
        tokenize_corpus(corpus, folder / corpus.name, load_tokenizer(loaded.folder), settings)
        stores.append(TokenStore.open(folder / corpus.name / "test"))
    labels = {task: tuple(names) for task, names in card["labels"].items()}
    tasks = {task: Task(kind=head.kind, labels=None, scheme=None) for task, head in loaded.model.head_configs.items()}
    return gather_examples(stores, tasks, labels)
