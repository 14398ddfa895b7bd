"""Evaluate the single-task twin of one task, and say what sharing does to the task."""

from pathlib import Path

from stages import run
from tandem.artifacts import write_json
from tandem.evaluation.publishing import publish
from tandem.evaluation.run import run_evaluation
from tandem.evaluation.sharing import measure_sharing
from tandem.params import load_params
from tandem.twins import twin_params


def main(task: str) -> str:
    """Write `data/twins/<task>/evaluate/` and `data/metrics/twins/<task>.json`."""
    params, tokens, twin = load_params(Path("params.yaml")), Path("data/tokens"), Path(f"data/twins/{task}")
    alone = twin_params(params, task, tokens)
    evaluation = run_evaluation(alone, model=twin / "model", tokens=tokens, hardware=Path("data/hardware.json"))
    evaluation.write(twin / "evaluate")
    both = {"shared": (Path("data/evaluate"), Path("data/train")), "alone": (twin / "evaluate", twin / "train")}
    sharing = measure_sharing(task, **both, counted=params.twins.steps)
    publish(evaluation, alone, Path("data/split"), twin / "evaluate", sharing)
    write_json(Path(f"data/metrics/twins/{task}.json"), sharing.metrics())
    return sharing.summary()


if __name__ == "__main__":
    run(main)
