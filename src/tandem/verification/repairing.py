"""Putting objects back: a damaged one is deleted, and its bytes are taken from the working folder or the remote.

Nothing that a user may have written is touched: of the working folder, only files with the very damage of an object
(they were linked to it, or copied from it) get their bytes back. Nor is an object that cannot be read: it may be whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tandem.artifacts import atomic_file
from tandem.errors import TandemError
from tandem.verification.checking import Finding, Verification
from tandem.verification.hashing import is_file
from tandem.verification.records import FOLDER, Recorded, md5_of, object_path, read_members, shown_path


def repair(repo: Any, recorded: Recorded, verification: Verification) -> Iterator[str]:
    """Mend the cache as far as it goes; yield a line for each thing that was done, or that could not be.

    Raises `TandemError` if the cache cannot be written.
    """
    wrong = [item for item in verification.findings if item.kind == "object" and item.state != "unreadable"]
    for finding in wrong:
        if finding.state == "damaged":
            yield _delete(recorded, finding)
    remote = _Remote(repo)
    waiting = {finding.digest: finding.output for finding in wrong}
    while waiting:
        digest, output = waiting.popitem()
        yield _restore(recorded, digest, output, verification, remote)
        if digest.endswith(FOLDER) and object_path(recorded.cache, digest).is_file():
            waiting |= _lacking_members(recorded, digest, output)
    yield from _undo_shared_damage(recorded, verification)


def _delete(recorded: Recorded, finding: Finding) -> str:
    path = object_path(recorded.cache, finding.digest)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise TandemError(
            f"cannot delete {path}: {error.strerror or error}. Let this user write in the cache, or run "
            "`tandem verify --repair` as the one who may"
        ) from error
    return f"deleted the object {finding.digest}: its bytes are not those of its name"


def _restore(recorded: Recorded, digest: str, output: str, verification: Verification, remote: _Remote) -> str:
    """Bring one object back, from the nearest whole copy."""
    path = object_path(recorded.cache, digest)
    source = verification.copies.get(digest)
    if source and _is_still(source, digest):
        _copy(source, path)
        return f"restored the object {digest} from {shown_path(source, recorded.root)} in the working folder"
    if digest in verification.listings:
        with atomic_file(path) as handle:
            handle.write(verification.listings[digest])
        path.chmod(0o444)
        return f"restored the object {digest}, the list of {output}, from the working folder"
    return remote.fetch(digest, path, output)


def _is_still(source: Path, digest: str) -> bool:
    """Whether a file has not been written or deleted since it was hashed."""
    try:
        return md5_of(source) == digest
    except OSError:
        return False


def _copy(source: Path, path: Path) -> None:
    with source.open("rb") as whole, atomic_file(path) as handle:
        shutil.copyfileobj(whole, handle)
    path.chmod(0o444)  # as DVC protects its objects


def _lacking_members(recorded: Recorded, digest: str, output: str) -> dict[str, str]:
    """The objects that a folder's list names and that are not here either, now that the list is back."""
    members = read_members(object_path(recorded.cache, digest))
    return {
        member: f"{output}/{name}"
        for name, member in members.items()
        if not is_file(object_path(recorded.cache, member))
    }


def _undo_shared_damage(recorded: Recorded, verification: Verification) -> Iterator[str]:
    """Give files of the working folder their bytes back that differed just as their object did."""
    damage = {
        (item.digest, item.found) for item in verification.findings if (item.kind, item.state) == ("object", "damaged")
    }
    changed = [item for item in verification.findings if (item.kind, item.state) == ("output", "changed")]
    for finding in changed:
        whole, path = object_path(recorded.cache, finding.digest), recorded.root / finding.what
        if (finding.digest, finding.found) not in damage or not whole.is_file():
            continue
        if not path.is_symlink():  # a link shows the object itself
            if not _is_still(path, finding.found):
                continue
            with whole.open("rb") as source, atomic_file(path) as handle:
                shutil.copyfileobj(source, handle)
        yield f"restored {finding.what}, which had the same damage"


class _Remote:
    """The default remote, opened when it is first needed; what comes from it is hashed before it counts."""

    def __init__(self, repo: Any) -> None:
        self._repo = repo
        self._store: Any = None

    def fetch(self, digest: str, path: Path, output: str) -> str:
        """Bring one object; the line that is returned tells whether it came, or why it did not."""
        from dvc.exceptions import DvcException  # noqa: PLC0415 - half a second

        partial = path.with_name(f".{path.name}.partial")
        try:
            self._store = self._store or self._repo.cloud.get_remote_odb()
            there = self._store.oid_to_path(digest)
            partial.parent.mkdir(parents=True, exist_ok=True)
            self._store.fs.get_file(there, str(partial))
            if md5_of(partial) != digest.removesuffix(FOLDER):
                return _damaged_there(there, output)
            partial.chmod(0o444)
            partial.replace(path)
        except FileNotFoundError:
            return f"the remote lacks the object {digest}: run `dvc push` where it is, or `dvc repro` to make it anew"
        except (DvcException, OSError) as error:
            return f"cannot fetch the object {digest}: {str(error).strip() or type(error).__name__}"
        finally:
            partial.unlink(missing_ok=True)
        return f"fetched the object {digest}" + (f" of {output}" if output else "")


def _damaged_there(there: str, output: str) -> str:
    return (
        f"the remote's own copy is damaged: {there}, of {output or 'another commit'}. Delete it there, then run "
        "`dvc push` where `tandem verify` finds everything whole; or make it anew: dvc repro --force, dvc push"
    )
