import pytest

from coder_lsp.backends.local import embedded_model_path
from coder_lsp.model_folder import ModelFolder
from coder_lsp.prompt.line_encoder import LineEncoder
from coder_lsp.tokenizer import Tokenizer


@pytest.fixture(scope="session")
def folder():
    return ModelFolder.read(embedded_model_path())


@pytest.fixture(scope="session")
def tokenizer(folder):
    return Tokenizer(folder.tokenizer_path)


@pytest.fixture
def encoder(tokenizer):
    return LineEncoder(tokenizer)
