"""A large file through `clean`, `split` and `tokenize-align`, each in a process of its own: its rate and its memory.

By hand, in a folder with room for five times the file: `python -m tests.benchmarks.corpus_size FOLDER csv MEGABYTES`.
"""

from __future__ import annotations

import importlib
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import yaml

from tests.benchmarks import Measurement, Request, paired
from tests.benchmarks.peaks import ROOT, own_peak_megabytes

STAGES = ("clean", "split", "tokenize_align")
MEGABYTES = 40.0
QUICK_MEGABYTES = 0.04
TIMES_SMALLER = 4
ROUNDS = 3
LIMIT = 0.8


class Cost(NamedTuple):
    """What a stage took for each megabyte of a file, once all is imported, and how much memory it held at most."""

    megabytes: float
    seconds: float
    peak_megabytes: int


def csv_cost(request: Request) -> Measurement:
    """Seconds for 100 MB of CSV, in a large file and in one a quarter as large: a ratio of 1 is a linear cost."""
    return _measure(request, "csv")


def jsonl_cost(request: Request) -> Measurement:
    """The same for JSON Lines."""
    return _measure(request, "jsonl")


def run_stages(request: Request, kind: str, megabytes: float, folder: Path) -> dict[str, Cost]:
    """Write a file of about so many megabytes into a folder, and take it through the stages there."""
    from tests.benchmarks.review_files import CORPUS, reviews_of_size, write  # noqa: PLC0415 - not in the stages' memory

    path = write(folder / f"large.{kind}", reviews_of_size(request, megabytes))
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    fields = ("format", "text", "words", "sentence", "group", "labels", "tags")
    params["corpora"]["large"] = {"path": str(path), **{name: getattr(CORPUS, name) for name in fields}}
    params["model"]["pretrained"] = request.pretrained
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    size = path.stat().st_size / 1e6
    costs = {}
    for stage in STAGES:
        command = [sys.executable, "-m", "tests.benchmarks.corpus_size", str(folder), stage]
        printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
        seconds, peak = printed.split()[-2:]
        costs[stage] = Cost(size, float(seconds) / size, int(peak))
    return costs


def _measure(request: Request, kind: str) -> Measurement:
    megabytes = QUICK_MEGABYTES if request.quick else MEGABYTES
    rounds = []
    for _ in range(min(ROUNDS, request.rounds)):
        with TemporaryDirectory() as large, TemporaryDirectory() as small:
            larger = run_stages(request, kind, megabytes, Path(large))
            rounds.append((larger, run_stages(request, kind, megabytes / TIMES_SMALLER, Path(small))))
    told = "; ".join(_told(stage, [(one[stage], other[stage]) for one, other in rounds]) for stage in STAGES)
    pairs = [(_seconds(larger), _seconds(smaller)) for larger, smaller in rounds]
    note = f"seconds for 100 MB of {kind}, in a file of {megabytes:g} MB and one a quarter as large; {told}"
    return paired(pairs, unit="s", note=note, limit=LIMIT)


def _seconds(costs: dict[str, Cost]) -> float:
    return 100 * sum(cost.seconds for cost in costs.values())


def _told(stage: str, pairs: list[tuple[Cost, Cost]]) -> str:
    rate = 1 / statistics.median(large.seconds for large, _ in pairs)
    large, small = (max(costs, key=lambda cost: cost.peak_megabytes) for costs in zip(*pairs, strict=True))
    growth = (large.peak_megabytes - small.peak_megabytes) / (large.megabytes - small.megabytes)
    return f"{stage} {rate:.1f} MB/s, peak memory {large.peak_megabytes} MB, {max(growth, 0):.2f} more for each MB"


def _run_stage(folder: str, stage: str) -> None:
    main = importlib.import_module(f"stages.{stage}").main
    os.chdir(folder)
    start = time.perf_counter()
    main("large")
    print(time.perf_counter() - start, own_peak_megabytes())


def _run_by_hand(folder: Path, kind: str, megabytes: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for stage, cost in run_stages(Request(data=ROOT / "data/raw"), kind, megabytes, folder).items():
        print(f"{stage}: {cost.megabytes:.0f} MB, {1 / cost.seconds:.1f} MB/s, peak memory {cost.peak_megabytes} MB")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        _run_stage(*sys.argv[1:])
    else:
        _run_by_hand(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
