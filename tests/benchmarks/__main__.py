"""Run the benchmarks named on the command line, or all; print a table and write `work/bench.json`."""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from tests.benchmarks import PRETRAINED, Measurement, Request

MODULES = {
    "xlsx_intake": "xlsx_intake:measure",
    "readers_csv": "readers:csv_table",
    "readers_csv_columns": "readers:csv_columns",
    "readers_csv_rows": "readers:csv_rows",
    "readers_csv_engine": "readers:csv_engine",
    "readers_json": "readers:json_table",
    "readers_json_columns": "readers:json_columns",
    "readers_json_rows": "readers:json_rows",
    "readers_json_engine": "readers:json_engine",
    "readers_json_array": "readers:json_array",
    "corpus_size_csv": "corpus_size:csv_cost",
    "corpus_size_jsonl": "corpus_size:jsonl_cost",
    "tokenize": "tokenization:measure",
    "full_finetuning_vs_trainer": "finetuning:against_trainer",
    "full_finetuning_vs_trainer_bfloat16": "finetuning:against_trainer_in_bfloat16",
    "full_finetuning_vs_trainer_mixed": "finetuning:against_trainer_on_mixed_lengths",
    "full_finetuning_vs_trainer_auto": "finetuning:against_trainer_with_auto",
    "full_finetuning_vs_trainer_gpu": "finetuning:against_trainer_on_gpu",
    "full_finetuning_vs_trainer_gpu_base": "finetuning:against_trainer_on_gpu_base",
    "training_memory_vs_trainer": "training_memory:measure",
    "full_finetuning_vs_plain_loop": "plain_loop:full_finetuning",
    "frozen_vs_plain_loop": "plain_loop:frozen",
    "encoding_vs_matmul_rate": "encoding:measure",
    "padding": "padding:measure",
    "precision": "precision:measure",
    "checkpoint_overhead": "checkpoint_overhead:measure",
    "evaluate": "evaluation:prediction_rate",
    "evaluate_size": "evaluation:whole",
    "evaluate_intervals": "evaluation:resampling",
    "predict_vs_pipelines": "predicting:against_pipelines",
    "onnx_int8_vs_float32": "graphs:int8_against_float32",
    "repro_overhead": "repro_overhead:measure",
}
RESULTS = Path("work/bench.json")


def main() -> None:
    arguments = _arguments()
    request = Request(data=arguments.data, pretrained=arguments.encoder, quick=arguments.quick)
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in arguments.names or MODULES:
        load = psutil.getloadavg()[0]
        measured = find(name)(request)
        if measured is None:
            Console().print(f"{name}: no GPU here")
            continue
        measured = replace(measured, note=f"{measured.note}; load average beforehand {load:.1f}")
        _print(name, measured)
        if not request.quick:
            found[name] = asdict(measured)
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")


def find(name: str) -> Callable[[Request], Measurement | None]:
    """The benchmark of that name; what it needs is imported only now."""
    module, _, function = MODULES[name].partition(":")
    return getattr(importlib.import_module(f"tests.benchmarks.{module}"), function)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(MODULES)}")
    parser.add_argument("--data", type=Path, default=Path("data/raw"), help="folder with the two workbooks")
    parser.add_argument("--encoder", default=PRETRAINED, help="as model.pretrained in params.yaml")
    parser.add_argument("--quick", action="store_true", help="tiny samples, one round, nothing written: does it run?")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(MODULES)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(MODULES)}")
    if not (arguments.data / "classification_dataset.xlsx").exists():
        parser.error(f"no workbooks in {arguments.data}: run `make run` first, or give DATA=folder")
    return arguments


def _print(name: str, measured: Measurement) -> None:
    table = Table("benchmark", "ours", "reference", "ratio", "limit")
    ours, reference = (f"{_number(value)} {measured.unit}" for value in (measured.ours, measured.reference))
    limit = "" if measured.limit is None else f"{measured.limit:.2f}"
    table.add_row(name, ours, reference, f"{measured.ratio:.2f}", limit)
    console = Console(highlight=False, width=120)
    console.print(table)
    console.print(measured.note)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


if __name__ == "__main__":
    main()
