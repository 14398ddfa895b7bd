"""Hashing what is here, and naming what is not as `dvc.lock` records it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tandem.verification.records import (
    FOLDER,
    Output,
    Recorded,
    folder_digest,
    folder_listing,
    md5_of,
    object_path,
    read_members,
)

Advance = Callable[[int], None]
"""Told of each so many bytes that were hashed."""

State = Literal["damaged", "missing", "changed", "unrecorded"]

_OBJECT = re.compile(r"[0-9a-f]{30}(\.dir)?")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is not as recorded, and how to mend it.

    `what` is the path of a cached object (by its `digest`) or of an output; `output` names the output, or a file in
    it, that an object belongs to, and is empty for an object of other commits or experiments. `found` is the digest
    that its bytes have instead, or what the system says when they are read; it is empty where nothing is.
    """

    kind: Literal["object", "output"]
    state: State
    what: str
    output: str
    digest: str
    found: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class Verification:
    """How much was checked, and what was wrong with it.

    `copies` are the files of the working folder by their digest, and `listings` what the objects of its folders would
    hold: from these, objects can be put back without a remote.
    """

    n_objects: int
    n_outputs: int
    n_bytes: int
    findings: tuple[Finding, ...]
    copies: Mapping[str, Path]
    listings: Mapping[str, bytes]


def files_to_hash(recorded: Recorded) -> tuple[list[Path], list[Path]]:
    """The objects of the cache, and the files of the outputs in the working folder, in the order of their names."""
    objects = [path for path in recorded.cache.glob("[0-9a-f][0-9a-f]/*") if _OBJECT.fullmatch(path.name)]
    in_outputs = [path for output in recorded.outputs for path in _files(output.path)]
    return sorted(objects), in_outputs


def verify(recorded: Recorded, advance: Advance, ignored: Callable[[Path], bool]) -> Verification:
    """Hash every object of the cache and every file of the outputs, and compare with what is recorded.

    `ignored` tells which files within an output do not count (those that `.dvcignore` names).
    """
    objects, in_outputs = files_to_hash(recorded)
    digests = _hashed([*objects, *in_outputs], advance)
    by_object = {path.parent.name + path.name: digests[path][0] for path in objects}
    findings = [*_wrong_objects(recorded, by_object)]
    listings = {}
    for output in recorded.outputs:
        present = {_within(output, path): digests[path][0] for path in _files(output.path) if not ignored(path)}
        findings += _wrong_files(output, present, _members(recorded, output, by_object))
        if output.is_folder and folder_digest(present) == output.digest:
            listings[output.digest] = folder_listing(present)
    return Verification(
        n_objects=len(objects),
        n_outputs=len(recorded.outputs),
        n_bytes=sum(size for _, size in digests.values()),
        findings=tuple(findings),
        copies={digests[path][0]: path for path in in_outputs},
        listings=listings,
    )


def _hashed(paths: list[Path], advance: Advance) -> dict[Path, tuple[str, int]]:
    """The digest and the size of each file; in threads, as hashing holds no lock."""

    def one(path: Path) -> tuple[str, int]:
        try:
            found = md5_of(path), path.stat().st_size
        except OSError as error:
            found = f"unreadable: {error.strerror or error}", 0
        advance(found[1])
        return found

    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        return dict(zip(paths, pool.map(one, paths), strict=True))


def _wrong_objects(recorded: Recorded, by_object: Mapping[str, str]) -> Iterator[Finding]:
    owners = {digest: name for output in recorded.outputs for digest, name in _parts(recorded, output, by_object)}
    needed = {
        digest: name
        for output in recorded.outputs
        if output.is_cached
        for digest, name in _parts(recorded, output, by_object)
    }
    for digest, found in by_object.items():
        if found != digest.removesuffix(FOLDER):
            yield _object_finding(recorded, digest, owners.get(digest, ""), found)
    for digest in sorted(needed.keys() - by_object.keys()):
        yield _object_finding(recorded, digest, needed[digest], "")


def _parts(recorded: Recorded, output: Output, by_object: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The digest and the name of an output and of each file in it, as far as they are known."""
    if not output.digest:
        return
    yield output.digest, output.name
    for name, digest in (_members(recorded, output, by_object) or {}).items():
        yield digest, f"{output.name}/{name}" if name else output.name


def _members(recorded: Recorded, output: Output, by_object: Mapping[str, str]) -> Mapping[str, str] | None:
    """The digest of each file of an output by its path within, or None if that is not known: its list is damaged."""
    if not output.is_folder:
        return {"": output.digest}
    if by_object.get(output.digest) != output.digest.removesuffix(FOLDER):
        return None
    return read_members(object_path(recorded.cache, output.digest))


def _wrong_files(output: Output, found: Mapping[str, str], members: Mapping[str, str] | None) -> Iterator[Finding]:
    """What differs in the working folder, where the digest of each file is `found`."""
    if not output.digest:
        yield _output_finding(output, "", "", "", "unrecorded")
    elif not found and (members is None or members):
        yield _output_finding(output, "", output.digest, "", "missing")
    elif members is None:
        if (whole := folder_digest(found)) != output.digest:
            yield _output_finding(output, "", output.digest, whole, "changed")
    else:
        for name in sorted(members.keys() | found.keys()):
            if members.get(name) != found.get(name):
                state: State = "changed" if name in found else "missing"
                yield _output_finding(output, name, members.get(name, ""), found.get(name, ""), state)


def _object_finding(recorded: Recorded, digest: str, owner: str, found: str) -> Finding:
    return Finding(
        kind="object",
        state="damaged" if found else "missing",
        what=_shown(object_path(recorded.cache, digest), recorded.root),
        output=owner,
        digest=digest,
        found=found,
        remedy="tandem verify --repair",
    )


def _output_finding(output: Output, name: str, digest: str, found: str, state: State) -> Finding:
    if state == "unrecorded":
        remedy = "dvc repro; or git checkout -- dvc.lock, if that was damaged"
    elif not output.is_cached:
        remedy = f"git checkout -- {output.name}, or dvc repro"
    elif state == "missing":
        remedy = f"dvc checkout {output.name}, or dvc pull {output.name}"
    else:
        remedy = f"dvc checkout --force {output.name}, or dvc commit --force {output.stage} to keep it as it is now"
    what = f"{output.name}/{name}" if name else output.name
    return Finding(kind="output", state=state, what=what, output=output.name, digest=digest, found=found, remedy=remedy)


def _within(output: Output, path: Path) -> str:
    """A file's path within its output; empty for an output that is a file itself."""
    return "" if path == output.path else path.relative_to(output.path).as_posix()


def _files(path: Path) -> Iterable[Path]:
    return sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path] * path.is_file()


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
