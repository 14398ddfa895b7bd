"""Reading a CSV or JSON Lines file, against `datasets.load_dataset`, each time for another use of what was read.

- rows: both make a Python object a row: ours entries, theirs dictionaries, by a pass over the Arrow file.
- columns: both make columns of Python strings; theirs from the Arrow file, by a pass in batches.
- table: ours makes Python strings in columns, as `clean` takes them; theirs makes an Arrow file and no Python value.
- engine: both make columns of Python strings; theirs with the engine of load_dataset alone (pandas or pyarrow), without
  its Arrow file. Ours tells lines and faults of a file, theirs does not.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import datasets
import pandas
import pyarrow.json

from tandem.corpora.readers.delimited import open_csv
from tandem.corpora.readers.entries import Source
from tandem.corpora.readers.json_records import open_json
from tandem.params import Corpus
from tests.benchmarks import Measurement, Request, in_turn, seconds
from tests.benchmarks.peaks import ROOT
from tests.benchmarks.review_files import CORPUS, reviews, write

Use = Literal["table", "columns", "rows", "engine"]

N_ROWS = 300_000
AT_ONCE = 10_000
LIMITS: dict[Use, float] = {"table": 3.0, "columns": 3.0, "rows": 3.0, "engine": 1.0}

Open = Callable[[Path, Corpus], Source]
Work = Callable[[], object]


OPENERS: dict[str, Open] = {"csv": open_csv, "json": open_json}


def _measure(request: Request, kind: str, use: Use, *, in_array: bool = False) -> Measurement:
    datasets.disable_progress_bars()
    n_rows, open_ = request.size(N_ROWS, 300), OPENERS[kind]
    spent: tuple[list[float], list[float]] = [], []
    with TemporaryDirectory() as folder:
        path = write(Path(folder, f"texts.{kind}"), reviews(request, n_rows), in_array=in_array)
        few = write(Path(folder, f"few.{kind}"), reviews(request, 3), in_array=in_array)
        measured = in_turn(
            _timed(lambda: _read(open_(path, CORPUS), use), spent[0]),
            _timed(lambda: _load(kind, path, use), spent[1]),
            rounds=request.rounds,
            warm_up=not request.quick,
            note=f"{use}; {n_rows:,} rows, {path.stat().st_size / 1e6:.0f} MB; {_told_start(kind, few, open_)}",
            limit=LIMITS[use],
        ).per_second(n_rows, "rows")
    ratio = statistics.median(theirs / mine for mine, theirs in zip(*spent, strict=True))
    return replace(measured, note=f"{measured.note}; in processor time, the ratio is {ratio:.2f}")


csv_table, csv_columns, csv_rows, csv_engine = (partial(_measure, kind="csv", use=use) for use in LIMITS)
json_table, json_columns, json_rows, json_engine = (partial(_measure, kind="json", use=use) for use in LIMITS)
json_array = partial(_measure, kind="json", use="table", in_array=True)


def _timed(work: Work, spent: list[float]) -> Work:
    """Note down the processor time of each call, which other processes disturb less."""

    def run() -> None:
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)

    return run


def _read(source: Source, use: Use) -> None:
    _exhaust(source.entries if use == "rows" else source.pieces or ())


def _load(kind: str, path: Path, use: Use) -> None:
    if use == "engine":
        _exhaust(ENGINES[kind](path))
        return
    with TemporaryDirectory() as cache:
        loaded = datasets.load_dataset(kind, data_files=str(path), cache_dir=cache, split="train")
        if use != "table":
            _exhaust(loaded if use == "rows" else loaded.iter(AT_ONCE))


def _exhaust(rows: Iterable[object]) -> None:
    deque(rows, maxlen=0)


def _told_start(kind: str, few: Path, open_: Open) -> str:
    """What either takes before the first row: to be imported, and for a file of three rows."""
    theirs, mine = _import_seconds("datasets"), _import_seconds(open_.__module__)
    call = statistics.median(seconds(lambda: _load(kind, few, "table")) for _ in range(3))
    return (
        f"beforehand, each process imports datasets in {theirs:.2f} s, our reader in {mine:.2f} s; "
        f"load_dataset takes {1000 * call:.0f} ms for three rows"
    )


def _import_seconds(module: str) -> float:
    code = f"import time; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return float(printed)


def _with_pandas(path: Path) -> Iterator[Sequence[Sequence[str]]]:
    for frame in pandas.read_csv(path, dtype=object, keep_default_na=False, chunksize=AT_ONCE):
        yield [frame[name].tolist() for name in ("review", "sentiment")]


def _with_pyarrow(path: Path) -> Iterator[Sequence[Sequence[str]]]:
    for batch in pyarrow.json.read_json(path).to_batches():
        yield [batch[name].to_pylist() for name in ("review", "sentiment")]


ENGINES = {"csv": _with_pandas, "json": _with_pyarrow}
