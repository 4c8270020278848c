import pytest

from onnx_export.config import ExportConfig
from onnx_export.export import HuggingFaceFolder, Labels, export
from tests.support.tiny_checkpoint import write_tiny_checkpoint


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """A seeded random model of a few hundred bytes' worth of tokens, in float32."""
    temporary = tmp_path_factory.mktemp("tiny")
    source = HuggingFaceFolder(write_tiny_checkpoint(temporary / "hf"))
    export(source, temporary / "out", ExportConfig("fp32"), Labels(), lambda *_: None)
    return temporary / "out"
