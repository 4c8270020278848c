"""``config.json`` of a Qwen2 model, checked: the architecture of Qwen2.5-Coder."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from onnx_export.config_file import require_supported
from onnx_export.errors import ConfigError
from onnx_export.grouped_config import GroupedConfig

_MODELS = "Qwen2 models that attend to the whole context, such as those of Qwen2.5-Coder,"


@dataclass(frozen=True, slots=True)
class Qwen2Config(GroupedConfig):
    """A Qwen2 model: Llama with biases on queries, keys and values."""


def parse_qwen2_config(document: Mapping[str, Any]) -> Qwen2Config:
    """Check ``config.json``'s content. Raises ``ConfigError``, naming the field."""
    require_supported(document, _SUPPORTED, _MODELS)
    kinds = document.get("layer_types") or ()
    if any(kind != "full_attention" for kind in kinds):
        raise ConfigError(
            f"config.json: layer_types must all be 'full_attention', found {kinds!r}. This "
            f"exporter knows {_MODELS} only."
        )
    return Qwen2Config.parse(document)


_SUPPORTED: dict[str, tuple[Any, ...]] = {
    "model_type": ("qwen2",),
    "hidden_act": ("silu", "swish", None),
    "use_sliding_window": (False, None),
}
