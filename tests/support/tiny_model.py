"""The tiny checkpoint as a model folder that the engine loads."""

from pathlib import Path

from onnx_export.config import ExportConfig
from onnx_export.export import HuggingFaceFolder, Labels, export
from tests.support.tiny_checkpoint import write_tiny_checkpoint


def write_tiny_model(folder: Path) -> Path:
    """Write the checkpoint and export it in float32. Returns the model folder."""
    source = HuggingFaceFolder(write_tiny_checkpoint(folder / "hf"))
    export(source, folder / "model", ExportConfig("fp32"), Labels(), lambda *_: None)
    return folder / "model"
