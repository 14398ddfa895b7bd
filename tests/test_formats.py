"""Artifacts that an older or a newer Tandem wrote: each reader names the file, both versions, and what to do."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tandem.artifacts import write_json, write_jsonl
from tandem.corpora.schema.records import Record, read_records, write_records
from tandem.errors import TandemError
from tandem.evaluation.comparison_sources import read_answers
from tandem.evaluation.formats import PREDICTIONS, READING
from tandem.model.folder import LoadedModel, load_model, save_model
from tandem.serving.graphs import load_graph
from tandem.serving.rules import find_rules
from tandem.tokens.storage.store import TokenStore
from tandem.training.checkpoints import Checkpoints, Snapshot
from tests.small_corpora import labelled, write_store

REPRO, EXPORT = r"run `dvc repro", r"write it anew by `tandem export onnx`"


def records(folder: Path, _: Path) -> tuple[Path, Callable[[], object]]:
    path = folder / "clean/mail.jsonl"
    write_records(path, [Record(row=1, text="a film"), Record(row=2, text="a plot")])
    return path, lambda: list(read_records(path))


def tokens(folder: Path, encoder: Path) -> tuple[Path, Callable[[], object]]:
    store = write_store(folder, encoder, {"train": [labelled(number) for number in range(4)]})
    return store / "meta.json", lambda: TokenStore.open(store / "train")


def predictions(folder: Path, _: Path) -> tuple[Path, Callable[[], object]]:
    path = folder / "predictions/mood.jsonl"
    write_jsonl(path, [{"corpus": "mail", "row": 1, "gold": "good", "predicted": "bad"}], PREDICTIONS)
    return path, lambda: read_answers(folder, "mood")


def reading(folder: Path, _: Path) -> tuple[Path, Callable[[], object]]:
    path, weights = folder / "evaluate/calibration.json", "0" * 64
    values = {"decoding": "greedy", "temperatures": {}, "biases": {}, "weights_sha256": weights}
    write_json(path, {"format_version": READING.version, **values})
    loaded = LoadedModel(model=torch.nn.Identity(), card={}, folder=folder / "model", weights_sha256=weights)
    return path, lambda: find_rules(loaded)


@pytest.fixture
def kind(request, tmp_path, tiny_encoder, model) -> tuple[Path, Callable[[], object], str]:
    """The file that says the format, what reads it, and the remedy."""
    if request.param == "model":
        save_model(tmp_path / "model", model, card={}, tokenizer_source=tiny_encoder)
        return tmp_path / "model/config.json", lambda: load_model(tmp_path / "model"), REPRO
    if request.param == "graph":
        (tmp_path / "model.onnx").touch()
        write_json(tmp_path / "config.json", {"format_version": 1})
        return tmp_path / "config.json", lambda: load_graph(tmp_path, threads=1), EXPORT
    return *request.param(tmp_path, tiny_encoder), REPRO


KINDS = pytest.mark.parametrize(
    "kind",
    [records, tokens, predictions, reading, "model", "graph"],
    ids=lambda kind: getattr(kind, "__name__", kind),
    indirect=True,
)


def stated(path: Path) -> int:
    """The version that a file states; JSON Lines do in the first row."""
    text = path.read_text()
    return int(re.search(r'"(?:format_)?version": ?(\d+)', text)[1])


def restate(path: Path, version: int) -> None:
    text = path.read_text()
    path.write_text(re.sub(r'("(?:format_)?version": ?)\d+', rf"\g<1>{version}", text, count=1))


@KINDS
@pytest.mark.parametrize("step", [-1, 1], ids=["older", "newer"])
def test_another_version_is_one_message(kind, step):
    path, read, remedy = kind
    version = stated(path)
    restate(path, version + step)
    update = "update Tandem, or " if step > 0 else ""
    with pytest.raises(TandemError) as caught:
        read()
    said = str(caught.value)
    assert str(path) in said or str(path.parent) in said
    assert f"it has format version {version + step}, this Tandem reads {version}: {update}" in said
    assert re.search(remedy, said)


@KINDS
def test_this_version_is_read(kind):
    path, read, _ = kind
    if path.parent.joinpath("model.onnx").exists():
        with pytest.raises(TandemError, match="is not as Tandem wrote it"):  # the graph itself is no graph here
            read()
    else:
        assert read()


def test_a_checkpoint_of_another_version_is_passed_over_with_a_line(tmp_path, capsys):
    """The run then begins anew: nothing that was finished is lost."""
    checkpoints = Checkpoints(tmp_path, kept=2)
    for step in (1, 2):
        checkpoints.save(Snapshot(step=step, tensors={"model": {"a": torch.ones(1)}}, facts={}))
    facts = tmp_path / "checkpoint-00000002/facts.json"
    facts.write_text(json.dumps({**json.loads(facts.read_text()), "format_version": 2}))
    assert checkpoints.latest().step == 1
    said = capsys.readouterr().err
    assert "checkpoint-00000002 is passed over" in said
    assert "it has format version 2, this Tandem reads 1" in said
