"""Look for held-out texts that another corpus, or the same, trains on."""

from pathlib import Path

from stages import run
from tandem.artifacts import write_json
from tandem.corpora.leakage.leakage import find_leakage
from tandem.params import load_params


def main() -> str:
    """Write `data/metrics/check_leakage.json`."""
    params = load_params(Path("params.yaml"))
    report = find_leakage(Path("data/split"), params.corpora)
    write_json(Path("data/metrics/check_leakage.json"), report.as_dict())
    return report.summary()


if __name__ == "__main__":
    run(main)
