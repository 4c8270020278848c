import signal

import pytest

from coder_lsp.models.installed_models import embedded_model_path
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.prompt.line_encoder import LineEncoder
from coder_lsp.tokenizer import Tokenizer
from testing.errors import InstallationError
from testing.mini_weights import mini_hf_folder
from testing.tiny_model import write_tiny_model


@pytest.fixture(scope="session")
def folder():
    return ModelFolder.read(embedded_model_path())


@pytest.fixture(scope="session")
def tokenizer(folder):
    return Tokenizer(folder.tokenizer_path)


@pytest.fixture
def encoder(tokenizer):
    return LineEncoder(tokenizer)


@pytest.fixture(scope="session", autouse=True)
def interruptible_children():
    """Let children end at SIGINT, also where a shell started the tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def cache_folder_of_the_tests(tmp_path_factory):
    """Keep this process and the servers it starts out of the user's own folders."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("CODER_LSP_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        monkeypatch.setenv("CODER_LSP_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        monkeypatch.setenv("CODER_LSP_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def mini_hf():
    """mini's Hugging Face folder. Without it parity is tested on the tiny checkpoints alone."""
    try:
        return mini_hf_folder()
    except InstallationError as exc:
        pytest.skip(str(exc))


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """A seeded random model of a few hundred tokens of vocabulary, in float32: it takes no time."""
    return write_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session", params=["deepseek_v2", "llama"])
def any_tiny_folder(request, tmp_path_factory):
    """Such a model of each architecture, and so with each layout of the KV cache."""
    return write_tiny_model(tmp_path_factory.mktemp("tiny"), request.param)
