"""Train the shared encoder and its heads."""

import os
from pathlib import Path

from stages import run
from tandem.params import load_params
from tandem.training.run import Places, run_training
from tandem.validation import score_split


def main() -> str:
    """Write `data/model/` and `data/train/`, by as many processes as the machine has devices, or as torchrun began."""
    places = Places(
        tokens=Path("data/tokens"),
        hardware=Path("data/hardware.json"),
        work=Path("work"),
        model=Path("data/model"),
        history=Path("data/train"),
    )
    n_local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    params = load_params(Path("params.yaml"))
    return run_training(params, places, score=score_split, module="stages.train", n_local=n_local)


if __name__ == "__main__":
    run(main)
