"""``config.json`` of a Llama model, checked: the architecture of DeepSeek-Coder v1."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from onnx_export.config_file import require_supported
from onnx_export.grouped_config import GroupedConfig

_MODELS = "Llama models without biases, such as those of DeepSeek-Coder v1,"


@dataclass(frozen=True, slots=True)
class LlamaConfig(GroupedConfig):
    """A Llama model without biases."""


def parse_llama_config(document: Mapping[str, Any]) -> LlamaConfig:
    """Check ``config.json``'s content. Raises ``ConfigError``, naming the field."""
    require_supported(document, _SUPPORTED, _MODELS)
    return LlamaConfig.parse(document)


_SUPPORTED: dict[str, tuple[Any, ...]] = {
    "model_type": ("llama",),
    "hidden_act": ("silu", "swish", None),
    "attention_bias": (False, None),
    "mlp_bias": (False, None),
}
