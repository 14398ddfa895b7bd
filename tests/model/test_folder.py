"""The model's folder: the same values give the same bytes, and nothing is loaded that was not saved so."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from tokenizers import Tokenizer

from tandem.errors import TandemError
from tandem.model.folder import FORMAT, load_model, save_model
from tandem.model.multitask import MultiTaskModel
from tests.model.references import load_ours, random_batch

CARD = {
    "labels": {"sentiment": ["bad", "so-so", "good"], "entities": ["O", "B-a", "I-a", "B-b", "I-b"]},
    "max_length": 16,
}


@pytest.fixture
def folder(model: MultiTaskModel, checkpoint: Path, tmp_path: Path) -> Path:
    save_model(tmp_path / "model", model, card=CARD, tokenizer_source=checkpoint)
    return tmp_path / "model"


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def change_config(folder: Path, **changes: Any) -> None:
    """Change some settings, and their hash with them, as only someone who means to deceive would."""
    settings = json.loads((folder / "config.json").read_bytes()) | changes
    if "config.json" in settings["sha256"]:
        hashes = {name: value for name, value in settings["sha256"].items() if name != "config.json"}
        text = json.dumps(settings | {"sha256": hashes}, sort_keys=True, separators=(",", ":"))
        settings["sha256"] = hashes | {"config.json": hashlib.sha256(text.encode()).hexdigest()}
    (folder / "config.json").write_text(json.dumps(settings))


@torch.no_grad()
@pytest.mark.parametrize("pooling", ["cls", "mean", "max", "pooler"])
def test_what_is_saved_is_loaded(checkpoint: Path, tmp_path: Path, pooling: str) -> None:
    model = load_ours(checkpoint, pooling=pooling)
    save_model(tmp_path / "model", model, card=CARD, tokenizer_source=checkpoint)
    loaded = load_model(tmp_path / "model")
    assert loaded.card == CARD
    assert loaded.folder == tmp_path / "model"
    assert list(loaded.model.head_configs.items()) == list(model.head_configs.items())
    assert not loaded.model.training
    ids, mask = random_batch([4, 9])
    expected, found = model(ids, mask), loaded.model(ids, mask)
    assert all(torch.equal(found[task], expected[task]) for task in expected)


def test_the_bytes_are_stable(folder: Path, checkpoint: Path, tmp_path: Path) -> None:
    save_model(
        tmp_path / "again", load_ours(checkpoint), card=dict(reversed(CARD.items())), tokenizer_source=checkpoint
    )
    assert content(tmp_path / "again") == content(folder)
    save_model(tmp_path / "third", load_model(folder).model, card=CARD, tokenizer_source=folder)
    assert content(tmp_path / "third") == content(folder)


def test_the_folder_holds_float32_json_and_a_tokenizer(folder: Path) -> None:
    assert set(content(folder)) == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert len(file.metadata()) == 1
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"F32"}  # noqa: SIM118 - no mapping


def test_the_tokenizer_neither_cuts_nor_pads(folder: Path, checkpoint: Path) -> None:
    text = "the film is quietly good . the film is bad ."
    assert len(Tokenizer.from_file(str(checkpoint / "tokenizer.json")).encode(text).ids) == 8
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert tokenizer.truncation is None
    assert tokenizer.padding is None
    assert len(tokenizer.encode(text).ids) == 14


def test_a_vocabulary_file_serves_as_well(model: MultiTaskModel, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "vocab.txt").write_text("[PAD]\n")
    save_model(tmp_path / "model", model, card=CARD, tokenizer_source=tmp_path / "source")
    assert "vocab.txt" in content(tmp_path / "model")
    load_model(tmp_path / "model")


def test_without_a_tokenizer_nothing_is_saved(model: MultiTaskModel, tmp_path: Path) -> None:
    with pytest.raises(TandemError, match=r"holds no tokenizer: neither tokenizer\.json nor vocab\.txt"):
        save_model(tmp_path / "model", model, card=CARD, tokenizer_source=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(TandemError, match=rf"is no trained model: it lacks {name}; run `dvc repro`"):
        load_model(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_an_altered_file_is_refused(folder: Path, name: str) -> None:
    altered = bytearray((folder / name).read_bytes())
    altered[-20] ^= 1
    (folder / name).write_bytes(altered)
    with pytest.raises(TandemError, match=rf"{name} was altered since it was saved"):
        load_model(folder)


def test_a_label_that_was_swapped_by_hand_is_noticed(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(path.read_text().replace('"so-so"', '"great"'))
    with pytest.raises(TandemError, match=r"config\.json was altered since it was saved"):
        load_model(folder)


@pytest.mark.parametrize(("step", "remedy"), [(1, "update Tandem"), (-1, "run `dvc repro` to train")])
def test_another_format_is_refused(folder: Path, step: int, remedy: str) -> None:
    version = FORMAT.version + step
    change_config(folder, format_version=version, encoder={"new": "things"})
    with pytest.raises(TandemError, match=f"has format version {version}, this Tandem reads 2: {remedy}"):
        load_model(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": "1"}, r"not as Tandem wrote it \(format_version\)"),
        ({"heads": None, "card": 3}, r"not as Tandem wrote it \(heads, card\)"),
        ({"encoder": {"width": 3}}, r"not as Tandem wrote it \(vocabulary_size: Field required\)"),
        ({"heads": [{"task": "a"}]}, r"not as Tandem wrote it \(.*kind"),
        ({"heads": []}, r"of another model than model\.safetensors \(heads\.entities\.linear\.bias, "),
        ({"pooling": "median"}, r"not as Tandem wrote it \(pooling 'median'\)"),
        ({"sha256": {}}, r"not as Tandem wrote it \(sha256\)"),
        ({"sha256": {"model.safetensors": "", "../secret": ""}}, r"not as Tandem wrote it \(sha256\)"),
    ],
)
def test_an_altered_config_is_refused(folder: Path, changes: dict[str, Any], message: str) -> None:
    change_config(folder, **changes)
    with pytest.raises(TandemError, match=message):
        load_model(folder)


def test_a_config_that_is_not_json_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    with pytest.raises(TandemError, match=r"config\.json is damaged"):
        load_model(folder)
    (folder / "config.json").write_text("[]")
    with pytest.raises(TandemError, match=r"config\.json must hold a JSON object"):
        load_model(folder)
