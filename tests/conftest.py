from pathlib import Path

import pytest
import torch

from tandem.params import Params, load_params
from tests import tiny
from tests.small_corpora import folders, model, train_examples, valid_examples  # noqa: F401 - fixtures

ROOT = Path(__file__).parent.parent

torch.set_num_threads(1)  # tests run side by side


@pytest.fixture(scope="session")
def default_params() -> Params:
    """The project's own `params.yaml`."""
    return load_params(ROOT / "params.yaml")


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of two layers, with its tokenizer."""
    return tiny.write_encoder(tmp_path_factory.mktemp("encoder"))
