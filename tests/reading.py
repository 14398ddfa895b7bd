"""Which keys of the params a piece of code reads: the classes of the sections tell, while it runs."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tandem.params import load_params, schema

SECTIONS = {
    "clean": schema.Clean,
    "split": schema.Split,
    "tokenize_align": schema.TokenizeAlign,
    "hardware_probe": schema.HardwareProbe,
    "model": schema.Model,
    "train": schema.Train,
    "evaluate": schema.Evaluate,
    "parity_check": schema.ParityCheck,
    "corpora.*": schema.Corpus,
    "tasks.*": schema.Task,
}
STAGES = ("clean reviews", "split reviews", "tokenize_align reviews", "train", "evaluate", "parity_check")


@contextmanager
def recording() -> Iterator[set[str]]:
    """Collect the keys that are read in the block."""
    read: set[str] = set()
    kinds: dict[str, Any] = {**SECTIONS, "": schema.Params}
    for section, kind in kinds.items():
        names = {field.name for field in dataclasses.fields(kind)} - SECTIONS.keys()

        def look(own: Any, name: str, *, section: str = section, names: set[str] = names) -> Any:
            if name in names and sys._getframe(1).f_code.co_filename != dataclasses.__file__:  # `asdict` copies all
                read.add(f"{section}.{name}" if section else name)
            return object.__getattribute__(own, name)

        kind.__getattribute__ = look
    try:
        yield read
    finally:
        for kind in kinds.values():
            del kind.__getattribute__


def main() -> None:
    """Run every stage in the working folder, and print the keys that each read once the params were loaded."""
    found = {}
    for words in STAGES:
        name, *rest = words.split()
        stage = importlib.import_module(f"stages.{name}")
        params = load_params(Path("params.yaml"))
        stage.load_params = lambda path, params=params: params
        with recording() as read:
            stage.main(*rest)
        found[name] = sorted(read)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
