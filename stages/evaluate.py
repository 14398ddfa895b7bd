"""Evaluate the model on the test split, after training and before it.

`before` in the metrics is the untrained model: the pretrained encoder with heads drawn at random, so its scores are
those of guessing, and the difference to them is what training added.
"""

from pathlib import Path

from stages import run
from tandem.artifacts import write_json
from tandem.evaluation.publishing import publish
from tandem.evaluation.run import run_evaluation
from tandem.params import load_params


def main() -> str:
    """Write `data/metrics/evaluate.json` and `data/evaluate/`."""
    params = load_params(Path("params.yaml"))
    folders = {"model": Path("data/model"), "tokens": Path("data/tokens")}
    evaluation = run_evaluation(params, **folders, hardware=Path("data/hardware.json"))
    evaluation.write(Path("data/evaluate"))
    publish(evaluation, params, Path("data/split"), Path("data/evaluate"))
    write_json(Path("data/metrics/evaluate.json"), evaluation.metrics())
    return evaluation.summary()


if __name__ == "__main__":
    run(main)
