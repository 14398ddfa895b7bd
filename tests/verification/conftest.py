"""A DVC project of two stages that cost nothing: one leaves a file, one a folder, with a metric that git tracks."""

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tandem.cli import main
from tandem.verification import hashing, repairing
from tandem.verification.records import md5_of, object_path

FILES = {"texts.txt": "the film was fine\n" * 40, "answers/a.json": "[1, 2]\n", "answers/b.json": "[3]\n"}
PIPELINE = {
    "stages": {
        "read": {"cmd": "python write.py texts.txt", "deps": ["write.py"], "outs": ["texts.txt"]},
        "answer": {
            "cmd": "python write.py answers/a.json answers/b.json score.json",
            "deps": ["texts.txt"],
            "outs": ["answers"],
            "metrics": [{"score.json": {"cache": False}}],
        },
    }
}
SCRIPT = f"""
import pathlib, sys
FILES = {FILES | {"score.json": "{}"}!r}
for name in sys.argv[1:]:
    pathlib.Path(name).parent.mkdir(exist_ok=True)
    pathlib.Path(name).write_text(FILES[name])
"""


@dataclass(frozen=True)
class Store:
    """The project; `dvc` runs a command in it, `verify` ours."""

    root: Path
    capture: pytest.CaptureFixture[str] | None = None

    def dvc(self, *words: str, succeeds: bool = True) -> str:
        environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["dvc", *words], cwd=self.root, capture_output=True, text=True, env=environment, check=False
        )
        assert (done.returncode == 0) == succeeds, done.stdout + done.stderr
        return done.stdout + done.stderr

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start a command and let it run, in a process group of its own."""
        environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(words, cwd=self.root, env=environment, text=True, start_new_session=True, **streams)

    def digest(self, name: str) -> str:
        """What `dvc.lock` has for an output."""
        stages = yaml.safe_load((self.root / "dvc.lock").read_text())["stages"].values()
        return next(out["md5"] for stage in stages for out in stage["outs"] if out["path"] == name)

    def object(self, name: str, *, store: str = ".dvc/cache") -> Path:
        """The object of an output, or of a file within one."""
        folder, _, member = name.partition("/")
        digest = self.digest(folder)
        if member:
            entries = json.loads(object_path(self.root / ".dvc/cache/files/md5", digest).read_bytes())
            digest = next(entry["md5"] for entry in entries if entry["relpath"] == member)
        return object_path(self.root / store / "files/md5", digest)

    def verify(self, *words: str) -> tuple[int, dict[str, Any]]:
        """The exit code and the JSON of `tandem verify`."""
        code = exit_code(["verify", "--json", *words])
        return code, json.loads(self.capture.readouterr().out)


def exit_code(words: list[str]) -> int:
    """The exit code that the command would end with."""
    try:
        main(words)
    except SystemExit as error:
        if not isinstance(error.code, int):
            raise
        return error.code
    return 0


def overwrite(path: Path, content: bytes) -> None:
    """Write into a read-only file, as a failing disk does: in place."""
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(0o444)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    overwrite(path, bytes(content))


@pytest.fixture(scope="session")
def finished_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store") / "project"
    root.mkdir()
    (root / "write.py").write_text(SCRIPT)
    (root / "dvc.yaml").write_text(yaml.safe_dump(PIPELINE))
    store = Store(root)
    store.dvc("init", "--no-scm", "--quiet")
    store.dvc("config", "core.analytics", "false")
    store.dvc("remote", "add", "--default", "store", "remote")
    store.dvc("repro")
    store.dvc("push")
    return root


@pytest.fixture
def store(finished_store: Path, tmp_path: Path, monkeypatch, capsys) -> Store:
    """The project after a run, pushed to a remote in a folder of its own."""
    root = tmp_path / "project"
    shutil.copytree(finished_store, root, ignore=shutil.ignore_patterns("tmp"))
    monkeypatch.chdir(root)
    return Store(root, capsys)


@pytest.fixture
def fail_to_read(monkeypatch) -> Callable[[Path], None]:
    """Let the disk fail when a file is read or a folder is listed; root may read whatever its mode says."""
    failing: set[Path] = set()
    list_folder = os.scandir

    def check(path: Path) -> None:
        if path in failing:
            raise OSError(errno.EIO, "Input/output error", str(path))

    def failing_md5(path: Path) -> str:
        check(path)
        return md5_of(path)

    def failing_list(path: Any = ".") -> Any:
        if not isinstance(path, int):
            check(Path(path))
        return list_folder(path)

    monkeypatch.setattr(hashing, "md5_of", failing_md5)
    monkeypatch.setattr(repairing, "md5_of", failing_md5)
    monkeypatch.setattr(os, "scandir", failing_list)
    return failing.add


def mount(*words: str) -> None:
    """Mount a file system, or skip the test where that is not allowed."""
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no right to mount: {done.stderr.strip()}")


@pytest.fixture
def small_disk() -> Iterator[Callable[[Path, str], None]]:
    """Put a folder on a disk of its own, of a given size, or give that disk another size."""
    mounted: list[Path] = []

    def resize(folder: Path, size: str) -> None:
        if folder in mounted:
            subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)
        else:
            mount("-t", "tmpfs", "-o", f"size={size}", "none", str(folder))
            mounted.append(folder)

    yield resize
    for folder in mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def read_only() -> Iterator[Callable[[Path], None]]:
    """Make a folder such that this user cannot write in it; root needs a mount for that."""
    mounted: list[Path] = []

    def protect(folder: Path) -> None:
        if os.geteuid() != 0:
            for path in (folder, *folder.rglob("*")):
                path.chmod(path.stat().st_mode & ~0o222)
            return
        mount("--bind", str(folder), str(folder))
        mounted.append(folder)
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)

    yield protect
    for folder in mounted:
        subprocess.run(["umount", folder], check=True)
