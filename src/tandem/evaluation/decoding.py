"""From logits to tags: each word's likeliest one, or the likeliest sequence that IOB2 allows.

The sequence is found as by Viterbi (1967), with the sum of the words' log-probabilities as its score and with
transitions as in Collobert et al. (2011), section 3.2.2, but only allowed or forbidden: `I-x` follows `B-x` and
`I-x`, everything else follows anything. The normaliser of a word's softmax is the same for all of its tags, so the
logits decide as the log-probabilities would; dividing all of them by a temperature changes no answer.

Shapes: `rows` are the words of a split, `texts` those texts whose likeliest tags break the rules, longest first,
`active` as many of these as have a word at the place in question, `types` the entity types.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tandem.evaluation.scoring.predicting import Predictions
from tandem.tokens.storage.ragged import Ints

Decoding = Literal["greedy", "viterbi"]


def decode(predictions: Predictions, decoding: Decoding) -> Predictions:
    """The predictions of a tagging task with the answers that a way of decoding gives."""
    return predictions._replace(decoded=DECODERS[decoding](predictions))


def greedy(predictions: Predictions) -> Ints:
    """The likeliest tag of each word, `O` where it was not read: (rows,)."""
    return predictions._replace(decoded=None).answers()


def viterbi(predictions: Predictions) -> Ints:
    """The likeliest legal tags of each text, with `O` where a word was not read: (rows,).

    What is likeliest word by word and breaks no rule is also the likeliest legal sequence: only the other texts
    are searched. That costs little: with 17 tags on one core about 3 million words a second after a training, and 1
    million where every text breaks the rules, against 9 million greedily. A text alone takes 0.1 ms a word.
    """
    answers = greedy(predictions)
    begins = begin_tags(predictions.names[: predictions.logits.shape[1]])
    starts = predictions.text_starts
    lengths = np.diff(starts, append=len(answers))
    illegal = illegal_rows(answers, begins, starts)
    wrong = np.unique(np.searchsorted(starts, illegal, side="right") - 1)
    wrong = wrong[np.argsort(-lengths[wrong], kind="stable")]
    if len(wrong):
        _search(predictions, begins, starts[wrong], lengths[wrong], answers)
    return answers


DECODERS: dict[Decoding, Callable[[Predictions], Ints]] = {"greedy": greedy, "viterbi": viterbi}


def begin_tags(names: Sequence[str]) -> Ints:
    """The number of `B-x` for each `I-x`, -1 for other tags: (labels,).

    An `I-x` without a `B-x` among the names stands for itself: there is no legal way to it.
    """
    numbers = {name: number for number, name in enumerate(names)}
    return np.array(
        [numbers.get(f"B-{name[2:]}", numbers[name]) if name.startswith("I-") else -1 for name in names],
        dtype=np.int64,
    )


def illegal_rows(answers: Ints, begins: Ints, starts: Ints) -> Ints:
    """The rows whose `I-x` follows neither `B-x` nor `I-x` in their text, ascending."""
    before = np.roll(answers, 1)
    needed = begins[answers]
    is_legal = (needed < 0) | (before == answers) | (before == needed)
    is_legal[starts] = needed[starts] < 0
    return np.flatnonzero(~is_legal)


def _search(predictions: Predictions, begins: Ints, starts: Ints, lengths: Ints, answers: Ints) -> None:
    """Overwrite the answers of the texts that begin at `starts`, which are sorted by falling length."""
    inside = np.flatnonzero(begins >= 0)  # (types,)
    begins_of_inside = begins[inside]
    n_active = np.searchsorted(-lengths, -np.arange(lengths[0]), side="left")
    totals = _scores(predictions, starts)  # (texts, labels): of the best way to each tag so far
    totals[:, inside] = -np.inf
    back = []
    for place in range(1, lengths[0]):
        so_far = totals[: n_active[place]]
        best = so_far.argmax(axis=1)  # (active,): what precedes `O` and `B-x`
        going_on, beginning = so_far[:, inside], so_far[:, begins_of_inside]  # (active, types)
        stays = going_on >= beginning
        onward = np.maximum(going_on, beginning)
        so_far[:] = so_far[np.arange(len(best)), best][:, None]
        so_far[:, inside] = onward
        so_far += _scores(predictions, starts[: len(best)] + place)
        back.append((best, stays))
    tags = totals.argmax(axis=1)  # (texts,)
    column = np.zeros(len(begins), dtype=np.int64)
    column[inside] = np.arange(len(inside))
    for place in range(lengths[0] - 1, -1, -1):
        current = tags[: n_active[place]]
        answers[starts[: len(current)] + place] = current
        if place:
            best, stays = back[place - 1]
            goes_on = stays[np.arange(len(current)), column[current]]
            tags[: len(current)] = np.where(begins[current] < 0, best, np.where(goes_on, current, begins[current]))


def _scores(predictions: Predictions, rows: Ints) -> NDArray[np.float64]:
    """The logits of some rows, where a word that was not read can only be `O`: (rows, labels)."""
    scores = predictions.logits[rows].astype(np.float64)
    scores[~predictions.read[rows], 1:] = -np.inf
    return scores
