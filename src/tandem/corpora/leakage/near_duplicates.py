"""Finding texts that are nearly the same: MinHash signatures of their shingles, looked up by banding.

Broder 1997; banding as in Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, ch. 3. A shingle is a run of
characters; of a long text only those that begin a word count, which are a sixth and tell texts apart as well.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from datasketch import MinHash

LEAST_SIMILARITY = 0.8
"""Jaccard similarity of the sets of shingles, as estimated."""
MOST_TEXTS = 100_000
"""So many texts are compared; each takes some 4 kB of memory."""

_PERMUTATIONS = 128
_BANDS = (9, 13)  # so many, of so many rows: what datasketch finds best for a similarity of 0.8
_SHORT, _LONG = 5, 8  # characters of a shingle, anywhere or at the beginnings of words
_SHORT_TEXT = 600  # characters
_FEWEST_WORDS = 1 / 15  # of the characters; with fewer the text is of a script without spaces
_FACTOR = np.uint32(1_000_003)
_SPACE = ord(" ")

Numbers = NDArray[np.uint32]


class Sketches:
    """MinHash signatures by number, and which of them are nearly a given one."""

    def __init__(self) -> None:
        from datasketch import MinHashLSH  # noqa: PLC0415 - brings SciPy, which takes as long as all else

        self._index = MinHashLSH(num_perm=_PERMUTATIONS, params=_BANDS)
        self._signatures: dict[int, Numbers] = {}

    def __len__(self) -> int:
        return len(self._signatures)

    def add(self, number: int, sketch: MinHash | None) -> None:
        """Remember a text's sketch, if it has one, by a number that is new."""
        if sketch is not None:
            self._index.insert(number, sketch, check_duplication=False)
            self._signatures[number] = sketch.hashvalues

    def nearest(self, sketch: MinHash | None) -> int | None:
        """Return the number of the most similar text that is nearly this one, the first of equals, or None."""
        if sketch is None:
            return None
        signature = sketch.hashvalues
        alike = [(float(np.mean(self._signatures[other] == signature)), -other) for other in self._index.query(sketch)]
        similarity, other = max(alike, default=(0.0, 0))
        return -other if similarity >= LEAST_SIMILARITY else None


class NearDuplicates:
    """Takes texts one by one, and says for each which of the earlier ones is nearly the same.

    Only a text that is like none before is remembered, so many copies cost no more than one.
    """

    def __init__(self) -> None:
        self.n_seen = 0
        self._sketches = Sketches()

    @property
    def is_full(self) -> bool:
        """Whether it takes no more texts."""
        return self.n_seen >= MOST_TEXTS

    def find(self, number: int, text: str) -> int | None:
        """Return the number of an earlier text that is nearly this one, or None, and remember it as `number`."""
        self.n_seen += 1
        sketch = sketch_of(text)
        near = self._sketches.nearest(sketch)
        if near is None:
            self._sketches.add(number, sketch)
        return near


def sketch_of(text: str) -> MinHash | None:
    """Sketch a text, whatever its case and spacing; None if it is shorter than any shingle."""
    shingles = _shingles(" ".join(text.casefold().split()))
    if not len(shingles):
        return None
    sketch = _blank().copy()
    sketch.update_batch(shingles.tolist())
    return sketch


@cache
def _blank() -> MinHash:
    """The sketch of nothing, with the permutations that all share."""
    from datasketch import MinHash  # noqa: PLC0415 - as above

    return MinHash(num_perm=_PERMUTATIONS, hashfunc=int)


def _shingles(text: str) -> Numbers:
    """Hash every shingle of a text: (distinct shingles)."""
    codes = np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype=np.uint32)
    if len(codes) <= _SHORT_TEXT:
        return np.unique(_rolled(codes, _SHORT))
    starts = np.flatnonzero(codes[:-1] == _SPACE) + 1
    if len(starts) < _FEWEST_WORDS * len(codes):
        return np.unique(_rolled(codes, _SHORT))
    hashes = _rolled(codes, _LONG)
    return np.unique(hashes[starts[starts < len(hashes)]])


def _rolled(codes: Numbers, width: int) -> Numbers:
    """A hash of each `width` neighbours."""
    n_shingles = max(0, len(codes) - width + 1)
    hashes = np.zeros(n_shingles, dtype=np.uint32)
    for offset in range(width):
        hashes = hashes * _FACTOR + codes[offset : offset + n_shingles]
    return hashes
