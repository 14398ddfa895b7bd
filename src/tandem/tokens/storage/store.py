"""One split of a tokenized corpus: packed arrays on disk that training maps without copying or padding.

Legend: pieces and windows (special pieces included), texts, words; all laid end to end. `piece_tags`,
`text_labels` and `word_tags` are by task; -100 stands where there is none. Ids of labels and tags are positions
in the corpus's own vocabularies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tandem.artifacts import Format, read_json, write_json
from tandem.errors import TandemError
from tandem.tokens.storage.ragged import GrowingArray, Ints, spread

FORMAT = Format(version=3, remedy="run `dvc repro`, whose stage tokenize-align writes it anew")
_ARRAYS = {
    "pieces": np.int32,
    "window_starts": np.int64,
    "window_texts": np.int32,
    "piece_words": np.int32,
    "word_starts": np.int64,
    "word_begins": np.int32,
    "word_ends": np.int32,
    "text_keys": np.uint64,
    "text_rows": np.int32,
    "text_groups": np.int32,
}
_TAGGING_ARRAYS = ("piece_tags", "word_tags")
_CLASSIFICATION_ARRAYS = ("text_labels",)


@dataclass(frozen=True, kw_only=True)
class StoreMeta:
    """What holds for all splits of a corpus; `vocabularies` and `train_labels` list each task's names."""

    version: int = FORMAT.version
    tokenizer: str
    prefix: list[int]
    suffix: list[int]
    pad_id: int
    max_length: int
    stride: int
    long_texts: str
    subwords: str
    kinds: dict[str, str]
    vocabularies: dict[str, list[str]]
    train_labels: dict[str, list[str]]
    counts: dict[str, dict[str, int]]

    def write(self, corpus: Path) -> None:
        """Write `meta.json` into a corpus's folder."""
        write_json(corpus / "meta.json", asdict(self))

    @classmethod
    def read(cls, corpus: Path) -> StoreMeta:
        """Read a corpus's `meta.json`; raises `TandemError` if it is missing or of another version."""
        path = corpus / "meta.json"
        values = read_json(path)
        FORMAT.check(path, values.get("version") if isinstance(values, dict) else None)
        if values.keys() != {field.name for field in fields(cls)}:
            raise TandemError(f"{path} is not as Tandem wrote it (it has {', '.join(sorted(values))}): {FORMAT.remedy}")
        return cls(**values)


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenStore:
    """Texts of one split, as windows of pieces.

    `pieces` (pieces); `window_starts` (windows + 1); `window_texts` (windows), ascending;
    `piece_words` (pieces): the word of its text that is read at this piece, or -1;
    `piece_tags` (pieces): what is learnt there; `text_labels` (texts);
    `word_starts` (texts + 1) and `word_tags` (words): what is right;
    `word_begins` and `word_ends` (words): from which to which character of its text a word goes, -1 without a text;
    `text_keys` (texts): equal for equal texts, spaces aside; `text_rows` (texts): where each stands in the raw file;
    `text_groups` (texts): equal for the texts of one group (a document, say) of the corpus, -1 for those of none.
    """

    corpus: str = ""
    meta: StoreMeta
    pieces: NDArray[np.int32]
    window_starts: Ints
    window_texts: NDArray[np.int32]
    piece_words: NDArray[np.int32]
    word_starts: Ints
    word_begins: NDArray[np.int32]
    word_ends: NDArray[np.int32]
    text_keys: NDArray[np.uint64]
    text_rows: NDArray[np.int32]
    text_groups: NDArray[np.int32]
    piece_tags: Mapping[str, NDArray[np.int16]]
    text_labels: Mapping[str, NDArray[np.int16]]
    word_tags: Mapping[str, NDArray[np.int16]]

    @classmethod
    def open(cls, folder: Path) -> TokenStore:
        """Map the store of one split, `data/tokens/<corpus>/<split>`.

        Raises `TandemError` if it is missing, damaged or of another version.
        """
        meta = StoreMeta.read(folder.parent)
        arrays: dict[str, Any] = {name: _mapped(folder / f"{name}.npy") for name in _ARRAYS}
        for kind, names in (("tagging", _TAGGING_ARRAYS), ("classification", _CLASSIFICATION_ARRAYS)):
            tasks = [task for task, its_kind in meta.kinds.items() if its_kind == kind]
            arrays |= {name: {task: _mapped(folder / f"{name}_{task}.npy") for task in tasks} for name in names}
        return cls(corpus=folder.parent.name, meta=meta, **arrays)

    @property
    def vocabularies(self) -> Mapping[str, Sequence[str]]:
        """The names that the ids of labels and tags stand for, by task."""
        return self.meta.vocabularies

    @property
    def train_labels(self) -> Mapping[str, Sequence[str]]:
        """Those of the names that the training split holds, by task."""
        return self.meta.train_labels

    @property
    def n_texts(self) -> int:
        """Number of texts."""
        return len(self.text_keys)

    @property
    def n_windows(self) -> int:
        """Number of windows."""
        return len(self.window_texts)

    @property
    def n_pieces(self) -> int:
        """Number of pieces in all windows, special pieces included."""
        return len(self.pieces)

    @property
    def window_lengths(self) -> Ints:
        """Pieces of each window, special pieces included: (windows)."""
        return np.diff(self.window_starts)

    def windows_of(self, texts: ArrayLike) -> Ints:
        """All windows of the given texts, text after text: (n) to (windows of these)."""
        wanted = np.asarray(texts, dtype=np.int32)  # of the array's own type, which searching would else copy
        first = np.searchsorted(self.window_texts, wanted, side="left")
        return spread(first, np.searchsorted(self.window_texts, wanted, side="right") - first)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every array by the name of its file."""
        by_task = {
            f"{name}_{task}": array
            for name in (*_TAGGING_ARRAYS, *_CLASSIFICATION_ARRAYS)
            for task, array in getattr(self, name).items()
        }
        return {name: getattr(self, name) for name in _ARRAYS} | by_task


class StoreWriter:
    """Writes one split's store batch by batch, so that only a batch is ever in memory."""

    def __init__(self, folder: Path, kinds: Mapping[str, str]) -> None:
        folder.mkdir()
        types: dict[str, Any] = dict(_ARRAYS)
        for task, kind in kinds.items():
            names = _TAGGING_ARRAYS if kind == "tagging" else _CLASSIFICATION_ARRAYS
            types |= {f"{name}_{task}": np.int16 for name in names}
        self._stack = ExitStack()
        self._files = {
            name: self._stack.enter_context(GrowingArray(folder / f"{name}.npy", dtype))
            for name, dtype in types.items()
        }
        self._n_words = 0
        for name in ("window_starts", "word_starts"):
            self._files[name].append(np.zeros(1))

    def append(self, batch: TokenStore) -> None:
        """Append the texts of a batch, whose positions begin at 0."""
        shifted: dict[str, NDArray[Any]] = {
            "window_starts": batch.window_starts[1:] + self._files["pieces"].length,
            "window_texts": batch.window_texts + self._files["text_keys"].length,
            "word_starts": batch.word_starts[1:] + self._n_words,
        }
        for name, array in (batch.arrays() | shifted).items():
            self._files[name].append(array)
        self._n_words += int(batch.word_starts[-1])

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


def _mapped(path: Path) -> NDArray[Any]:
    try:
        return np.asarray(np.lib.format.open_memmap(path, mode="r"))
    except FileNotFoundError as error:
        raise TandemError(f"{path} is missing: run `dvc repro`, or `dvc pull` to fetch it") from error
    except ValueError as error:
        raise TandemError(f"{path} is damaged ({error}): delete it and run `dvc repro`") from error
