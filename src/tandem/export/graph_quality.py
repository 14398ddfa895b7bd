"""What an exported graph loses on the test split, and how much faster it is on this machine."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

from tandem.evaluation.scoring.predicting import Predictions, predict
from tandem.evaluation.scoring.scores import quick_f1
from tandem.hardware.execution import Execution
from tandem.model.multitask import MultiTaskModel
from tandem.serving.graphs import GraphPass, LoadedGraph
from tandem.serving.rules import AnswerRules
from tandem.tokens.batches.examples import Examples
from tandem.training.passing.passes import EncoderPass, Pass


@dataclass(frozen=True, kw_only=True)
class GraphQuality:
    """F1 by task (macro of classes, strict of entities), and seconds by round, both of the model and of the graph."""

    scores: dict[str, tuple[float, float]]
    rounds: list[tuple[float, float]]

    @property
    def speed_up(self) -> float:
        """How many times as fast the graph is."""
        return statistics.median(ours / theirs for ours, theirs in self.rounds)


def measure_graph(
    model: MultiTaskModel, graph: LoadedGraph, test: Examples, execution: Execution, *, rounds: int
) -> GraphQuality:
    """Score both on the test split, then predict it with them in turn."""
    passes: list[Pass] = [EncoderPass(model, test, execution, reading=True), GraphPass(graph, test)]
    rules = graph.rules.without_biases()
    scores = [_scores(predict(run, test, size=execution.pass_size), test, rules) for run in passes]
    seconds = [tuple(_seconds(run, test, execution) for run in passes) for _ in range(rounds)]
    return GraphQuality(
        scores={task: (scores[0][task], scores[1][task]) for task in scores[0]},
        rounds=[(ours, theirs) for ours, theirs in seconds],
    )


def _seconds(run: Pass, test: Examples, execution: Execution) -> float:
    start = time.perf_counter()
    predict(run, test, size=execution.pass_size)
    return time.perf_counter() - start


def _scores(found: dict[str, Predictions], test: Examples, rules: AnswerRules) -> dict[str, float]:
    kinds = test.kinds
    read = {task: rules.apply(task, some, is_tagging=kinds[task] == "tagging") for task, some in found.items()}
    return {task: quick_f1(some, kinds[task]) for task, some in read.items()}
