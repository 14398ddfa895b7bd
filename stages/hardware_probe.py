"""Probe the machine: what the params ask for (tracked) and how this machine will do it (untracked)."""

from pathlib import Path

from stages import run
from tandem.artifacts import write_json
from tandem.hardware.probe import probe
from tandem.libraries import library_versions
from tandem.model.pretrained import checkpoint_of, fingerprint
from tandem.params import load_params


def main() -> str:
    """Write `data/plan.json`, `data/encoder.json`, `data/libraries.json` and `data/hardware.json`."""
    params = load_params(Path("params.yaml"))
    hardware = Path("data/hardware.json")
    found = probe(params, hardware)
    write_json(Path("data/encoder.json"), fingerprint(checkpoint_of(params.model.pretrained)))
    write_json(Path("data/libraries.json"), library_versions())
    write_json(Path("data/plan.json"), found.plan())
    write_json(hardware, found.facts())
    return found.summary()


if __name__ == "__main__":
    run(main)
