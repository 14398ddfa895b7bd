"""Words, pieces and windows: who stands where, and which window a word is read in.

Legend: a text is a row of units (its words, or what stands between its spaces); a unit is a row of pieces, maybe
none; all texts' units and pieces are laid end to end. A window is a range of one text's pieces, special pieces
not counted. A word is owned by the window that holds its first piece with most context, so that overlapping
windows train on it once and score it once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandem.corpora.schema.records import Record
from tandem.tokens.pieces.boundaries import SEPARATOR
from tandem.tokens.pieces.lexicon import Lexicon
from tandem.tokens.pieces.runs import Run, RunEncoder, runs_of
from tandem.tokens.pieces.tokenizer import Tokenizer
from tandem.tokens.storage.ragged import IGNORED, Ints, spread, starts_of


@dataclass(frozen=True, kw_only=True, eq=False)
class EncodedTexts:
    """Texts as pieces.

    `pieces` (pieces); `unit_starts` (units + 1) in pieces; `text_units` (texts + 1) in units; `has_words` (texts)
    says whose units are words.
    """

    pieces: NDArray[np.int32]
    unit_starts: Ints
    text_units: Ints
    has_words: NDArray[np.bool_]

    @property
    def text_starts(self) -> Ints:
        """Where each text's pieces begin: (texts + 1)."""
        return self.unit_starts[self.text_units]

    @property
    def unit_sizes(self) -> Ints:
        """Number of pieces of each unit: (units)."""
        return np.diff(self.unit_starts)

    @property
    def is_word(self) -> NDArray[np.bool_]:
        """Which units are words: (units)."""
        return np.repeat(self.has_words, np.diff(self.text_units))

    @property
    def numbers_in_text(self) -> Ints:
        """Each unit's number within its text: (units)."""
        n_units = np.diff(self.text_units)
        return np.arange(n_units.sum()) - np.repeat(self.text_units[:-1], n_units)


class Windows(NamedTuple):
    """Ranges of pieces, text after text: `texts`, `starts` and `ends`, each (windows)."""

    texts: Ints
    starts: Ints
    ends: Ints


class Reading(NamedTuple):
    """The words that are read: each one's unit, the place of its first piece, and how many pieces stand there.

    All three are (words read); places count from the first window's first special piece.
    """

    units: Ints
    places: Ints
    sizes: Ints


def encode_records(records: Sequence[Record], tokenizer: Tokenizer, lexicon: Lexicon) -> EncodedTexts:
    """Encode records; a unit is a word where the record has words, else what may be encoded by itself.

    Words of a list are each read as after a space, words within a running text as they stand there.
    """
    rows = [_units_of(record, at_space=tokenizer.boundaries.at_space) for record in records]
    units = b"".join(rows)
    pieces, unit_starts = lexicon.encode(units)
    unit_ends = np.flatnonzero(np.frombuffer(units, dtype=np.uint8) == SEPARATOR[0])
    text_units = np.searchsorted(unit_ends, starts_of([len(row) for row in rows]))
    has_words = np.array([record.words is not None for record in records], dtype=bool)
    encoded = EncodedTexts(pieces=pieces, unit_starts=unit_starts, text_units=text_units, has_words=has_words)
    return _with_runs(encoded, records, lexicon.runs)


def _with_runs(encoded: EncodedTexts, records: Sequence[Record], encoder: RunEncoder) -> EncodedTexts:
    """Replace the pieces of words that were encoded alone, but stand in their text without a space between them."""
    runs = [
        Run(first + run.first, run.words)
        for first, record in zip(encoded.text_units.tolist(), records, strict=False)
        for run in runs_of(record)
        if not encoder.parts(run.words)
    ]
    if not runs:
        return encoded
    rows = [row for ids in encoder.encode([run.words for run in runs]) for row in ids]
    units = spread([run.first for run in runs], [len(run.words) for run in runs])
    kept, sizes = np.ones(len(encoded.unit_sizes), dtype=bool), encoded.unit_sizes.copy()
    kept[units], sizes[units] = False, [len(row) for row in rows]
    starts = starts_of(sizes)
    pieces = np.empty(starts[-1], dtype=np.int32)
    pieces[spread(starts[:-1][kept], sizes[kept])] = encoded.pieces[spread(encoded.unit_starts[:-1][kept], sizes[kept])]
    pieces[spread(starts[units], sizes[units])] = list(chain.from_iterable(rows))
    return replace(encoded, pieces=pieces, unit_starts=starts)


def _units_of(record: Record, *, at_space: bool) -> bytes:
    """A record's units, each ended by `SEPARATOR`."""
    if record.words is not None:
        joined = "\0".join((*record.words, ""))
        if joined.count("\0") == len(record.words):
            return joined.encode().replace(b"\0", SEPARATOR)
        return b"".join(word.encode() + SEPARATOR for word in record.words)  # a word holds \0 itself
    text = (record.text or "").encode() + SEPARATOR
    return text.replace(b" ", SEPARATOR) if at_space else text


def cut_windows(encoded: EncodedTexts, *, width: int, stride: int, use_windows: bool) -> Windows:
    """Cover each text by windows of at most `width` pieces, of which neighbours share at least `stride`.

    A later window begins with a unit, unless that unit alone outgrows it. Every text has a window, be it empty;
    without `use_windows` it has the first one alone.
    """
    text_starts, text_ends = encoded.text_starts[:-1], encoded.text_starts[1:]
    unit_heads = encoded.unit_starts[:-1][encoded.unit_sizes > 0]
    texts, starts = np.arange(len(text_starts)), text_starts
    rounds = [(texts, starts)]
    while use_windows and len(texts):
        goes_on = starts + width < text_ends[texts]
        texts, starts = texts[goes_on], starts[goes_on]
        latest = starts + width - stride
        head = unit_heads[np.searchsorted(unit_heads, latest, side="right") - 1]
        starts = np.where(head > starts, head, latest)
        rounds.append((texts, starts))
    all_texts, all_starts = (np.concatenate(column) for column in zip(*rounds, strict=True))
    order = np.argsort(all_texts, kind="stable")
    texts, starts = all_texts[order], all_starts[order]
    return Windows(texts, starts, np.minimum(starts + width, text_ends[texts]))


def own_words(encoded: EncodedTexts, windows: Windows) -> Ints:
    """The window in which each unit is read if it is a word with pieces, else or if none holds it -1: (units).

    Context is the distance from the word to the nearer edge of the window; of equals, the earlier window owns.
    """
    heads, tails = encoded.unit_starts[:-1], encoded.unit_starts[1:] - 1
    worded = np.flatnonzero(encoded.has_words[windows.texts])
    first = np.searchsorted(heads, windows.starts[worded])
    n_units = np.searchsorted(heads, windows.ends[worded]) - first
    units, holders = spread(first, n_units), np.repeat(worded, n_units)
    units, holders = (column[tails[units] >= heads[units]] for column in (units, holders))
    context = np.minimum(heads[units] - windows.starts[holders], windows.ends[holders] - 1 - tails[units])
    most = np.full(len(heads), np.iinfo(np.int64).min)
    np.maximum.at(most, units, context)
    chosen = context == most[units]
    owners = np.full(len(heads), len(windows.starts))
    np.minimum.at(owners, units[chosen], holders[chosen])
    return np.where(owners < len(windows.starts), owners, -1)


def lay_out(
    encoded: EncodedTexts, windows: Windows, *, prefix: Sequence[int], suffix: Sequence[int]
) -> tuple[NDArray[np.int32], Ints]:
    """Lay windows end to end between their special pieces: (places) ids, (windows + 1) where each begins."""
    sizes = windows.ends - windows.starts
    window_starts = starts_of(sizes + len(prefix) + len(suffix))
    places = np.empty(window_starts[-1], dtype=np.int32)
    places[spread(window_starts[:-1] + len(prefix), sizes)] = encoded.pieces[spread(windows.starts, sizes)]
    for offset, special in enumerate(prefix):
        places[window_starts[:-1] + offset] = special
    for offset, special in enumerate(reversed(suffix), start=1):
        places[window_starts[1:] - offset] = special
    return places, window_starts


def read_words(encoded: EncodedTexts, windows: Windows, window_starts: Ints, *, n_prefix: int) -> Reading:
    """Where each word is read; of one longer than its window, as many pieces as stand there."""
    owners = own_words(encoded, windows)
    units = np.flatnonzero(owners >= 0)
    holders, heads = owners[units], encoded.unit_starts[units]
    places = window_starts[holders] + n_prefix + heads - windows.starts[holders]
    return Reading(units, places, np.minimum(encoded.unit_starts[units + 1], windows.ends[holders]) - heads)


def tags_of_places(
    n_places: int, reading: Reading, unit_tags: NDArray[np.int16], continued: NDArray[np.int16] | None
) -> NDArray[np.int16]:
    """The training tag of each place: (units) to (places), `IGNORED` where there is none.

    A unit's first piece carries its tag; the later ones are ignored, or, with `continued` (tags), carry the tag
    that goes on from the unit's own.
    """
    tags = np.full(n_places, IGNORED, dtype=np.int16)
    own = unit_tags[reading.units]
    tags[reading.places] = own
    if continued is not None and len(continued):
        later = np.where(own == IGNORED, IGNORED, continued[np.maximum(own, 0)])
        tags[spread(reading.places + 1, reading.sizes - 1)] = np.repeat(later, reading.sizes - 1)
    return tags
