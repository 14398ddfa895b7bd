"""Rows of different lengths, laid end to end: their positions, and arrays on disk that grow.

`starts` has one entry more than there are rows: row i stands at `starts[i]:starts[i + 1]`.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import ArrayLike, DTypeLike, NDArray

Ints = NDArray[np.int64]
IGNORED = -100  # no label or tag here


def starts_of(lengths: ArrayLike) -> Ints:
    """Where each row begins, and where the last one ends: (rows) to (rows + 1)."""
    return np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))


def spread(starts: ArrayLike, lengths: ArrayLike) -> Ints:
    """Every position of the rows that begin at `starts`, row after row: (rows), (rows) to (sum of lengths)."""
    lengths = np.asarray(lengths, dtype=np.int64)
    ends = np.cumsum(lengths)
    shifts = np.asarray(starts, dtype=np.int64) - ends + lengths
    return np.repeat(shifts, lengths) + np.arange(lengths.sum())


class GrowingArray:
    """A one-dimensional `.npy` file to which values are appended; its header gets the length on closing."""

    def __init__(self, path: Path, dtype: DTypeLike) -> None:
        self._dtype = np.dtype(dtype)
        self._file = path.open("wb")
        self.length = 0
        self._write_header()

    def append(self, values: NDArray[Any]) -> None:
        """Append (n) values, cast to the file's type."""
        self._file.write(np.ascontiguousarray(values, dtype=self._dtype).data)
        self.length += len(values)

    def __enter__(self) -> GrowingArray:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if error is None:
                self._file.seek(0)
                self._write_header()

    def _write_header(self) -> None:
        # numpy pads the header so that its size does not depend on the length.
        header = {"descr": npy.dtype_to_descr(self._dtype), "fortran_order": False, "shape": (self.length,)}
        npy.write_array_header_1_0(self._file, header)
