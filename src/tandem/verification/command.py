"""What a verification found, as tables or JSON, with a bar on the way."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from tandem.verification.checking import Finding, Verification, verify
from tandem.verification.hashing import Advance, Listing, list_files
from tandem.verification.records import Recorded, open_repository, read_recorded
from tandem.verification.repairing import repair

_MEANING = {
    "damaged": "are not the bytes that they were",
    "missing": "are not here",
    "unreadable": "cannot be read",
    "changed": "are not as the stage wrote them",
    "unrecorded": "dvc.lock does not know",
}


def run_verification(*, is_repaired: bool, as_json: bool) -> bool:
    """Check the project around the working folder, mend it if asked to, print the outcome; return whether all is well.

    Raises `TandemError` outside a DVC repository, or if the cache cannot be written.
    """
    with open_repository() as repo:
        recorded = read_recorded(repo)
        found = _watched(repo, recorded)
        done: list[str] = []
        if is_repaired and any(finding.kind == "object" for finding in found.findings):
            for line in repair(repo, recorded, found):
                done.append(line)
                sys.stderr.write(f"{line}\n")
            found = _watched(repo, recorded)
    print_json(found, done) if as_json else print_findings(found)
    return not found.findings


def _watched(repo: Any, recorded: Recorded) -> Verification:
    def ignored(path: Path) -> bool:
        return bool(repo.dvcignore.is_ignored_file(str(path)))

    listing = list_files(recorded)
    with _bar(listing) as advance:
        return verify(recorded, listing, advance, ignored)


@contextmanager
def _bar(listing: Listing) -> Iterator[Advance]:
    """On a terminal, how many bytes are hashed of how many."""
    columns = (TextColumn("verify"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        row = progress.add_task("verify", total=listing.n_bytes())
        yield lambda size: progress.update(row, advance=size)


def print_findings(found: Verification) -> None:
    """Print what is wrong by its kind, how to mend it, and how much was checked."""
    console = Console(highlight=False, soft_wrap=True, markup=False)
    for kind in ("object", "output"):
        for state, meaning in _MEANING.items():
            some = [finding for finding in found.findings if (finding.kind, finding.state) == (kind, state)]
            if some:
                console.print(f"{kind}s that {meaning}:")
                for line in _lines(some):
                    console.print(line)
    size = found.n_bytes / 2**20
    count = len(found.findings)
    verdict = f"{count} finding{'s' * (count > 1)}" if count else "all as recorded"
    console.print(f"{found.n_objects:,} objects and {found.n_outputs} outputs ({size:,.1f} MiB): {verdict}")


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    for finding in findings:
        is_unreadable = finding.state == "unreadable"
        owner = finding.output or "of another commit" * (not is_unreadable)
        yield f"  {finding.what}" + f" ({owner})" * (finding.kind == "object" and bool(owner))
        expected = f"expected {finding.digest or 'no such file'}, found {finding.found or 'nothing'}"
        yield f"    {finding.found if is_unreadable else expected}"
        yield f"    {finding.remedy}"


def print_json(found: Verification, done: Sequence[str]) -> None:
    """Print the same as one JSON object."""
    Console(soft_wrap=True).print_json(
        data={
            "objects": found.n_objects,
            "outputs": found.n_outputs,
            "bytes": found.n_bytes,
            "repaired": list(done),
            "findings": [asdict(finding) for finding in found.findings],
        }
    )
