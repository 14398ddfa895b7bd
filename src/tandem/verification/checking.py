"""Comparing what is here with what `dvc.lock` records, and naming each difference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from tandem.verification.hashing import Advance, Hashed, Listing, hash_files
from tandem.verification.records import (
    FOLDER,
    Output,
    Recorded,
    folder_digest,
    folder_listing,
    object_path,
    read_members,
    shown_path,
)

State = Literal["damaged", "missing", "unreadable", "changed", "unrecorded"]

Members = Mapping[str, str]
"""The digest of each file of an output by its path within, which is empty where the output is a file itself."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is not as recorded, or that cannot be read, and how to mend it.

    `what` is the path of a cached object (by its `digest`) or of an output; `output` names the output, or a file in
    it, that an object belongs to, and is empty for an object of other commits or experiments. `found` is the digest
    that its bytes have instead, or what the system says when they are read; it is empty where nothing is. A folder of
    the cache that cannot be listed counts as one object, whose digest is as much as its objects share.
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


def verify(recorded: Recorded, listing: Listing, advance: Advance, ignored: Callable[[Path], bool]) -> Verification:
    """Hash every object of the cache and every file of the outputs that is listed, and compare with what is recorded.

    `ignored` tells which files within an output do not count (those that `.dvcignore` names).
    """
    hashed = hash_files(listing, advance)
    objects = {
        "".join(path.relative_to(recorded.cache).parts): hashed[path] for path in listing.objects if path in hashed
    }
    present = {output.name: _present(output, listing, hashed, ignored) for output in recorded.outputs}
    whole = _whole_folders(recorded, present)
    members = {output.name: _members(recorded, output, objects, whole) for output in recorded.outputs}
    findings = [*_wrong_objects(recorded, objects, members)]
    for output in recorded.outputs:
        findings += _wrong_files(output, present[output.name], members[output.name])
    in_outputs = [path for paths in listing.by_output.values() for path in paths if path in hashed]
    return Verification(
        n_objects=len(objects),
        n_outputs=len(recorded.outputs),
        n_bytes=sum(found.size for found in hashed.values()),
        findings=tuple(findings),
        copies={hashed[path].digest: path for path in in_outputs if not hashed[path].error},
        listings={digest: folder_listing(files) for digest, files in whole.items()},
    )


def _present(
    output: Output, listing: Listing, hashed: Mapping[Path, Hashed], ignored: Callable[[Path], bool]
) -> dict[str, Hashed]:
    """The files of an output in the working folder that count, by their path within."""
    paths = [path for path in listing.by_output[output.name] if path in hashed and not ignored(path)]
    return {_within(output, path): hashed[path] for path in paths}


def _whole_folders(recorded: Recorded, present: Mapping[str, Mapping[str, Hashed]]) -> dict[str, Members]:
    """The files of each folder that is in the working folder just as recorded, by the folder's digest."""
    folders = {
        output.digest: {name: found.digest for name, found in present[output.name].items()}
        for output in recorded.outputs
        if output.is_folder
    }
    return {digest: files for digest, files in folders.items() if folder_digest(files) == digest}


def _members(
    recorded: Recorded, output: Output, objects: Mapping[str, Hashed], whole: Mapping[str, Members]
) -> Members | None:
    """The files of an output, or None if they are not known: its list is not right, nor the folder itself."""
    if not output.is_folder:
        return {"": output.digest}
    if output.digest in whole:
        return whole[output.digest]
    found = objects.get(output.digest)
    if not found or found.digest != output.digest.removesuffix(FOLDER):
        return None
    try:
        return read_members(object_path(recorded.cache, output.digest))
    except OSError:  # it could be read a moment ago
        return None


def _wrong_objects(
    recorded: Recorded, objects: Mapping[str, Hashed], members: Mapping[str, Members | None]
) -> Iterator[Finding]:
    owners: dict[str, str] = {}
    needed: dict[str, str] = {}
    for output in recorded.outputs:
        parts = dict(_parts(output, members[output.name] or {}))
        owners |= parts
        needed |= parts if output.is_cached else {}
    for digest, found in objects.items():
        if found.error or found.digest != digest.removesuffix(FOLDER):
            yield _object_finding(recorded, digest, owners.get(digest, ""), found)
    for digest in sorted(needed.keys() - objects.keys()):
        if not {"", digest[:2]} & objects.keys():  # else its folder cannot be listed
            yield _object_finding(recorded, digest, needed[digest], None)


def _parts(output: Output, members: Members) -> Iterator[tuple[str, str]]:
    """The digest and the name of an output and of each file in it, as far as they are known."""
    if not output.digest:
        return
    yield output.digest, output.name
    for name, digest in members.items():
        yield digest, f"{output.name}/{name}" if name else output.name


def _wrong_files(output: Output, present: Mapping[str, Hashed], members: Members | None) -> Iterator[Finding]:
    """What differs in the working folder, as far as it can be read."""
    unreadable = {name: found.error for name, found in present.items() if found.error}
    digests = {name: found.digest for name, found in present.items() if not found.error}
    for name, error in unreadable.items():
        yield _output_finding(output, name, (members or {}).get(name, ""), error, "unreadable")
    if not output.digest:
        yield _output_finding(output, "", "", "", "unrecorded")
    elif not present and (members is None or members):
        yield _output_finding(output, "", output.digest, "", "missing")
    elif members is None:
        if not unreadable and (whole := folder_digest(digests)) != output.digest:
            yield _output_finding(output, "", output.digest, whole, "changed")
    else:
        for name in sorted(members.keys() | digests.keys()):
            if members.get(name) != digests.get(name) and not _lies_in(name, unreadable):
                state: State = "changed" if name in digests else "missing"
                yield _output_finding(output, name, members.get(name, ""), digests.get(name, ""), state)


def _lies_in(name: str, tops: Iterable[str]) -> bool:
    """Whether a path is one of these, or in one."""
    return any(PurePosixPath(name).is_relative_to(top) for top in tops)


def _object_finding(recorded: Recorded, digest: str, owner: str, found: Hashed | None) -> Finding:
    state: State = "missing" if not found else "unreadable" if found.error else "damaged"
    what = shown_path(object_path(recorded.cache, digest), recorded.root)
    return Finding(
        kind="object",
        state=state,
        what=what,
        output=owner,
        digest=digest,
        found=(found.error or found.digest) if found else "",
        remedy=_let_read(what) if state == "unreadable" else "tandem verify --repair",
    )


def _output_finding(output: Output, name: str, digest: str, found: str, state: State) -> Finding:
    what = f"{output.name}/{name}" if name else output.name
    if state == "unreadable":
        remedy = _let_read(what)
    elif state == "unrecorded":
        remedy = "dvc repro; or git checkout -- dvc.lock, if that was damaged"
    elif not output.is_cached:
        remedy = f"git checkout -- {output.name}, or dvc repro"
    elif state == "missing":
        remedy = f"dvc checkout {output.name}, or dvc pull {output.name}"
    else:
        remedy = f"dvc checkout --force {output.name}, or dvc commit --force {output.stage} to keep it as it is now"
    return Finding(kind="output", state=state, what=what, output=output.name, digest=digest, found=found, remedy=remedy)


def _let_read(what: str) -> str:
    return f"see who may read it (ls -ld {what}) and whether the disk is sound, then run tandem verify again"


def _within(output: Output, path: Path) -> str:
    """A file's path within its output; empty for an output that is a file itself."""
    return "" if path == output.path else path.relative_to(output.path).as_posix()
