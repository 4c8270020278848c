import pytest

from coder_lsp.backends.local import embedded_model_path
from coder_lsp.model_folder import ModelFolder
from coder_lsp.prompt.line_encoder import LineEncoder
from coder_lsp.tokenizer import Tokenizer
from onnx_export.config import ExportConfig
from onnx_export.export import HuggingFaceFolder, Labels, export
from tests.support.tiny_checkpoint import write_tiny_checkpoint


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
def cache_folder_of_the_tests(tmp_path_factory):
    """Keep this process and the servers it starts out of the user's own cache folder."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("CODER_LSP_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """A seeded random model of a few hundred tokens of vocabulary, in float32."""
    temporary = tmp_path_factory.mktemp("tiny")
    source = HuggingFaceFolder(write_tiny_checkpoint(temporary / "hf"))
    export(source, temporary / "out", ExportConfig("fp32"), Labels(), lambda *_: None)
    return temporary / "out"
