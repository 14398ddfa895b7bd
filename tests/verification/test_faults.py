"""What happens to a project under DVC when disks fill up, processes are killed and locks stay: nothing is lost.

After each fault, once its cause is gone, a plain `dvc repro` ends well and `tandem verify` finds every byte in place.
"""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from tests.verification.conftest import FILES, Store

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("faults")]

WAIT = "import time\nwhile not pathlib.Path('go').exists(): time.sleep(0.01)\n"


def is_whole(store: Store) -> None:
    """The last run ends well, every output has its content, and every hash is right."""
    assert "failed" not in store.dvc("repro")
    for name, content in FILES.items():
        assert (store.root / name).read_text() == content
    code, report = store.verify()
    assert (code, report["findings"]) == (0, [])


def make_stale(store: Store, *, waits: bool = False) -> None:
    """Let the stages have to run again, to the same outputs; with `waits`, not before a file `go` is there."""
    script = store.root / "write.py"
    import_line, rest = script.read_text().split("\nFILES", 1)
    script.write_text(f"{import_line}\n{WAIT if waits else '# changed'}\nFILES{rest}")


def child_of(repro, store: Store) -> psutil.Process:
    """The stage's own process."""
    while repro.poll() is None:
        for child in psutil.Process(repro.pid).children(recursive=True):
            if "write.py" in child.cmdline() and "python" in child.name():
                return child
        time.sleep(0.02)
    raise AssertionError(repro.communicate()[0])


def test_a_full_disk_under_the_cache(store, small_disk):
    shutil.rmtree(store.root / ".dvc/cache")
    (store.root / ".dvc/cache").mkdir()
    small_disk(store.root / ".dvc/cache", "32k")
    make_stale(store)
    (store.root / ".dvc/cache/ballast").write_bytes(b"x" * (24 << 10))
    assert "No space left on device" in store.dvc("repro", "--force", succeeds=False)
    (store.root / ".dvc/cache/ballast").unlink()
    small_disk(store.root / ".dvc/cache", "8m")
    is_whole(store)


def test_a_disk_that_fills_up_while_an_object_is_copied(store):
    """As where nothing may be mounted: DVC may write no file beyond half the output, its stage may."""
    resource = pytest.importorskip("resource")
    script = store.root / "write.py"
    whole = script.read_text()
    lifted = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\n"
    script.write_text(lifted + whole.replace("FILES[name])", "FILES[name] * 1000)"))
    before = set((store.root / ".dvc/cache").rglob("*"))
    with limited(resource, 300_000):
        said = store.dvc("repro", succeeds=False)
    assert "File too large" in said
    for path in set((store.root / ".dvc/cache/files").rglob("*")) - before:
        assert path.is_dir() or "." in path.name, "half an object counts as one"
    script.write_text(whole)
    is_whole(store)


@contextmanager
def limited(resource, n_bytes: int) -> Iterator[None]:
    """Processes that begin in the block may write no file beyond so many bytes; they may lift that themselves."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_cache_that_may_only_be_read(store, read_only):
    script = store.root / "write.py"
    before = script.read_text()
    read_only(store.root / ".dvc/cache")
    assert "up to date" in store.dvc("repro")
    script.write_text(before.replace("film", "plot"))
    said = store.dvc("repro", succeeds=False)
    assert "Read-only file system" in said or "Permission denied" in said
    script.write_text(before)
    store.dvc("checkout", "--force")
    is_whole(store)


@pytest.mark.parametrize("name", ["lock", "rwlock"])
def test_the_lock_of_a_process_that_is_gone(store, name):
    gone = psutil.Popen(["true"])
    gone.wait()
    folder = store.root / ".dvc/tmp"
    folder.mkdir(exist_ok=True)
    holder = {"pid": gone.pid, "cmd": "dvc repro"}
    held = {"write": {str(store.root / "texts.txt"): holder}}
    (folder / name).write_text(json.dumps(held) if name == "rwlock" else "")
    make_stale(store)
    is_whole(store)


def test_a_lock_whose_process_number_lives_on_is_named_with_what_to_delete(store):
    folder = store.root / ".dvc/tmp"
    folder.mkdir(exist_ok=True)
    holder = {"pid": os.getpid(), "cmd": "dvc repro"}
    (folder / "rwlock").write_text(json.dumps({"write": {str(store.root / "texts.txt"): holder}}))
    make_stale(store)
    said = store.dvc("repro", succeeds=False)
    assert "is busy, it is being blocked by" in said
    assert f"PID {os.getpid()}" in said
    assert "rwlock" in said
    (folder / "rwlock").unlink()
    is_whole(store)


@pytest.mark.parametrize("with_child", [True, False], ids=["with its child", "alone"])
def test_dvc_is_killed(store, with_child):
    """Alone, its child writes on; the next run waits for nobody and has the same bytes."""
    make_stale(store, waits=True)
    repro = store.begin("dvc", "repro")
    child_of(repro, store)
    if with_child:
        os.killpg(repro.pid, signal.SIGKILL)
    else:
        repro.kill()
    (store.root / "go").touch()
    repro.communicate(timeout=60)  # ends when the child has, which holds the other end
    is_whole(store)


def test_two_runs_at_once_the_second_is_refused(store):
    make_stale(store, waits=True)
    first = store.begin("dvc", "repro")
    child_of(first, store)
    said = store.dvc("repro", succeeds=False)
    assert "is busy, it is being blocked by" in said
    assert "dvc repro" in said
    (store.root / "go").touch()
    output = first.communicate(timeout=60)[0]
    assert first.returncode == 0, output
    is_whole(store)
