"""Train the single-task twin of one task: the shared training without the other tasks."""

import os
from pathlib import Path

from stages import run
from tandem.params import load_params
from tandem.training.run import Places, run_training
from tandem.twins import twin_params
from tandem.validation import score_split


def main(task: str) -> str:
    """Write `data/twins/<task>/model/` and `data/twins/<task>/train/`."""
    places = Places(
        tokens=Path("data/tokens"),
        hardware=Path("data/hardware.json"),
        work=Path("work"),
        model=Path(f"data/twins/{task}/model"),
        history=Path(f"data/twins/{task}/train"),
    )
    n_local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    params = twin_params(load_params(Path("params.yaml")), task, places.tokens)
    return run_training(params, places, score=score_split, module="stages.train_twin", words=[task], n_local=n_local)


if __name__ == "__main__":
    run(main)
