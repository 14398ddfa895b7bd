"""How answers are read off the logits: as the evaluation of the same weights did, or as the params do by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tandem.artifacts import FORMAT_KEY, read_json
from tandem.errors import TandemError
from tandem.evaluation.decoding import DECODERS, Decoding, decode
from tandem.evaluation.formats import READING
from tandem.evaluation.operating_point import biased
from tandem.evaluation.scoring.predicting import Predictions
from tandem.model.folder import LoadedModel

FILE = "calibration.json"


@dataclass(frozen=True, kw_only=True)
class AnswerRules:
    """A way of decoding tags; by task a temperature, and a bias on `O` for a target recall."""

    decoding: Decoding = "viterbi"
    temperatures: Mapping[str, float] = field(default_factory=dict)
    biases: Mapping[str, float] = field(default_factory=dict)

    def without_biases(self) -> AnswerRules:
        """The rules by which the headline scores were made."""
        return replace(self, biases={})

    def apply(self, task: str, found: Predictions, *, is_tagging: bool) -> Predictions:
        """Decode a task's predictions, then divide the logits by its temperature."""
        if is_tagging:
            found = decode(biased(found, self.biases.get(task, 0.0)), self.decoding)
        logits = found.logits / self.temperatures.get(task, 1.0)
        return found._replace(logits=logits, decoded=found.answers())


def find_rules(loaded: LoadedModel) -> AnswerRules:
    """Read what the evaluation of these very weights chose, from the model's folder or `evaluate/` beside it.

    A file that speaks of other weights counts for nothing. Raises `TandemError` for one that is damaged or of
    another format.
    """
    for path in (loaded.folder / FILE, loaded.folder.absolute().parent / "evaluate" / FILE):
        if path.is_file():
            values = read_json(path)
            if isinstance(values, dict) and values.get("weights_sha256") == loaded.weights_sha256:
                READING.check(path, values.get(FORMAT_KEY))
                return checked_rules(path, values)
    return AnswerRules()


def checked_rules(path: Path, values: Mapping[str, object]) -> AnswerRules:
    """The rules that a file states; raises `TandemError` if it is not as Tandem wrote it."""
    decoding, temperatures, biases = (values.get(key) for key in ("decoding", "temperatures", "biases"))
    tables = [table for table in (temperatures, biases) if isinstance(table, dict)]
    numbers = [value for table in tables for value in table.values()]
    if decoding not in DECODERS or len(tables) < 2 or not all(isinstance(value, int | float) for value in numbers):
        raise TandemError(f"{path} is not as Tandem wrote it: delete it and run `dvc repro evaluate`")
    return AnswerRules(decoding=decoding, temperatures=tables[0], biases=tables[1])
