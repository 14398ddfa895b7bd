"""Train the shared encoder and its heads."""

from pathlib import Path

from stages import run
from tandem.artifacts import exclusive
from tandem.evaluation.validation import score_split
from tandem.params import load_params
from tandem.training.run import run_training


def main() -> str:
    """Write `data/model/` and `data/train/`."""
    params = load_params(Path("params.yaml"))
    with exclusive(Path("work/train.lock"), "a training"):
        places = {"hardware": Path("data/hardware.json"), "scratch": Path("work")}
        outcome = run_training(params, Path("data/tokens"), **places, score=score_split)
        outcome.write(Path("data/model"), Path("data/train"))
    return outcome.summary()


if __name__ == "__main__":
    run(main)
