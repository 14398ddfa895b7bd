"""An npy file of rows that come one group after another; it is there once all have come."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from tandem.artifacts import atomic_file


class ArrayRows:
    """A float32 array, (rows, width), whose header gets the number of rows at the end."""

    def __init__(self, path: Path, width: int) -> None:
        self._width = width
        self._n_rows = 0
        self._stack = ExitStack()
        self._file = self._stack.enter_context(atomic_file(path))
        self._write_header()

    def append(self, rows: NDArray[np.float32]) -> None:
        """Append (n, width) values."""
        self._file.write(np.ascontiguousarray(rows, dtype=np.float32).data)
        self._n_rows += len(rows)

    def __enter__(self) -> ArrayRows:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._file.seek(0)
            self._write_header()
        self._stack.__exit__(kind, error, trace)

    def _write_header(self) -> None:
        # numpy pads the header so that its size does not depend on the number of rows
        shape = (self._n_rows, self._width)
        npy.write_array_header_1_0(self._file, {"descr": "<f4", "fortran_order": False, "shape": shape})
