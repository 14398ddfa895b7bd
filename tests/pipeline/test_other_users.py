"""What one account pushed, in the hands of another: nothing rests on a name, a home or the owner of a file."""

import os
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.conftest import Project, stages_run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("operations")]

NUMBER = 54321  # of an account that nobody has set up: without an entry among the users
# `env`: setpriv itself still has root's rights when it looks for the command
AS_ANOTHER = ("setpriv", f"--reuid={NUMBER}", f"--regid={NUMBER}", "--clear-groups", "env")
TEXT = "The film was bright, Anna lives in Oslo."
PREDICT = ("python", "-c", f"from tandem.cli import main; main(['predict', {TEXT!r}])")


@pytest.fixture
def ground() -> Iterator[Path]:
    """A folder that every account may enter, which pytest's own are not."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("another account's processes can be started by root alone, with setpriv")
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def owned(folder: Path) -> Path:
    folder.mkdir()
    os.chown(folder, NUMBER, NUMBER)
    return folder


def python_for_another(folder: Path) -> Path:
    """A folder with a `python` that the other account may run: this one, or the system's of the same version."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        words = [*AS_ANOTHER, candidate, "-c", "import ssl, sqlite3"]
        if Path(candidate).exists() and not subprocess.run(words, capture_output=True, check=False).returncode:
            (folder / "python").symlink_to(candidate)
            return folder
    pytest.skip(f"no {version} here that another account may run")


@pytest.fixture
def there(finished: Project, ground: Path) -> Project:
    """A clone that the other account made, of what root has pushed."""
    here = finished.clone(ground / "here")
    here.run("dvc", "cache", "dir", "--local", str(finished.root / ".dvc/cache"))
    here.run("dvc", "remote", "add", "--default", "store", str(ground / "store"))
    here.commit("Say where artifacts lie")
    here.run("dvc", "push")
    here.run("git", "clone", "--quiet", "--bare", ".", str(ground / "origin.git"))
    root = owned(ground / "there") / "project"
    path = f"{python_for_another(owned(ground / 'bin'))}:{os.environ['PATH']}"
    packages = os.pathsep.join(site.getsitepackages())
    environment = {"HOME": str(owned(ground / "home")), "USER": "another", "LOGNAME": "another", "PATH": path}
    project = Project(root.parent, {**environment, "PYTHONPATH": f"{root}/src:{packages}"})
    origin = str(ground / "origin.git")
    project.run(*AS_ANOTHER, "git", "config", "--global", "safe.directory", origin)  # it is root's
    project.run(*AS_ANOTHER, "git", "clone", "--quiet", origin, str(root))
    return Project(root, project.environment)


def test_another_account_has_the_model_and_trains_nothing(finished: Project, there: Project, ground: Path):
    dvc = (*AS_ANOTHER, "python", "-m", "dvc")
    assert stages_run(there.run(*dvc, "repro", "--pull", "--allow-missing")) == {"hardware-probe"}
    assert there.run(*AS_ANOTHER, "git", "status", "--short") == ""
    objects = [path for path in (ground / "store").rglob("*") if path.is_file()]
    for path in objects:
        path.chmod(0o400)  # as a strict umask leaves them: for their owner alone
    assert f"Permission denied: '{ground / 'store'}" in there.run(*dvc, "pull", succeeds=False)
    for path in objects:
        path.chmod(0o444)
    there.run(*dvc, "pull")
    assert {path.lstat().st_uid for path in there.root.rglob("*")} == {NUMBER}
    answers = [said.splitlines()[-1] for said in (finished.run(*PREDICT), there.run(*AS_ANOTHER, *PREDICT))]
    assert '"label":"positive"' in answers[0]
    assert answers[0] == answers[1]
    assert there.run(*AS_ANOTHER, "git", "status", "--short") == ""
