"""The exported graph against the model, in ONNX Runtime."""

import json
import shutil
import threading
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from tandem.cli import main
from tandem.errors import TandemError
from tandem.evaluation.scoring.predicting import predict
from tandem.export import graph as graphs
from tandem.export.graph import export_onnx
from tandem.export.graph_quality import measure_graph
from tandem.export.probes import probes
from tandem.hardware.execution import choose_for_reading
from tandem.model.folder import load_model
from tandem.serving.door import Tandem
from tandem.serving.graphs import GraphPass, load_graph, open_session, run_session
from tandem.serving.rules import AnswerRules
from tandem.tokens.batches.batching import PassSize
from tests.serving.conftest import MACHINE, SENTENCES

TEXTS = [*SENTENCES, " ".join([*SENTENCES] * 3), "?"]


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """The graph of the tiny model, and how much it differs."""
    folder = tmp_path_factory.mktemp("graph") / "out"
    rules = AnswerRules(decoding="greedy", temperatures={"sentiment": 2.0}, biases={"entities": -50.0})
    return folder, export_onnx(load_model(trained), folder, rules=rules, is_int8=False)


@torch.inference_mode()
def test_one_graph_gives_all_heads_for_any_batch_and_length(exported, trained):
    folder, difference = exported
    assert difference <= 1e-4
    model = load_model(trained).model
    session = open_session(folder / "model.onnx")
    for n_texts, length in ((1, 1), (5, 2), (2, 63), (1, 64)):
        ids = torch.randint(5, 40, (n_texts, length), generator=torch.Generator().manual_seed(length))
        mask = torch.arange(length)[None] < torch.tensor([length] * (n_texts - 1) + [1])[:, None]
        found = run_session(session, ids.numpy(), mask.numpy())
        expected = model(ids, mask)
        assert list(found) == ["sentiment", "entities"]
        np.testing.assert_allclose(found["sentiment"], expected["sentiment"], atol=1e-4)
        np.testing.assert_allclose(found["entities"][mask.numpy()], expected["entities"][mask], atol=1e-4)


@pytest.mark.slow
def test_the_model_is_as_it_was_after_an_export(exported, trained):
    loaded = load_model(trained)
    with graphs._quiet():
        graphs._trace(loaded.model, exported[0].parent / "apart.onnx", sets_first_apart=True)
        graphs._trace(loaded.model, exported[0].parent / "again.onnx", sets_first_apart=False)
    assert "_layout" not in vars(loaded.model.encoder)
    assert (exported[0].parent / "again.onnx").read_bytes() == (exported[0] / "model.onnx").read_bytes()


def test_it_answers_as_the_model_does(exported, trained):
    ours = Tandem.from_loaded(load_model(trained), choose_for_reading(MACHINE))
    theirs = Tandem.load_graph(exported[0])
    assert theirs.rules.decoding == "greedy"
    theirs.rules = ours.rules
    for one, other in zip(ours(TEXTS), theirs(TEXTS), strict=True):
        assert other.classes["sentiment"].probabilities == pytest.approx(
            dict(one.classes["sentiment"].probabilities), abs=1e-4
        )
        spans = [[(e.start, e.end, e.label) for e in answer.entities["entities"]] for answer in (one, other)]
        assert spans[0] == spans[1]


def test_the_command_uses_it(exported, capfdbinary):
    main(["predict", "--onnx", str(exported[0]), "--redact", next(iter(SENTENCES))])
    row = json.loads(capfdbinary.readouterr().out)
    assert "Anna" not in row["text"]


def test_answers_do_not_depend_on_how_many_passes_run_at_once(exported, monkeypatch):
    monkeypatch.setattr("tandem.serving.graphs.ENOUGH_TOKENS", 64)
    examples = Tandem.load_graph(exported[0]).reader.read(TEXTS * 20).examples
    found = []
    for threads in (1, 3):
        run = GraphPass(load_graph(exported[0], threads=threads), examples)
        parcels = list(run.batches(examples.members, size=PassSize(tokens=2048, counts_padding=True)))
        found.append([(parcel.batch.windows.tolist(), run(parcel)) for parcel in parcels])
    assert len(found[0]) > 10
    for (windows, logits), (others, other_logits) in zip(*found, strict=True):
        assert windows == others
        assert all(torch.equal(logits[task], other_logits[task]) for task in ("sentiment", "entities"))


def test_a_failing_pass_ends_the_prediction(exported):
    graph = load_graph(exported[0], threads=2)
    examples = Tandem.load_graph(exported[0]).reader.read(TEXTS).examples
    run = GraphPass(replace(graph, session=Broken(graph.session)), examples)
    with pytest.raises(RuntimeError, match="no such pass"):
        predict(run, examples, size=PassSize(tokens=64, counts_padding=True))


def test_passes_end_with_who_asked_for_them(exported):
    examples = Tandem.load_graph(exported[0]).reader.read(TEXTS).examples
    run = GraphPass(load_graph(exported[0], threads=2), examples)
    before = threading.active_count()
    parcels = run.batches(examples.members, size=PassSize(tokens=64, counts_padding=True))
    assert next(parcels).logits.result()
    assert threading.active_count() > before
    parcels.close()
    assert threading.active_count() == before


class Broken:
    """A session that runs nothing."""

    def __init__(self, session):
        self.get_outputs = session.get_outputs

    def run(self, names, inputs):
        raise RuntimeError("no such pass")


@pytest.fixture(scope="module")
def exported_int8(trained, tmp_path_factory):
    """The graph of the tiny model in int8."""
    folder = tmp_path_factory.mktemp("int8") / "out"
    export_onnx(load_model(trained), folder, rules=AnswerRules(), is_int8=True)
    return folder


@pytest.mark.slow
def test_int8_multiplies_whole_numbers_everywhere_but_in_the_heads(exported_int8, trained):
    graph = onnx.load(exported_int8 / "model.onnx").graph
    constants = {constant.name: constant for constant in graph.initializer}
    products = [node for node in graph.node if node.op_type in ("MatMul", "Gemm", "MatMulInteger")]
    whole = [node for node in products if node.op_type == "MatMulInteger"]
    n_layers = load_model(trained).model.encoder.config.n_layers
    assert len(whole) == 7 * n_layers  # three of attention, and two of each half of the feed-forward
    assert {constants[node.input[1]].data_type for node in whole} == {onnx.TensorProto.INT8}
    others = [node for node in products if node.op_type != "MatMulInteger" and node.input[1] in constants]
    assert len(others) == 2


@pytest.mark.slow
@torch.inference_mode()
def test_int8_is_near_for_any_length(exported_int8, trained):
    model = load_model(trained).model
    session = open_session(exported_int8 / "model.onnx")
    for ids, mask in probes(model.encoder.config, n_lengths=5):  # of a single piece, too
        found, expected = run_session(session, ids.numpy(), mask.numpy()), model(ids, mask)
        spread = expected["sentiment"].abs().max()
        np.testing.assert_allclose(found["sentiment"], expected["sentiment"], atol=0.1 * float(spread))


@pytest.mark.slow
def test_int8_is_measured_on_the_test_split(trained, exported_int8):
    loaded = load_model(trained)
    execution = choose_for_reading(MACHINE)
    graph = load_graph(exported_int8, threads=1)
    read = Tandem.from_loaded(loaded, execution).reader.read(list(SENTENCES))
    store = read.examples.shelf.stores[0]
    gold = {"sentiment": np.array([1, 0, 1, 0], dtype=np.int16)}
    meta = replace(
        store.meta, kinds={"sentiment": "classification"}, vocabularies={"sentiment": ["negative", "positive"]}
    )
    shelf = replace(read.examples.shelf, stores=(replace(store, meta=meta, text_labels=gold),))
    members = {"sentiment": np.arange(4)}
    test = replace(read.examples, shelf=shelf, members=members, kinds={"sentiment": "classification"})
    quality = measure_graph(loaded.model, graph, test, execution, rounds=1)
    assert quality.scores == {"sentiment": (1.0, 1.0)}
    assert quality.speed_up > 0
    settings = json.loads((exported_int8 / "config.json").read_text())
    assert settings["precision"] == "int8"


@pytest.mark.slow
def test_a_graph_that_differs_is_not_left_behind(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(graphs, "TOLERANCE", -1.0)
    with pytest.raises(TandemError, match="the graph's logits differ from ours by"):
        export_onnx(load_model(trained), tmp_path / "out", rules=AnswerRules(), is_int8=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "model.onnx").unlink(), "holds no exported graph"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "is missing or was altered"),
        (lambda folder: edit(folder, format_version=2), "format version 2, this Tandem reads 1: update Tandem"),
        (lambda folder: edit(folder, kinds=3), "is not as Tandem wrote it"),
        (lambda folder: edit(folder, sha256={"../x": ""}), "is missing or was altered"),
        (lambda folder: edit(folder, rules={"decoding": "best"}), "is not as Tandem wrote it"),
    ],
)
def test_a_damaged_folder_is_refused(exported, tmp_path, change, message):
    shutil.copytree(exported[0], tmp_path / "out")
    change(tmp_path / "out")
    with pytest.raises(TandemError, match=message):
        Tandem.load_graph(tmp_path / "out")


def edit(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_probes_reach_from_one_piece_to_the_last_position(trained):
    config = load_model(trained).model.encoder.config
    batches = list(probes(config, n_lengths=5))
    assert [ids.shape[1] for ids, _ in batches] == [1, 3, 8, 23, 64]
    assert all(mask[:, 0].all() and mask[1].all() for _, mask in batches)
    assert all(bool((ids[mask] != config.pad_id).all()) for ids, mask in batches)
