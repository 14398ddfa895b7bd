"""One evaluation, from a model folder and token stores to the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tandem.errors import TandemError
from tandem.evaluation.baselines import score_baselines
from tandem.evaluation.decoding import Decoding, decode
from tandem.evaluation.operating_point import choose_point
from tandem.evaluation.report import Evaluation
from tandem.evaluation.scoring.calibration import Calibration, calibrate
from tandem.evaluation.scoring.predicting import Predictions, predict
from tandem.evaluation.scoring.scores import Scored, score_classes, score_entities
from tandem.evaluation.scoring.surfaces import Surfaces, find_surfaces
from tandem.hardware.execution import Execution
from tandem.hardware.memory import PassLimit
from tandem.hardware.probe import probe
from tandem.hardware.process import prepare_torch
from tandem.model.building import build_model
from tandem.model.folder import load_model
from tandem.model.multitask import MultiTaskModel
from tandem.model.pretrained import checkpoint_of
from tandem.params import Evaluate, Params
from tandem.tokens.batches.examples import Examples, open_examples
from tandem.training.passing.passes import EncoderPass

ByTask = Mapping[str, Predictions]


def run_evaluation(params: Params, *, model: Path, tokens: Path, hardware: Path) -> Evaluation:
    """Score the test splits under `tokens` with the trained model and with the one that training began from.

    The valid splits are predicted only if something is chosen on them. Raises `TandemError` if the model and the
    stores were not made for the same labels.
    """
    trained = load_model(model)
    test = open_examples(tokens, params, "test")
    found = {task: tuple(names) for task, names in trained.card["labels"].items()}
    if found != dict(test.labels):
        raise TandemError(f"{model} was trained for other labels than {tokens} holds: run `dvc repro`")
    execution = probe(params, hardware).execution
    prepare_torch(execution)
    checkpoint = checkpoint_of(params.model.pretrained)
    untrained = build_model(checkpoint, test.labels, test.kinds, params.model, seed=params.seed)
    evaluation = evaluate_model(
        trained.model,
        untrained,
        test,
        execution,
        settings=params.evaluate,
        seed=params.seed,
        valid=open_examples(tokens, params, "valid") if params.evaluate.needs_valid else None,
        train=open_examples(tokens, params, "train"),
    )
    return replace(evaluation, weights_sha256=trained.weights_sha256)


def evaluate_model(
    trained: MultiTaskModel,
    untrained: MultiTaskModel,
    test: Examples,
    execution: Execution,
    *,
    settings: Evaluate,
    seed: int,
    valid: Examples | None = None,
    train: Examples | None = None,
) -> Evaluation:
    """Score the trained model, and the one it began as, on the test split.

    `valid` is needed if the settings choose anything on it; `train` tells which entities were seen in training;
    the resamples of the intervals derive from `seed`.
    """
    limit = PassLimit(execution.pass_size)
    before = _predict(untrained, test, execution, limit, "predict before training")
    after = _predict(trained, test, execution, limit, "predict after training")
    held_out: ByTask = {}
    if settings.needs_valid:
        assert valid is not None, "what is chosen on the valid split needs one"
        held_out = _predict(trained, valid, execution, limit, "predict the valid split")
    points = {
        task: choose_point(held_out[task], after[task], settings.decoding, target=target, recall_of=settings.recall_of)
        for task, target in (settings.target_recall or {}).items()
    }
    before, after = (_decoded(test, found, settings.decoding) for found in (before, after))
    calibrations: Mapping[str, Calibration] = {}
    if settings.calibration == "temperature":
        after, calibrations = _calibrated(held_out, after)
    tagging = [task for task, kind in test.kinds.items() if kind == "tagging"]
    surfaces = {task: find_surfaces(train, test, task) for task in tagging} if train is not None else {}
    return Evaluation(
        after=_scored(test, after, surfaces),
        before=_scored(test, before, surfaces),
        baseline=score_baselines(train, test, after, surfaces) if train is not None else {},
        predictions=after,
        examples=test,
        decoding=settings.decoding,
        seed=seed,
        calibrations=calibrations,
        operating_points=points,
    )


def _predict(model: MultiTaskModel, split: Examples, execution: Execution, limit: PassLimit, what: str) -> ByTask:
    run = EncoderPass(model.to(execution.device).eval(), split, execution, reading=True)
    return limit.run(lambda size: predict(run, split, size=size, what=what))


def _decoded(split: Examples, found: ByTask, decoding: Decoding) -> ByTask:
    return {
        task: decode(predictions, decoding) if split.kinds[task] == "tagging" else predictions
        for task, predictions in found.items()
    }


def _calibrated(valid: ByTask, test: ByTask) -> tuple[ByTask, Mapping[str, Calibration]]:
    pairs = {task: calibrate(valid[task], predictions) for task, predictions in test.items()}
    return {task: after for task, (after, _) in pairs.items()}, {task: found for task, (_, found) in pairs.items()}


def _scored(test: Examples, found: ByTask, surfaces: Mapping[str, Surfaces]) -> dict[str, Scored]:
    return {
        task: score_entities(predictions, surfaces.get(task))
        if test.kinds[task] == "tagging"
        else score_classes(predictions)
        for task, predictions in found.items()
    }
