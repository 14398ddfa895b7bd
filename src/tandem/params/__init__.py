"""`params.yaml` as typed values, checked when the file is loaded."""

from tandem.params.loading import load_params
from tandem.params.schema import (
    Clean,
    Corpus,
    Evaluate,
    HardwareProbe,
    Kind,
    Model,
    Params,
    ParityCheck,
    Scratch,
    Split,
    Task,
    TokenizeAlign,
    Train,
    Twins,
)

__all__ = [
    "Clean",
    "Corpus",
    "Evaluate",
    "HardwareProbe",
    "Kind",
    "Model",
    "Params",
    "ParityCheck",
    "Scratch",
    "Split",
    "Task",
    "TokenizeAlign",
    "Train",
    "Twins",
    "load_params",
]
