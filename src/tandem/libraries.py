"""Which versions of the libraries that compute results are installed: a change of one makes their results stale."""

from __future__ import annotations

from importlib.metadata import version

LIBRARIES = ("tokenizers", "torch", "transformers")


def library_versions() -> dict[str, str]:
    """The version of each of `LIBRARIES`, without the part that tells builds for other devices apart (`+cu130`)."""
    return {name: version(name).partition("+")[0] for name in LIBRARIES}
