"""One training run, from token stores and a pretrained encoder to a model and its history on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tandem.artifacts import exclusive, sha256_of, write_json
from tandem.errors import TandemError
from tandem.hardware.execution import Execution
from tandem.hardware.probe import probe
from tandem.hardware.process import keep_freed_memory, prepare_torch
from tandem.model.building import build_model
from tandem.model.folder import save_model
from tandem.model.pretrained import checkpoint_of, fingerprint
from tandem.params import Params
from tandem.tokens.batches.examples import Examples, open_examples
from tandem.training.checkpoints import discard
from tandem.training.freezing import count_trainable
from tandem.training.loop import Scorer, train_model
from tandem.training.passing.processes import Crew, is_launched, joined_crew, launch


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where a run finds and leaves things; `work` is for what no other run may see, and may be deleted any time."""

    tokens: Path
    hardware: Path
    work: Path
    model: Path
    history: Path

    @property
    def vocabulary(self) -> Path:
        """Beside the tokens: the tokenizer of an encoder from scratch."""
        return self.tokens.parent / "vocabulary"


def run_training(
    params: Params, places: Places, *, score: Scorer, module: str, words: Sequence[str] = (), n_local: int
) -> str:
    """Train, write model and history, and tell the outcome in a line (the first process of several alone does).

    The machine's devices are used as the probe found them: with several, `module`, which called this, runs again
    once for each, with the same `words`; `n_local` is how many of such processes share this machine. Raises
    `TandemError` if a task has no training text, the stores do not fit the encoder, the machine cannot do what the
    params ask, or another training runs here.
    """
    checkpoint = checkpoint_of(params.model.pretrained)
    execution = probe(params, places.hardware).execution
    if execution.n_devices > 1 and not is_launched():
        launch(module, execution.n_devices, words, work=places.work)
        return f"{execution.n_devices} processes, one a device"
    with joined_crew(execution, n_local) as (crew, own), _alone_here(crew, places.work):
        prepare_torch(own, is_deterministic=params.train.deterministic)
        keep_freed_memory()
        return _run_in(crew, own, params, places, checkpoint, score)


def _alone_here(crew: Crew, work: Path) -> AbstractContextManager[None]:
    return exclusive(work / "train.lock", "a training") if crew.is_first else nullcontext()


def _run_in(
    crew: Crew, execution: Execution, params: Params, places: Places, checkpoint: Path | None, score: Scorer
) -> str:
    train, valid, test = (open_examples(places.tokens, params, split) for split in ("train", "valid", "test"))
    fair = without_leaks(train, valid, test)
    _check(fair)
    model = build_model(checkpoint, train.labels, train.kinds, params.model, seed=params.seed)
    model.to(execution.device)
    folder = places.work / run_key(params, places.tokens, checkpoint)
    history = train_model(
        model, (fair, valid), params.train, execution, seed=params.seed, score=score, folder=folder, crew=crew
    )
    if not crew.is_first:
        return ""
    save_model(
        places.model,
        model,
        card=_card(params, train),
        tokenizer_source=checkpoint or places.vocabulary,
    )
    history.write(places.history)
    write_json(places.work / "training.json", history.cost)
    discard(folder)
    n_leaked = sum(len(train.members[task]) - len(texts) for task, texts in fair.members.items())
    leaked = f"; {n_leaked} texts of other corpora's valid or test left out" if n_leaked else ""
    return f"{count_trainable(model):,} parameters, {history.summary()}{leaked}"


def without_leaks(train: Examples, *held_out: Examples) -> Examples:
    """The training examples without the texts that another corpus has in a split that is held out."""
    return train.without(np.concatenate([split.shelf.text_keys for split in held_out]))


def run_key(params: Params, tokens: Path, pretrained: Path | None) -> str:
    """A name for the run that these params, inputs, this code and these libraries make: equal only for equal ones."""
    own = Path(__file__).parents[1]
    facts = {
        "params": {key: asdict(params)[key] for key in ("seed", "tasks", "model", "train")},
        "corpora": list(params.corpora),
        "tokens": {str(path.relative_to(tokens)): sha256_of(path) for path in _files(tokens, "*")},
        "encoder": fingerprint(pretrained),
        "code": {str(path.relative_to(own)): sha256_of(path) for path in _files(own, "*.py")},
        "libraries": [torch.__version__, np.__version__],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.rglob(pattern) if path.is_file())


def _check(train: Examples) -> None:
    for task, texts in train.members.items():
        if len(texts) == 0:
            raise TandemError(
                f"tasks.{task} has no training text: check what corpora.*.labels, .tags and .spans name, and split.*"
            )


def _card(params: Params, train: Examples) -> dict[str, Any]:
    windows = train.shelf.stores[0].meta
    return {
        "labels": train.labels,
        "pretrained": params.model.pretrained,
        "clean": {"html": params.clean.html, "drop_characters": params.clean.drop_characters},
        "max_length": windows.max_length,
        "stride": windows.stride,
        "long_texts": windows.long_texts,
        "subwords": windows.subwords,
        "words_in_texts": train.shelf.has_words_in_texts,
    }
