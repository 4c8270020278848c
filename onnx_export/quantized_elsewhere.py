"""Checkpoints that another tool has quantized, recognized by ``config.json`` alone."""

from collections.abc import Mapping
from typing import Any

from onnx_export.errors import ConfigError

# transformers writes the first, compressed-tensors once wrote the second, MLX writes the third.
_FIELDS = ("quantization_config", "compression_config", "quantization")
_METHOD_FIELDS = ("quant_method", "quant_algo", "format", "mode")


def require_original_weights(document: Mapping[str, Any]) -> None:
    """Raise ``ConfigError`` if ``config.json`` says that the weights were quantized."""
    for name in _FIELDS:
        if document.get(name):
            raise ConfigError(
                f"config.json: {name} says that another tool has quantized the weights "
                f"({_method(document[name])}). They cannot be quantized again. Take the original "
                "checkpoint in bf16 or fp16, or a GGUF file of the model."
            )


def _method(found: Any) -> str:
    if not isinstance(found, dict):
        return str(found)
    method = next((found[name] for name in _METHOD_FIELDS if found.get(name)), "unknown method")
    bits = found.get("bits") or found.get("num_bits")
    return f"{method}, {bits} bits" if bits else str(method)
