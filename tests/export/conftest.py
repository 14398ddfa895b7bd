from tests.serving.conftest import trained  # noqa: F401 - a fixture
