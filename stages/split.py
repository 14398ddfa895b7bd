"""Split one corpus into train, valid and test."""

from pathlib import Path

from stages import run
from tandem.artifacts import write_json
from tandem.corpora.schema.records import read_records
from tandem.corpora.splitting.splitting import assign_splits, write_splits
from tandem.params import load_params


def main(corpus: str) -> str:
    """Write `data/split/<corpus>/{train,valid,test}.jsonl` and `data/metrics/split/<corpus>.json`."""
    params = load_params(Path("params.yaml"))
    source = Path(f"data/clean/{corpus}.jsonl")
    assignment, report = assign_splits(read_records(source), params.split)
    write_splits(Path(f"data/split/{corpus}"), read_records(source), assignment)
    write_json(Path(f"data/metrics/split/{corpus}.json"), report.as_dict())
    return f"{corpus}: {report.summary()}"


if __name__ == "__main__":
    run(main)
