"""Which architectures the exporter knows, by the ``model_type`` of ``config.json``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from onnx_export.config_file import unsupported
from onnx_export.deepseek_v2_config import DeepseekV2Config, parse_deepseek_v2_config
from onnx_export.errors import ConfigError
from onnx_export.json_file import read_json
from onnx_export.llama_config import LlamaConfig, parse_llama_config
from onnx_export.quantized_elsewhere import require_original_weights
from onnx_export.qwen2_config import Qwen2Config, parse_qwen2_config

KnownConfig = DeepseekV2Config | LlamaConfig | Qwen2Config


def read_model_config(path: Path) -> KnownConfig:
    """Read ``config.json``. Raises ``ConfigError`` for what this exporter does not know."""
    return parse_model_config(read_json(path, ConfigError, "the model's architecture"))


def parse_model_config(document: Mapping[str, Any]) -> KnownConfig:
    """Check ``config.json``'s content. Raises ``ConfigError``, naming the field."""
    require_original_weights(document)
    match document.get("model_type"):
        case "deepseek_v2":
            return parse_deepseek_v2_config(document)
        case "llama":
            return parse_llama_config(document)
        case "qwen2":
            return parse_qwen2_config(document)
        case found:
            raise unsupported(
                "model_type",
                ("deepseek_v2", "llama", "qwen2"),
                repr(found),
                "models of the architectures of DeepSeek-Coder-V2-Lite, DeepSeek-Coder v1 and "
                "Qwen2.5-Coder",
            )
