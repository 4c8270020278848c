"""The tiny checkpoints as model folders that the engine loads."""

from collections.abc import Callable, Mapping
from pathlib import Path

from onnx_export.config import ExportConfig
from onnx_export.export import HuggingFaceFolder, Labels, export
from testing.tiny_checkpoint import write_tiny_checkpoint
from testing.tiny_llama import write_tiny_llama
from testing.tiny_qwen2 import write_tiny_qwen2

WRITERS: Mapping[str, Callable[[Path], Path]] = {
    "deepseek_v2": write_tiny_checkpoint,
    "llama": write_tiny_llama,
    "qwen2": write_tiny_qwen2,
}


def write_tiny_model(folder: Path, model_type: str = "deepseek_v2") -> Path:
    """Write the checkpoint and export it in float32. Returns the model folder."""
    source = HuggingFaceFolder(WRITERS[model_type](folder / "hf"))
    export(source, folder / "model", ExportConfig("fp32"), Labels(), lambda *_: None)
    return folder / "model"
