"""Prove that the encoder computes what the reference computes, before and after training."""

from pathlib import Path

from stages import run
from tandem.artifacts import write_json
from tandem.model.pretrained import checkpoint_of
from tandem.params import load_params
from tandem.parity.check import check_parity, first_texts


def main() -> str:
    """Write `data/metrics/parity_check.json`; above the tolerance, fail after writing."""
    params = load_params(Path("params.yaml"))
    settings, max_length = params.parity_check, params.tokenize_align.max_length
    texts = first_texts(Path("data/split"), params.corpora, settings.texts)
    begun = checkpoint_of(params.model.pretrained) or Path("data/vocabulary")
    report = check_parity(begun, Path("data/model"), texts, settings, max_length=max_length, begins=params.model)
    write_json(Path("data/metrics/parity_check.json"), report.as_dict())
    report.raise_if_failed()
    return report.summary()


if __name__ == "__main__":
    run(main)
