"""One training run, from token stores and a pretrained encoder to a model and its history."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tandem.errors import TandemError
from tandem.hardware.probe import prepare_torch, probe
from tandem.model.building import build_model
from tandem.model.folder import save_model
from tandem.model.freezing import count_trainable
from tandem.model.multitask import MultiTaskModel
from tandem.model.pretrained import locate
from tandem.model.weights import read_config
from tandem.params import Params
from tandem.tokens.examples import Examples, open_examples
from tandem.training.history import History
from tandem.training.loop import Scorer, train_model


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A trained model, how it came about, and what a reader of it must know."""

    model: MultiTaskModel
    history: History
    card: dict[str, Any]
    pretrained: Path
    n_leaked: int

    def write(self, model: Path, history: Path) -> None:
        """Write the model's folder and the history's."""
        save_model(model, self.model, card=self.card, tokenizer_source=self.pretrained)
        self.history.write(history)

    def summary(self) -> str:
        """One line: what learnt, and how well."""
        leaked = f"; {self.n_leaked} texts of other corpora's valid or test left out" if self.n_leaked else ""
        return f"{count_trainable(self.model):,} parameters, {self.history.summary()}{leaked}"


def run_training(params: Params, tokens: Path, *, hardware: Path, scratch: Path, score: Scorer) -> Outcome:
    """Train on the stores under `tokens`, executing as the probe recorded in `hardware`.

    Texts that stand in any corpus's valid or test split are left out of training. Raises `TandemError` if a task
    has no training text, the stores do not fit the encoder, or the machine cannot do what the params ask.
    """
    pretrained = locate(params.model.pretrained)
    execution = probe(params, read_config(pretrained), hardware).execution
    prepare_torch(execution)
    train, valid, test = (open_examples(tokens, params, split) for split in ("train", "valid", "test"))
    fair = train.without(np.concatenate([store.text_keys for store in (*valid.stores, *test.stores)]))
    _check(fair)
    model = build_model(pretrained, train.labels, train.kinds, params.model, seed=params.seed)
    model.to(execution.device)
    history = train_model(model, (fair, valid), params.train, execution, seed=params.seed, score=score, scratch=scratch)
    return Outcome(
        model=model,
        history=history,
        card=_card(params.model.pretrained, train),
        pretrained=pretrained,
        n_leaked=sum(len(train.members[task]) - len(rows) for task, rows in fair.members.items()),
    )


def _check(train: Examples) -> None:
    for task, rows in train.members.items():
        if len(rows) == 0:
            raise TandemError(f"tasks.{task} has no training text: check corpora.*.labels and .tags, and split.*")


def _card(pretrained: str, train: Examples) -> dict[str, Any]:
    windows = train.stores[0].meta
    return {
        "labels": train.labels,
        "pretrained": pretrained,
        "max_length": windows.max_length,
        "stride": windows.stride,
        "long_texts": windows.long_texts,
        "subwords": windows.subwords,
    }
