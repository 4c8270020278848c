"""Checkpoints that another tool has quantized, recognized without their weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from onnx_export.errors import ConfigError

# transformers writes the first, compressed-tensors once wrote the second, MLX writes the third.
_FIELDS = ("quantization_config", "compression_config", "quantization")
# GPTQ and AWQ once wrote the first two beside config.json, NVIDIA's ModelOpt writes the third.
_FILES = ("quantize_config.json", "quant_config.json", "hf_quant_config.json")
_METHOD_FIELDS = ("quant_method", "quant_algo", "format", "mode")


def require_original_weights(document: Mapping[str, Any]) -> None:
    """Raise ``ConfigError`` if ``config.json`` says that the weights were quantized."""
    for name in _FIELDS:
        if document.get(name):
            raise _refusal(f"config.json: {name} ({_method(document[name])})")


def require_original_folder(folder: Path) -> None:
    """Raise ``ConfigError`` if a file beside ``config.json`` says the same."""
    for name in _FILES:
        if (folder / name).is_file():
            raise _refusal(str(folder / name))


def _refusal(witness: str) -> ConfigError:
    return ConfigError(
        f"{witness} says that another tool has quantized the weights. They cannot be quantized "
        "again. Take the original checkpoint in bf16 or fp16, or a GGUF file of the model."
    )


def _method(found: Any) -> str:
    if not isinstance(found, dict):
        return str(found)
    named = (found[name] for name in _METHOD_FIELDS if found.get(name))
    method = str(next(named, "unknown method"))
    bits = found.get("bits") or found.get("num_bits")
    return f"{method}, {bits} bits" if bits else method
