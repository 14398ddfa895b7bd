"""Tandem: one shared BERT encoder that labels whole texts and tags their words.

`from tandem import Tandem` is the door to a trained model; importing this package alone loads no library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tandem.serving.door import Tandem

__all__ = ["Tandem"]


def __getattr__(name: str) -> Any:
    if name != "Tandem":
        raise AttributeError(f"module 'tandem' has no attribute {name!r}")
    from tandem.serving.door import Tandem  # noqa: PLC0415 - loads torch

    return Tandem
