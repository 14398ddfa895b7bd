"""Clean one corpus: a raw file in, records and their statistics out."""

from pathlib import Path

from stages import run
from tandem.artifacts import write_json
from tandem.corpora.cleaning.cleaning import clean_corpus
from tandem.corpora.schema.records import write_records
from tandem.params import load_params


def main(corpus: str) -> str:
    """Write `data/clean/<corpus>.jsonl` and `data/metrics/clean/<corpus>.json`."""
    params = load_params(Path("params.yaml"))
    records, report = clean_corpus(params.corpus(corpus), params.tasks, params.clean)
    write_records(Path(f"data/clean/{corpus}.jsonl"), records)
    write_json(Path(f"data/metrics/clean/{corpus}.json"), report.as_dict())
    return f"{corpus}: {report.summary()}"


if __name__ == "__main__":
    run(main)
