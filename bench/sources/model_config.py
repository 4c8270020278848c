"""The model's own configuration and what the exporter is asked for; both frozen, both checked.

``config.json`` has two spellings of rotary embeddings: ``rope_theta`` beside ``rope_scaling`` (the
original files) and ``rope_parameters`` (transformers 5). Both are read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from onnx_export.errors import ConfigError
from onnx_export.json_file import read_json

CONFIG_NAME = "config.json"
MIN_BLOCK_SIZE = 16
MAX_BLOCK_SIZE = 256

Precision = Literal["fp32", "int8", "int4"]
_Value = TypeVar("_Value", int, float, bool)


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
class ModelConfig:
    """``config.json`` of a DeepSeek-V2 model without query compression; names as in that file."""

    model_type: str
    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    kv_lora_rank: int
    qk_nope_head_dim: int
    qk_rope_head_dim: int
    v_head_dim: int
    intermediate_size: int
    moe_intermediate_size: int
    n_routed_experts: int
    num_experts_per_tok: int
    n_shared_experts: int
    first_k_dense_replace: int
    routed_scaling_factor: float
    rms_norm_eps: float
    max_position_embeddings: int
    tie_word_embeddings: bool
    rope_theta: float
    yarn: YarnConfig | None
    bos_token_id: int
    eos_token_id: int

    @classmethod
    def read(cls, path: Path) -> "ModelConfig":
        """Read ``config.json``. Raises ``ConfigError`` for what this exporter does not know."""
        return parse_model_config(read_json(path, ConfigError, "the model's architecture"))

    @property
    def cache_width(self) -> int:
        """Values a token adds to each layer's cache: the latent and the rotated key."""
        return self.kv_lora_rank + self.qk_rope_head_dim

    @property
    def shared_intermediate_size(self) -> int:
        """Width of the shared experts, which the checkpoint keeps as one MLP."""
        return self.moe_intermediate_size * self.n_shared_experts

    def is_dense(self, layer: int) -> bool:
        """Whether a layer has a plain MLP instead of experts."""
        return layer < self.first_k_dense_replace

    def with_layers(self, num_hidden_layers: int) -> "ModelConfig":
        """Return the same model cut to its first layers."""
        if not 1 <= num_hidden_layers <= self.num_hidden_layers:
            raise ConfigError(
                f"The model has {self.num_hidden_layers} layers; {num_hidden_layers} were asked "
                "for. Choose a number from 1 up to that."
            )
        return replace(self, num_hidden_layers=num_hidden_layers)


@dataclass(frozen=True, slots=True)
class ExportConfig:
    """What is asked for. ``context_length`` None means the model's own limit."""

    precision: Precision
    block_size: int = 32
    context_length: int | None = None

    def __post_init__(self) -> None:
        size = self.block_size
        if not MIN_BLOCK_SIZE <= size <= MAX_BLOCK_SIZE or size & (size - 1):
            raise ConfigError(
                f"A block size of {size} is not possible: ONNX Runtime's kernels want a power of "
                f"two from {MIN_BLOCK_SIZE} to {MAX_BLOCK_SIZE}."
            )

    def resolve_context_length(self, model: ModelConfig) -> int:
        """Return the number of tokens that prompt and completion may have together."""
        limit = model.max_position_embeddings
        length = limit if self.context_length is None else self.context_length
        if not 1 <= length <= limit:
            raise ConfigError(
                f"A context length of {length} is not possible: config.json sets "
                f"max_position_embeddings to {limit}."
            )
        return length


def parse_model_config(document: Mapping[str, Any]) -> ModelConfig:
    """Check ``config.json``'s content. Raises ``ConfigError``, naming the field."""
    _require_supported(document)
    rope = _rope_parameters(document)
    config = ModelConfig(
        model_type=str(document["model_type"]),
        vocab_size=_field(document, "vocab_size", int),
        hidden_size=_field(document, "hidden_size", int),
        num_hidden_layers=_field(document, "num_hidden_layers", int),
        num_attention_heads=_field(document, "num_attention_heads", int),
        kv_lora_rank=_field(document, "kv_lora_rank", int),
        qk_nope_head_dim=_field(document, "qk_nope_head_dim", int),
        qk_rope_head_dim=_field(document, "qk_rope_head_dim", int),
        v_head_dim=_field(document, "v_head_dim", int),
        intermediate_size=_field(document, "intermediate_size", int),
        moe_intermediate_size=_field(document, "moe_intermediate_size", int),
        n_routed_experts=_field(document, "n_routed_experts", int),
        num_experts_per_tok=_field(document, "num_experts_per_tok", int),
        n_shared_experts=_field(document, "n_shared_experts", int),
        first_k_dense_replace=_field(document, "first_k_dense_replace", int, 0),
        routed_scaling_factor=_field(document, "routed_scaling_factor", float, 1.0),
        rms_norm_eps=_field(document, "rms_norm_eps", float, 1e-6),
        max_position_embeddings=_field(document, "max_position_embeddings", int),
        tie_word_embeddings=_field(document, "tie_word_embeddings", bool, default=False),
        rope_theta=_field(rope, "rope_theta", float, 10000.0),
        yarn=_yarn(rope),
        bos_token_id=_field(document, "bos_token_id", int),
        eos_token_id=_field(document, "eos_token_id", int),
    )
    _require_consistent(config)
    return config


# Fields whose value changes what the model computes, and the values that this exporter builds.
_SUPPORTED: dict[str, tuple[Any, ...]] = {
    "model_type": ("deepseek_v2",),
    "hidden_act": ("silu", None),
    "q_lora_rank": (None,),
    "topk_method": ("greedy", None),
    "scoring_func": ("softmax", None),
    "norm_topk_prob": (False, None),
    "attention_bias": (False, None),
    "mlp_bias": (False, None),
    "moe_layer_freq": (1, None),
}


def _require_supported(document: Mapping[str, Any]) -> None:
    for name, values in _SUPPORTED.items():
        found = document.get(name)
        # transformers 5 takes an absent q_lora_rank for 1536, which is not supported either.
        absent = name not in document and name == "q_lora_rank"
        if absent or found not in values:
            shown = "nothing" if absent else repr(found)
            raise ConfigError(
                f"config.json: {name} must be {values[0]!r} and is {shown}. This exporter knows "
                "DeepSeek-V2-Lite and DeepSeek-Coder-V2-Lite models only."
            )
    heads = document.get("num_attention_heads")
    if document.get("num_key_value_heads", heads) not in (heads, None):
        raise ConfigError(
            "config.json: num_key_value_heads must equal num_attention_heads "
            f"({heads}) and is {document['num_key_value_heads']!r}."
        )


def _require_consistent(config: ModelConfig) -> None:
    for name in ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads"):
        if getattr(config, name) < 1:
            raise ConfigError(f"config.json: {name} must be positive, is {getattr(config, name)}.")
    if config.qk_rope_head_dim % 2:
        raise ConfigError(
            f"config.json: qk_rope_head_dim must be even and is {config.qk_rope_head_dim}."
        )
    if not 1 <= config.num_experts_per_tok <= config.n_routed_experts:
        raise ConfigError(
            f"config.json: num_experts_per_tok is {config.num_experts_per_tok}, but there are "
            f"{config.n_routed_experts} routed experts."
        )


def _rope_parameters(document: Mapping[str, Any]) -> Mapping[str, Any]:
    scaling = document.get("rope_parameters") or document.get("rope_scaling") or {}
    if not isinstance(scaling, dict):
        raise ConfigError(f"config.json: rope parameters must be an object, found {scaling!r}.")
    theta = scaling.get("rope_theta", document.get("rope_theta", 10000.0))
    return {**scaling, "rope_theta": theta}


def _yarn(rope: Mapping[str, Any]) -> YarnConfig | None:
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "default":
        return None
    if kind != "yarn":
        raise ConfigError(
            f"config.json: rotary embeddings of type {kind!r} are not supported; "
            "'default' and 'yarn' are."
        )
    if rope.get("truncate", True) is not True:
        raise ConfigError("config.json: YaRN with truncate set to false is not supported.")
    factor = rope.get("attention_factor")
    return YarnConfig(
        factor=_field(rope, "factor", float),
        original_max_position_embeddings=_field(rope, "original_max_position_embeddings", int),
        beta_fast=_field(rope, "beta_fast", float, 32.0),
        beta_slow=_field(rope, "beta_slow", float, 1.0),
        mscale=_field(rope, "mscale", float, 0.0),
        mscale_all_dim=_field(rope, "mscale_all_dim", float, 0.0),
        attention_factor=None if factor is None else _field(rope, "attention_factor", float),
    )


def _field(
    document: Mapping[str, Any], name: str, kind: type[_Value], default: _Value | None = None
) -> _Value:
    value = document.get(name)
    if value is None:
        if default is None:
            raise ConfigError(f"config.json: the field {name} is missing.")
        return default
    accepted = (int, float) if kind is float else (kind,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise ConfigError(f"config.json: {name} must be of type {kind.__name__}, found {value!r}.")
    return kind(value)
