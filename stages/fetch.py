"""Fetch the default data: two pinned archives in, two workbooks out."""

from pathlib import Path

from stages import run
from tandem.artifacts import write_json
from tandem.corpora.default_data.default_data import fetch_default_data


def main() -> str:
    """Write the two workbooks under `data/raw` and `data/metrics/fetch.json`."""
    report = fetch_default_data(Path("data/raw"), downloads=Path("work/downloads"))
    write_json(Path("data/metrics/fetch.json"), report.as_dict())
    return report.summary()


if __name__ == "__main__":
    run(main)
