import pytest
from huggingface_hub import constants, file_download

from coder_lsp.install.hub import Hub
from testing.tiny_checkpoint import write_tiny_checkpoint
from tests.support.stand_in_hub import stand_in_hub

REPOSITORY = "deepseek-ai/Tiny-Coder-Base"
CARD = "---\nlicense: other\nlicense_name: deepseek-license\n---\n# Tiny\n"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """The user's data folder of one test, and no token and no hub of the user's own."""
    monkeypatch.setenv("CODER_LSP_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "ollama"))
    proxies = [v for n in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY") for v in (n, n.lower())]
    for name in ("HF_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE", *proxies):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "data"


@pytest.fixture
def small_chunks(monkeypatch):
    """Let the library keep what came a kilobyte at a time, and not wait before it tries again.

    It keeps whole chunks only, of ten megabytes, which no file of the tests has.
    """
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1024)
    monkeypatch.setattr(file_download.time, "sleep", lambda seconds: None)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """A folder as the hub would have it."""
    folder = write_tiny_checkpoint(tmp_path_factory.mktemp("checkpoint") / "Tiny-Coder-Base")
    (folder / "README.md").write_text(CARD)
    return folder


@pytest.fixture
def stand_in(checkpoint):
    """That folder on a stand-in of the hub, with files that nobody needs."""
    files = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    unwanted = {"modeling_tiny.py": b"raise SystemExit\n", "onnx/model.safetensors": b"other"}
    with stand_in_hub(REPOSITORY, {**files, **unwanted}) as hub:
        yield hub


@pytest.fixture
def hub(stand_in):
    return Hub(stand_in.url)
