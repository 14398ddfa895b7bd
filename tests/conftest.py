import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from tandem.params import Params, load_params
from tests import tiny
from tests.small_corpora import folders, model, train_examples, valid_examples  # noqa: F401 - fixtures

ROOT = Path(__file__).parent.parent

torch.set_num_threads(1)  # tests run side by side
settings.register_profile("tandem", deadline=None)  # how long a case takes says more of the machine
settings.load_profile("tandem")


@pytest.fixture
def heeding_interrupts() -> Iterator[None]:
    """A test run in the background of a shell ignores Ctrl-C, and so would its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def default_params() -> Params:
    """The project's own `params.yaml`."""
    return load_params(ROOT / "params.yaml")


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of two layers, with its tokenizer."""
    return tiny.write_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of an `xdist_group` in one worker: where xdist 3.8 notes the group, pytest 9.2 no longer looks."""
    for item in items if hasattr(config, "workerinput") else []:
        group = item.get_closest_marker("xdist_group")
        if group and not item.nodeid.endswith(f"@{group.args[0]}"):
            item._id = type(item._id).parse(f"{item.nodeid}@{group.args[0]}")
