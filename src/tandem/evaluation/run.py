"""One evaluation, from a model folder and token stores to the report."""

from __future__ import annotations

from pathlib import Path

from tandem.errors import TandemError
from tandem.evaluation.report import Evaluation, evaluate_model
from tandem.hardware.probe import prepare_torch, probe
from tandem.model.building import build_model
from tandem.model.folder import load_model
from tandem.model.pretrained import locate
from tandem.params import Params
from tandem.tokens.examples import open_examples


def run_evaluation(params: Params, *, model: Path, tokens: Path, hardware: Path) -> Evaluation:
    """Score the test splits under `tokens` with the trained model and with the one that training began from.

    Raises `TandemError` if the model and the stores were not made for the same labels.
    """
    trained = load_model(model)
    test = open_examples(tokens, params, "test")
    found = {task: tuple(names) for task, names in trained.card["labels"].items()}
    if found != dict(test.labels):
        raise TandemError(f"{model} was trained for other labels than {tokens} holds: run `dvc repro`")
    execution = probe(params, trained.model.encoder.config, hardware).execution
    prepare_torch(execution)
    pretrained = locate(params.model.pretrained)
    untrained = build_model(pretrained, test.labels, test.kinds, params.model, seed=params.seed)
    return evaluate_model(trained.model, untrained, test, execution)
