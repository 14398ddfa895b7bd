"""A wish to stop, from Ctrl-C or SIGTERM: noted at once, obeyed when a step is done and a checkpoint is written.

Where a scheduler or a terminal tells all processes, `torchrun` passes on what each has heard already: signals that
follow the first one closely are no second wish.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import Any

ECHO_SECONDS = 3.0

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """While entered, the first such signal is kept as `is_wished`; one much later does what it always does."""

    def __init__(self) -> None:
        self.is_wished = False
        self._wished_at = 0.0
        self._earlier: dict[int, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():  # no other may set handlers
            self._earlier = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._put_back()

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - what `signal` hands over
        if self.is_wished:
            if time.monotonic() - self._wished_at > ECHO_SECONDS:
                self._put_back()
                signal.raise_signal(number)
            return
        self.is_wished, self._wished_at = True, time.monotonic()
        sys.stderr.write("stopping after this step, with a checkpoint; once more to stop at once\n")

    def _put_back(self) -> None:
        for number, handler in self._earlier.items():
            signal.signal(number, handler)
        self._earlier = {}
