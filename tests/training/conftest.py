from dataclasses import replace

import pytest


@pytest.fixture
def small_run(default_params):
    """The project's own training, at the size of the small corpora."""
    return replace(
        default_params.train,
        batch_size=8,
        learning_rate=0.01,
        loss_weights={"mood": 0.5, "names": 0.5},
    )
