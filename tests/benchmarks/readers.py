"""From a CSV or JSON Lines file to columns of texts, as `clean` takes them, against `datasets.load_dataset`.

Once its call alone, which leaves an Arrow file, and once with a pass over its rows, so that on both sides each text
has been a Python string.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

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

N_ROWS = 300_000
AT_ONCE = 10_000
LIMIT = 3.0

Open = Callable[[Path, Corpus], Source]


def csv_alone(request: Request) -> Measurement:
    """`open_csv` against the call alone."""
    return _measure(request, "csv", open_csv, with_rows=False)


def csv_rows(request: Request) -> Measurement:
    """`open_csv` against the call and a pass over the rows."""
    return _measure(request, "csv", open_csv, with_rows=True)


def json_alone(request: Request) -> Measurement:
    """`open_json` against the call alone."""
    return _measure(request, "json", open_json, with_rows=False)


def json_rows(request: Request) -> Measurement:
    """`open_json` against the call and a pass over the rows."""
    return _measure(request, "json", open_json, with_rows=True)


def json_array(request: Request) -> Measurement:
    """`open_json` against the call alone, all records in one array."""
    return _measure(request, "json", open_json, with_rows=False, in_array=True)


def _measure(request: Request, kind: str, open_: Open, *, with_rows: bool, in_array: bool = False) -> Measurement:
    datasets.disable_progress_bars()
    n_rows = request.size(N_ROWS, 300)
    with TemporaryDirectory() as folder:
        path = write(Path(folder, f"texts.{kind}"), reviews(request, n_rows), in_array=in_array)
        few = write(Path(folder, f"few.{kind}"), reviews(request, 3), in_array=in_array)
        note = f"{n_rows:,} rows, {path.stat().st_size / 1e6:.0f} MB; {_told_start(kind, few, open_)}"
        if not in_array:
            engine = statistics.median(seconds(lambda: _exhaust(ENGINES[kind](path))) for _ in range(request.rounds))
            note += f"; the engine of load_dataset alone, brought to the same columns: {n_rows / engine:,.0f} rows/s"
        return in_turn(
            lambda: _exhaust(open_(path, CORPUS).pieces or ()),
            lambda: _load(kind, path, with_rows=with_rows),
            rounds=request.rounds,
            warm_up=not request.quick,
            note=note,
            limit=LIMIT,
        ).per_second(n_rows, "rows")


def _exhaust(rows: Iterable[object]) -> None:
    deque(rows, maxlen=0)


def _load(kind: str, path: Path, *, with_rows: bool) -> None:
    with TemporaryDirectory() as cache:
        loaded = datasets.load_dataset(kind, data_files=str(path), cache_dir=cache, split="train")
        if with_rows:
            _exhaust(loaded)


def _told_start(kind: str, few: Path, open_: Open) -> str:
    """What either takes before the first row: to be imported, and for a file of three rows."""
    theirs, mine = _import_seconds("datasets"), _import_seconds(open_.__module__)
    call = statistics.median(seconds(lambda: _load(kind, few, with_rows=False)) for _ in range(3))
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
