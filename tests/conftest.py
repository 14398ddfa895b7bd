from pathlib import Path

import pytest

from tandem.params import Params, load_params
from tests import tiny

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def default_params() -> Params:
    """The project's own `params.yaml`."""
    return load_params(ROOT / "params.yaml")


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of two layers, with its tokenizer."""
    return tiny.write_encoder(tmp_path_factory.mktemp("encoder"))
