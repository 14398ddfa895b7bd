"""Files that mean harm: each is refused with a message, nothing in it runs, and nothing is written where it points."""

import copy
import gzip
import io
import json
import re
import shutil
import struct
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tandem.artifacts import sha256_of
from tandem.corpora.cleaning.cleaning import clean_corpus
from tandem.corpora.default_data.source_archives import SourceArchive, archive_bytes, member_bytes
from tandem.corpora.readers import unpacked_files, workbook_files
from tandem.errors import TandemError
from tandem.hardware.execution import choose_for_reading
from tandem.model.building import build_model
from tandem.model.folder import _digest, load_model, save_model
from tandem.model.pretrained import locate
from tandem.model.weights import read_tensors
from tandem.params import load_params
from tandem.parity.check import check_parity
from tandem.serving.door import Tandem
from tandem.serving.graphs import load_graph
from tandem.tokens.pieces.tokenizer import load_tokenizer
from tandem.tokens.storage.store import TokenStore
from tests.imports import ROOT
from tests.serving.conftest import MACHINE, write_model

SECRETS = (
    r"AKIA[0-9A-Z]{16}",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    r"gh[pousr]_[A-Za-z0-9]{36}",
    r"hf_[A-Za-z0-9]{30}",
    r"xox[abprs]-[A-Za-z0-9-]{10}",
    r"(?i)(secret_access_key|api_key|auth_token|password)\s*[=:]\s*[\"']?[A-Za-z0-9/+]{20}",
    r"://[^/\s:@\"']+:[^/\s:@\"']+@",
)


@pytest.fixture
def canary(tmp_path) -> Path:
    """A file that only code from a planted file would make."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists(), "something in the planted file ran"


@pytest.fixture
def tiny_model_folder(model, tiny_encoder, tmp_path) -> Path:
    save_model(tmp_path / "model", model, card={}, tokenizer_source=tiny_encoder)
    return tmp_path / "model"


@pytest.fixture
def tiny_store(folders, tmp_path) -> Path:
    return Path(shutil.copytree(folders["moods"], tmp_path / "store"))


def pickle_that_writes(canary: Path) -> bytes:
    """What a pickle of an object would hold whose unpickling runs a command; written by hand, in protocol 0."""
    return f"cposix\nsystem\n(S'touch {canary}'\ntR.".encode()


def corpus_of(default_params, path: Path):
    return replace(default_params.corpora["reviews"], path=str(path))


def clean(default_params, path: Path) -> list[str]:
    records, _ = clean_corpus(corpus_of(default_params, path), default_params.tasks, default_params.clean)
    return [record.surface for record in records]


# pickles


@pytest.mark.parametrize("hash_is_right", [True, False])
def test_a_pickle_in_place_of_the_weights(tiny_model_folder, canary, hash_is_right):
    weights = tiny_model_folder / "model.safetensors"
    weights.write_bytes(pickle_that_writes(canary))
    if hash_is_right:
        rewrite_hash(tiny_model_folder, weights)
    with pytest.raises(TandemError, match=r"model\.safetensors|config\.json was altered"):
        load_model(tiny_model_folder)


def test_a_pickled_pretrained_model(tmp_path, canary):
    folder = tmp_path / "encoder"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    torch.save({"weights": torch.zeros(2)}, folder / "pytorch_model.bin")
    with zipfile.ZipFile(folder / "model.pt", "w") as archive:
        archive.writestr("model/data.pkl", pickle_that_writes(canary))
    with pytest.raises(TandemError, match="Only safetensors are read, never a pickled"):
        locate(str(folder))


@pytest.mark.parametrize("name", ["pieces", "text_rows"])
def test_an_array_of_objects_in_a_token_store(tiny_store, canary, name):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    (tiny_store / f"train/{name}.npy").write_bytes(header.getvalue() + pickle_that_writes(canary))
    with pytest.raises(TandemError, match=rf"{name}\.npy is damaged"):
        TokenStore.open(tiny_store / "train")


@pytest.mark.parametrize("name", ["reviews.xlsx", "reviews.csv", "reviews.json", "reviews.jsonl", "reviews.conll"])
def test_a_pickle_as_a_corpus(default_params, tmp_path, canary, name):
    (tmp_path / name).write_bytes(pickle_that_writes(canary))
    with pytest.raises(TandemError, match=name):
        clean(default_params, tmp_path / name)


# archives


def test_a_zip_bomb(default_params, tmp_path, monkeypatch):
    monkeypatch.setattr(unpacked_files, "MOST_BYTES", 1 << 20)
    with zipfile.ZipFile(tmp_path / "reviews.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("reviews.csv", b"review,sentiment\n" + b"a" * (4 << 20))
    with pytest.raises(TandemError, match="unpacks to more than 1,048,576 bytes, 200 times its own size or more"):
        clean(default_params, tmp_path / "reviews.csv.zip")
    (tmp_path / "reviews.csv.gz").write_bytes(gzip.compress(b"review,sentiment\n" + b"a" * (4 << 20)))
    with pytest.raises(TandemError, match="unpacks to more than 1,048,576 bytes"):
        clean(default_params, tmp_path / "reviews.csv.gz")


def test_a_workbook_that_is_a_bomb(default_params, tmp_path, monkeypatch):
    monkeypatch.setattr(workbook_files, "MOST_BYTES", 1 << 20)
    with zipfile.ZipFile(tmp_path / "reviews.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (4 << 20))
    with pytest.raises(TandemError, match="unpacks to more than 1,048,576 bytes"):
        clean(default_params, tmp_path / "reviews.xlsx")


@pytest.mark.parametrize("name", ["../escaped.csv", "/tmp/escaped.csv", "..\\escaped.csv"])
def test_a_zip_whose_file_leads_out_of_it(default_params, tmp_path, name):
    with zipfile.ZipFile(tmp_path / "reviews.zip", "w") as archive:
        archive.writestr(name, "review,sentiment\na film,positive\n")
    with pytest.raises(TandemError, match="leads out of the archive; refused"):
        clean(default_params, tmp_path / "reviews.zip")


def test_a_tar_whose_files_lead_out_of_it(tmp_path):
    """Nothing is unpacked: one member, asked for by its name, is read into memory, and links are no files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name in ("../escaped", str(tmp_path / "escaped"), "data/wanted"):
            entry = tarfile.TarInfo(name)
            entry.size = 4
            tar.addfile(entry, io.BytesIO(b"here"))
        link = tarfile.TarInfo("data/linked")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    before = set(tmp_path.rglob("*"))
    assert member_bytes(packed.getvalue(), "data/wanted") == b"here"
    with pytest.raises(TandemError, match="holds no file data/linked"):
        member_bytes(packed.getvalue(), "data/linked")
    assert set(tmp_path.rglob("*")) == before
    assert not (tmp_path.parent / "escaped").exists()


def test_an_archive_that_was_exchanged(tmp_path):
    archive = SourceArchive(package="p", version="1", file_name="p-1.tar.gz", sha256="0" * 64, member="data")
    (tmp_path / "p-1.tar.gz").write_bytes(b"another")
    with pytest.raises(TandemError, match="is not the pinned archive: its sha256 is"):
        archive_bytes(archive, tmp_path)


# XML and YAML

SHEET = """<?xml version="1.0"?>
<!DOCTYPE worksheet [<!ENTITY outside SYSTEM "file://{outside}">]>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
<row r="1"><c r="A1" t="inlineStr"><is><t>review</t></is></c><c r="B1" t="inlineStr"><is><t>sentiment</t></is></c></row>
<row r="2"><c r="A2" t="inlineStr"><is><t>&outside;</t></is></c>
<c r="B2" t="inlineStr"><is><t>positive</t></is></c></row>
<row r="3"><c r="A3" t="inlineStr"><is><t>bad</t></is></c><c r="B3" t="inlineStr"><is><t>negative</t></is></c></row>
</sheetData></worksheet>"""


def test_a_workbook_with_an_external_entity(default_params, tmp_path):
    import openpyxl  # noqa: PLC0415

    (tmp_path / "outside").write_text("words of another file")
    book, changed = tmp_path / "plain.xlsx", tmp_path / "reviews.xlsx"
    openpyxl.Workbook().save(book)
    with zipfile.ZipFile(book) as source, zipfile.ZipFile(changed, "w") as target:
        for name in source.namelist():
            is_sheet = name == "xl/worksheets/sheet1.xml"
            target.writestr(name, SHEET.format(outside=tmp_path / "outside") if is_sheet else source.read(name))
    with pytest.raises(TandemError, match=r"reviews\.xlsx.* is truncated or damaged"):
        clean(default_params, changed)


@pytest.mark.parametrize(
    "value",
    [
        "!!python/object/apply:os.system ['touch {canary}']",
        "!!python/object/new:subprocess.Popen [[touch, '{canary}']]",
        "!!python/name:os.system ''",
    ],
)
def test_params_with_tags(tmp_path, canary, value):
    text = (ROOT / "params.yaml").read_text()
    path = tmp_path / "params.yaml"
    path.write_text(re.sub(r"^seed: 7", f"seed: {value.format(canary=canary)}", text, flags=re.MULTILINE))
    with pytest.raises(TandemError, match=r"params\.yaml is not valid YAML: could not determine a constructor"):
        load_params(path)


# the model's folder


@pytest.mark.parametrize(
    "header",
    [
        b"\xff" * 8,
        struct.pack("<Q", 1 << 40) + b"{}",
        struct.pack("<Q", 2) + b"{]",
        *(
            struct.pack("<Q", len(entry)) + entry + b"\0" * 8
            for entry in (
                json.dumps({"a": {"dtype": "F32", "shape": [1 << 40, 1 << 40], "data_offsets": [0, 8]}}).encode(),
                json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 1 << 50]}}).encode(),
                json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}}).encode(),
                b"[" * 4096,
            )
        ),
    ],
    ids=["no length", "endless", "no JSON", "enormous", "beyond the end", "backwards", "nested"],
)
def test_weights_with_a_crafted_header(tmp_path, header):
    (tmp_path / "model.safetensors").write_bytes(header)
    with pytest.raises(TandemError, match=r"model\.safetensors is missing or damaged"):
        read_tensors(tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    "change",
    [
        lambda settings: settings | {"model": {"type": "Nonsense", "vocab": {}}},
        lambda settings: settings | {"model": settings["model"] | {"vocab": {"a": 1}}},
        lambda settings: settings | {"post_processor": settings["post_processor"] | {"special_tokens": {}}},
        lambda settings: settings["model"]["type"],
        lambda settings: None,
    ],
    ids=["another model", "no unknown piece", "special pieces that are not there", "a word", "nothing"],
)
def test_a_crafted_tokenizer(tiny_encoder, tmp_path, change):
    settings = json.loads((tiny_encoder / "tokenizer.json").read_text())
    (tmp_path / "tokenizer.json").write_text(json.dumps(change(settings)))
    with pytest.raises(TandemError, match=r"tokenizer\.json"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("name", ["tokenizer.json", "config.json", "params.yaml"])
def test_a_file_nested_without_end(tmp_path, tiny_model_folder, name):
    path = (tiny_model_folder if name == "config.json" else tmp_path) / name
    path.write_text("[" * 100_000)
    read = {"tokenizer.json": load_tokenizer, "config.json": load_model, "params.yaml": lambda _: load_params(path)}
    with pytest.raises(TandemError, match=f"{name} is "):
        read[name](path.parent)


@pytest.mark.parametrize("sizes", [{"n_layers": 10**9}, {"hidden_width": 10**12}, {"vocabulary_size": -5}])
def test_a_model_folder_with_crafted_sizes(tiny_model_folder, sizes):
    path = tiny_model_folder / "config.json"
    settings = json.loads(path.read_text())
    settings["encoder"] |= sizes
    path.write_text(json.dumps(settings))
    with pytest.raises(TandemError, match=r"config\.json"):
        load_model(tiny_model_folder)


ODD = (None, -1, 7, 10**12, 1.5, "x", "../../etc/passwd", [], {}, [[]], ["a", "a"])


def test_a_model_folder_with_anything_in_its_settings(tiny_encoder, tmp_path):
    """Each value is exchanged for odd ones, and the hash made right: it is refused, or answers as if nothing were."""
    folder = write_model(tmp_path / "model", tiny_encoder, steps=0)
    settings = json.loads((folder / "config.json").read_text())
    places = [place for place in places_of(settings) if place[0] not in ("sha256", "format_version")]
    assert len(places) > 30
    refusals = []
    for place in places:
        for value in ODD:
            rewrite_settings(folder, exchanged(settings, place, value))
            try:
                assert len(Tandem.from_loaded(load_model(folder), choose_for_reading(MACHINE))(["Anna is here"])) == 1
            except TandemError as error:
                refusals.append(str(error))
    assert len(refusals) > len(places) * len(ODD) / 2
    assert all(str(folder) in said for said in refusals)


def places_of(values: object, above: tuple = ()) -> Iterator[tuple]:
    """Where something stands in nested mappings and lists."""
    if above:
        yield above
    inner = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in inner:
        yield from places_of(value, (*above, key))


def exchanged(settings: dict, place: tuple, value: object) -> dict:
    changed = copy.deepcopy(settings)
    holder = changed
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    return changed


def rewrite_settings(folder: Path, settings: dict) -> None:
    """Write settings with the hash that makes them look as if Tandem had written them."""
    settings["sha256"]["config.json"] = _digest(settings)
    (folder / "config.json").write_text(json.dumps(settings))


def rewrite_hash(folder: Path, path: Path) -> None:
    settings = json.loads((folder / "config.json").read_text())
    settings["sha256"][path.name] = sha256_of(path)
    (folder / "config.json").write_text(json.dumps(settings))


def test_code_beside_a_pretrained_model_never_runs(tiny_encoder, tmp_path, canary, default_params):
    """`auto_map` names a class of a file that came with the weights; transformers would run it when told to trust."""
    folder = Path(shutil.copytree(tiny_encoder, tmp_path / "encoder"))
    settings = json.loads((folder / "config.json").read_text())
    settings["auto_map"] = {name: f"code.{name}" for name in ("AutoConfig", "AutoModel")}
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "code.py").write_text(f"import pathlib\npathlib.Path({str(canary)!r}).touch()\n")
    begins = replace(default_params.model, pretrained=str(folder))
    model = build_model(locate(str(folder)), {"mood": ("a", "b")}, {"mood": "classification"}, begins, seed=1)
    save_model(tmp_path / "model", model, card={}, tokenizer_source=folder)
    settings = replace(default_params.parity_check, sentences=("the film was fine", "the plot was dull"))
    check_parity(folder, tmp_path / "model", [], settings, max_length=16, begins=begins)


@pytest.mark.parametrize("location", ["../../etc/passwd", "/etc/passwd", "linked"])
def test_a_graph_whose_weights_lie_outside_of_its_folder(tmp_path, location):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    weights = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [2], [1.0, 2.0])
    weights.ClearField("float_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "8")):
        weights.external_data.add(key=key, value=value)
    output = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [2])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["w"], ["y"])], "g", [], [output], [weights])
    (tmp_path / "model.onnx").write_bytes(onnx.helper.make_model(graph).SerializeToString())
    (tmp_path / "linked").symlink_to("/etc/passwd")
    settings = {"format_version": 1, "kinds": {"y": "classification"}, "card": {}, "rules": {}}
    settings["sha256"] = {"model.onnx": sha256_of(tmp_path / "model.onnx")}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with pytest.raises(TandemError, match=r"model\.onnx is no graph that can be run"):
        load_graph(tmp_path, threads=1)


# what is shown


def test_words_of_a_file_do_not_steer_the_terminal(default_params, tmp_path):
    rows = ["review,sentiment", "a film,\x1b[2J\x1b]0;owned\x07\u202epositive", "a plot,negative"]
    (tmp_path / "reviews.csv").write_text("\n".join(rows))
    strict = replace(default_params.clean, unknown_label="error")
    with pytest.raises(TandemError) as caught:
        list(clean_corpus(corpus_of(default_params, tmp_path / "reviews.csv"), default_params.tasks, strict)[0])
    said = str(caught.value)
    assert "positive" in said
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", said)


# the repository


def test_no_tracked_file_holds_a_secret():
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    found = []
    for name in filter(None, names):
        path = ROOT / name.decode()
        if path == Path(__file__) or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        found += [(name, match[0]) for pattern in SECRETS for match in re.finditer(pattern, text)]
    assert found == []
    assert not [name for name in names if re.search(rb"(^|/)(\.env|config\.local|id_(rsa|ed25519)|\.netrc)$", name)]
