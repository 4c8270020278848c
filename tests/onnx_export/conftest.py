from pathlib import Path

import pytest

from onnx_export.config import ExportConfig
from onnx_export.export import HuggingFaceFolder, Labels, export
from testing.tiny_checkpoint import write_tiny_checkpoint

REPOSITORY = Path(__file__).parents[2]


def export_quietly(hf_dir, out_dir, config=None, labels=None):
    """Export without a progress bar. Returns ``out_dir``."""
    config = config or ExportConfig("fp32")
    export(HuggingFaceFolder(hf_dir), out_dir, config, labels or Labels(), lambda *_: None)
    return out_dir


@pytest.fixture(scope="session")
def tiny_hf(tmp_path_factory):
    return write_tiny_checkpoint(tmp_path_factory.mktemp("hf") / "tiny")


@pytest.fixture(scope="session")
def tiny_fp32(tiny_hf, tmp_path_factory):
    return export_quietly(tiny_hf, tmp_path_factory.mktemp("exports") / "tiny-fp32")


@pytest.fixture(scope="session")
def mini_fp32(mini_hf, tmp_path_factory):
    return export_quietly(mini_hf, tmp_path_factory.mktemp("exports") / "mini-fp32")
