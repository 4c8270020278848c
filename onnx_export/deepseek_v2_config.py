"""``config.json`` of a DeepSeek-V2 model, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnx_export.config import ModelConfig
from onnx_export.config_file import (
    field,
    require_positive,
    require_supported,
    rope_parameters,
    rope_type,
    token_id,
    unsupported,
)
from onnx_export.errors import ConfigError
from onnx_export.json_file import read_json

_MODELS = "DeepSeek-V2-Lite and DeepSeek-Coder-V2-Lite models"


@dataclass(frozen=True, slots=True)
class YarnConfig:
    """YaRN as in Peng et al. 2023; ``mscale`` and ``mscale_all_dim`` are DeepSeek's additions."""

    factor: float
    original_max_position_embeddings: int
    beta_fast: float
    beta_slow: float
    mscale: float
    mscale_all_dim: float
    attention_factor: float | None


@dataclass(frozen=True, slots=True)
class DeepseekV2Config(ModelConfig):
    """A DeepSeek-V2 model without query compression; names as in ``config.json``."""

    kv_lora_rank: int
    qk_nope_head_dim: int
    qk_rope_head_dim: int
    v_head_dim: int
    moe_intermediate_size: int
    n_routed_experts: int
    num_experts_per_tok: int
    n_shared_experts: int
    first_k_dense_replace: int
    routed_scaling_factor: float
    yarn: YarnConfig | None

    @property
    def cache_width(self) -> int:
        """Values a token adds to each layer's cache: the latent and the rotated key."""
        return self.kv_lora_rank + self.qk_rope_head_dim

    @property
    def cache_values_per_token(self) -> int:
        """Values that a token adds to the caches of all layers."""
        return self.num_hidden_layers * self.cache_width

    @property
    def cache_layout(self) -> dict[str, int | str]:
        """What the manifest says of the cache, but for the type of its values."""
        return {
            "kind": "latent",
            "num_layers": self.num_hidden_layers,
            "width": self.cache_width,
        }

    @property
    def shared_intermediate_size(self) -> int:
        """Width of the shared experts, which the checkpoint keeps as one MLP."""
        return self.moe_intermediate_size * self.n_shared_experts

    def is_dense(self, layer: int) -> bool:
        """Whether a layer has a plain MLP instead of experts."""
        return layer < self.first_k_dense_replace


def read_deepseek_v2_config(path: Path) -> DeepseekV2Config:
    """Read ``config.json`` of that architecture. Raises ``ConfigError`` for any other."""
    return parse_deepseek_v2_config(read_json(path, ConfigError, "the model's architecture"))


def parse_deepseek_v2_config(document: Mapping[str, Any]) -> DeepseekV2Config:
    """Check ``config.json``'s content. Raises ``ConfigError``, naming the field."""
    require_supported(document, _SUPPORTED, _MODELS)
    _require_supported_attention(document)
    rope = rope_parameters(document)
    config = DeepseekV2Config(
        model_type=str(document["model_type"]),
        vocab_size=field(document, "vocab_size", int),
        hidden_size=field(document, "hidden_size", int),
        num_hidden_layers=field(document, "num_hidden_layers", int),
        num_attention_heads=field(document, "num_attention_heads", int),
        kv_lora_rank=field(document, "kv_lora_rank", int),
        qk_nope_head_dim=field(document, "qk_nope_head_dim", int),
        qk_rope_head_dim=field(document, "qk_rope_head_dim", int),
        v_head_dim=field(document, "v_head_dim", int),
        intermediate_size=field(document, "intermediate_size", int),
        moe_intermediate_size=field(document, "moe_intermediate_size", int),
        n_routed_experts=field(document, "n_routed_experts", int),
        num_experts_per_tok=field(document, "num_experts_per_tok", int),
        n_shared_experts=field(document, "n_shared_experts", int),
        first_k_dense_replace=field(document, "first_k_dense_replace", int, 0),
        routed_scaling_factor=field(document, "routed_scaling_factor", float, 1.0),
        rms_norm_eps=field(document, "rms_norm_eps", float, 1e-6),
        max_position_embeddings=field(document, "max_position_embeddings", int),
        tie_word_embeddings=field(document, "tie_word_embeddings", bool, default=False),
        rope_theta=field(rope, "rope_theta", float, 10000.0),
        yarn=_yarn(rope),
        bos_token_id=token_id(document, "bos_token_id"),
        eos_token_id=token_id(document, "eos_token_id"),
    )
    _require_consistent(config)
    return config


_SUPPORTED: dict[str, tuple[Any, ...]] = {
    "model_type": ("deepseek_v2",),
    "hidden_act": ("silu", "swish", None),
    "q_lora_rank": (None,),
    # The second is a misspelling in published files.
    "topk_method": ("greedy", "gready", None),
    "scoring_func": ("softmax", None),
    "norm_topk_prob": (False, None),
    "attention_bias": (False, None),
    "mlp_bias": (False, None),
    "moe_layer_freq": (1, None),
}


def _require_supported_attention(document: Mapping[str, Any]) -> None:
    # transformers 5 takes an absent q_lora_rank for 1536, which is not supported either.
    if "q_lora_rank" not in document:
        raise unsupported("q_lora_rank", [None], "nothing", _MODELS)
    heads = document.get("num_attention_heads")
    if document.get("num_key_value_heads", heads) not in (heads, None):
        raise ConfigError(
            "config.json: num_key_value_heads must equal num_attention_heads "
            f"({heads}) and is {document['num_key_value_heads']!r}."
        )


def _require_consistent(config: DeepseekV2Config) -> None:
    require_positive(config)
    if config.qk_rope_head_dim % 2:
        raise ConfigError(
            f"config.json: qk_rope_head_dim must be even and is {config.qk_rope_head_dim}."
        )
    if not 1 <= config.num_experts_per_tok <= config.n_routed_experts:
        raise ConfigError(
            f"config.json: num_experts_per_tok is {config.num_experts_per_tok}, but there are "
            f"{config.n_routed_experts} routed experts."
        )


def _yarn(rope: Mapping[str, Any]) -> YarnConfig | None:
    if rope_type(rope, ("default", "yarn")) == "default":
        return None
    if rope.get("truncate", True) is not True:
        raise ConfigError("config.json: YaRN with truncate set to false is not supported.")
    factor = rope.get("attention_factor")
    return YarnConfig(
        factor=field(rope, "factor", float),
        original_max_position_embeddings=field(rope, "original_max_position_embeddings", int),
        beta_fast=field(rope, "beta_fast", float, 32.0),
        beta_slow=field(rope, "beta_slow", float, 1.0),
        mscale=field(rope, "mscale", float, 0.0),
        mscale_all_dim=field(rope, "mscale_all_dim", float, 0.0),
        attention_factor=None if factor is None else field(rope, "attention_factor", float),
    )
