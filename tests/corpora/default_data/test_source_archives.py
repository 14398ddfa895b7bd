from __future__ import annotations

import hashlib
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from tandem.corpora.default_data import source_archives
from tandem.corpora.default_data.source_archives import SourceArchive, archive_bytes, member_bytes
from tandem.errors import TandemError

CONTENT = b"the archive"
ARCHIVE = SourceArchive(
    package="some-package",
    version="1.0",
    file_name="some_package-1.0.tar.gz",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    member="some_package-1.0/data.txt",
)


def tar(**files: bytes) -> bytes:
    content = BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, BytesIO(data))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return content.getvalue()


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Stand in for pip: note each call, and put what is asked for where it is asked for."""
    calls: list[list[str]] = []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        folder = Path(command[command.index("--dest") + 1])
        requirements = Path(command[command.index("-r") + 1]).read_text()
        assert requirements == f"some-package==1.0 --hash=sha256:{ARCHIVE.sha256}\n"
        (folder / ARCHIVE.file_name).write_bytes(CONTENT)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(source_archives.subprocess, "run", run)
    return calls


def test_an_archive_is_downloaded_once(tmp_path: Path, pip: list[list[str]]) -> None:
    downloads = tmp_path / "work" / "downloads"
    assert archive_bytes(ARCHIVE, downloads) == CONTENT
    assert archive_bytes(ARCHIVE, downloads) == CONTENT
    assert len(pip) == 1
    assert {"--no-deps", "--no-binary", ":all:", "--require-hashes"} < set(pip[0])
    assert [path.name for path in downloads.iterdir()] == [ARCHIVE.file_name]


def test_another_hash_names_both(tmp_path: Path) -> None:
    (tmp_path / ARCHIVE.file_name).write_bytes(b"something else")
    found = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(TandemError, match=rf"its sha256 is {found}, expected {ARCHIVE.sha256}; delete the file"):
        archive_bytes(ARCHIVE, tmp_path)


def test_without_a_network_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "WARNING: retrying\nERROR: No matching distribution\n")

    monkeypatch.setattr(source_archives.subprocess, "run", run)
    with pytest.raises(TandemError) as raised:
        archive_bytes(ARCHIVE, tmp_path)
    message = str(raised.value)
    assert "cannot download some-package 1.0 (No matching distribution). Connect to the network once" in message
    assert f"put {ARCHIVE.file_name} (sha256 {ARCHIVE.sha256}) into {tmp_path}" in message
    assert "delete the stage `fetch` from dvc.yaml" in message
    assert list(tmp_path.iterdir()) == []


def test_a_member_is_read_without_unpacking() -> None:
    assert member_bytes(tar(**{"a/b.txt": b"text"}), "a/b.txt") == b"text"


@pytest.mark.parametrize("member", ["a/c.txt", "link", "../b.txt"])
def test_what_is_no_file_of_the_archive_is_refused(member: str) -> None:
    with pytest.raises(TandemError, match=f"the archive holds no file {member} of at most 64 MiB"):
        member_bytes(tar(**{"a/b.txt": b"text"}), member)


def test_a_member_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_archives, "LARGEST_MEMBER_BYTES", 3)
    with pytest.raises(TandemError, match="holds no file a"):
        member_bytes(tar(a=b"text"), "a")


def test_no_archive_at_all() -> None:
    with pytest.raises(TandemError, match="is not a gzipped tar"):
        member_bytes(CONTENT, "a")
