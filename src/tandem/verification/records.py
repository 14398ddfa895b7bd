"""What should be here: the outputs that `dvc.lock` records, and the cached objects that they are made of.

An object lies in the cache under its own MD5, two digits as a folder and the rest as a file; that of a folder ends
in `.dir` and lists the MD5 and the path of each file. DVC trusts those names; here they are checked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandem.errors import TandemError

FOLDER = ".dir"


@dataclass(frozen=True, kw_only=True)
class Output:
    """What a stage writes: `name` is its path from the project's root, `digest` the MD5 that `dvc.lock` has of it.

    The digest is empty where `dvc.lock` has none.
    """

    name: str
    path: Path
    stage: str
    digest: str
    is_cached: bool

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, whose object lists its files."""
        return self.digest.endswith(FOLDER)


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A project as its `dvc.lock` records it; `cache` is the folder with its objects."""

    root: Path
    cache: Path
    outputs: tuple[Output, ...]


@contextmanager
def open_repository() -> Iterator[Any]:
    """Yield the DVC repository around the working folder.

    Raises `TandemError` if there is none, or with what DVC says of a damaged `dvc.lock` or a setting.
    """
    from dvc.exceptions import DvcException  # noqa: PLC0415 - half a second
    from dvc.repo import Repo  # noqa: PLC0415

    try:
        with Repo() as repo:
            yield repo
    except DvcException as error:
        raise TandemError(f"DVC cannot read this project: {error}") from error


def read_recorded(repo: Any) -> Recorded:
    """List every output of the stages (and of `.dvc` files), with the MD5 that is recorded of it."""
    outputs = [
        Output(
            name=Path(out.fs_path).relative_to(repo.root_dir).as_posix(),
            path=Path(out.fs_path),
            stage=out.stage.addressing,
            digest=out.hash_info.value if out.hash_info else "",
            is_cached=bool(out.use_cache),
        )
        for out in repo.index.outs
        if out.protocol == "local" and (not out.hash_info or out.hash_info.name == "md5")
    ]
    return Recorded(
        root=Path(repo.root_dir),
        cache=Path(repo.cache.local.path),
        outputs=tuple(sorted(outputs, key=lambda output: output.name)),
    )


def object_path(cache: Path, digest: str) -> Path:
    """Where an object lies in a cache."""
    return cache / digest[:2] / digest[2:]


def shown_path(path: Path, root: Path) -> str:
    """A path from the project's root where it lies in there, else in full."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def md5_of(path: Path) -> str:
    """The MD5 of a file's bytes, in hexadecimal; DVC's choice, and good enough against accidents alone."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def folder_listing(members: Mapping[str, str]) -> bytes:
    """What a folder's object holds, from the MD5 of each file by its path."""
    entries = [{"md5": digest, "relpath": name} for name, digest in members.items()]
    return json.dumps(sorted(entries, key=lambda entry: entry["relpath"]), sort_keys=True).encode()


def folder_digest(members: Mapping[str, str]) -> str:
    """The digest of a folder's object."""
    return hashlib.md5(folder_listing(members), usedforsecurity=False).hexdigest() + FOLDER


def read_members(path: Path) -> dict[str, str]:
    """The MD5 of each file by its path, from a folder's object whose own MD5 is right."""
    return {entry["relpath"]: entry["md5"] for entry in json.loads(path.read_bytes())}
