import pytest

from tests.support.tiny_model import write_tiny_model


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """A random model in float32 that takes milliseconds."""
    return write_tiny_model(tmp_path_factory.mktemp("tiny"))
