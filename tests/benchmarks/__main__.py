"""Run the benchmarks named on the command line, or all; print a table and write `work/bench.json`."""

from __future__ import annotations

import argparse
import importlib
import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks import Measurement

MODULES = {"xlsx_intake": "xlsx_intake", "tokenize": "tokenization"}
RESULTS = Path("work/bench.json")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(MODULES)}")
    parser.add_argument("--data", type=Path, default=Path("data/raw"), help="folder with the two workbooks")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(MODULES)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(MODULES)}")
    if not (arguments.data / "classification_dataset.xlsx").exists():
        parser.error(f"no workbooks in {arguments.data}: run `make run` first, or give DATA=folder")
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in arguments.names or MODULES:
        module = importlib.import_module(f"tests.benchmarks.{MODULES[name]}")
        measured: Measurement = module.measure(arguments.data)
        found[name] = asdict(measured)
        _print(name, measured)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")


def _print(name: str, measured: Measurement) -> None:
    table = Table("benchmark", "ours", "reference", "ratio")
    ours, reference = (f"{value:,.3g} {measured.unit}" for value in (measured.ours, measured.reference))
    table.add_row(name, ours, reference, f"{measured.ratio:.2f}")
    Console().print(table)
    Console().print(measured.note, highlight=False)


if __name__ == "__main__":
    main()
