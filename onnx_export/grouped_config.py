"""What ``config.json`` of Llama and of its relatives says about attention in groups of heads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from onnx_export.config import ModelConfig
from onnx_export.config_file import field, require_positive, rope_parameters, rope_type, token_id
from onnx_export.errors import ConfigError


@dataclass(frozen=True, slots=True)
class GroupedConfig(ModelConfig):
    """A model whose query heads share keys and values in groups; names as in ``config.json``.

    ``rope_factor`` divides the positions: 1.0 is plain rotation, DeepSeek-Coder v1 has 4.0.
    """

    num_key_value_heads: int
    head_dim: int
    rope_factor: float

    @property
    def cache_layout(self) -> dict[str, int | str]:
        """What the manifest says of the cache, but for the type of its values."""
        return {
            "kind": "gqa",
            "num_layers": self.num_hidden_layers,
            "num_key_value_heads": self.num_key_value_heads,
            "head_dim": self.head_dim,
        }

    @property
    def cache_values_per_token(self) -> int:
        """Values that a token adds to the caches of all layers."""
        return 2 * self.num_hidden_layers * self.num_key_value_heads * self.head_dim

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """Read the fields of ``config.json``. Raises ``ConfigError``, naming the field."""
        rope = rope_parameters(document)
        hidden_size = field(document, "hidden_size", int)
        num_attention_heads = field(document, "num_attention_heads", int)
        config = cls(
            model_type=str(document["model_type"]),
            vocab_size=field(document, "vocab_size", int),
            hidden_size=hidden_size,
            num_hidden_layers=field(document, "num_hidden_layers", int),
            num_attention_heads=num_attention_heads,
            num_key_value_heads=field(document, "num_key_value_heads", int, num_attention_heads),
            head_dim=field(document, "head_dim", int, hidden_size // max(num_attention_heads, 1)),
            intermediate_size=field(document, "intermediate_size", int),
            rms_norm_eps=field(document, "rms_norm_eps", float, 1e-6),
            max_position_embeddings=field(document, "max_position_embeddings", int),
            tie_word_embeddings=field(document, "tie_word_embeddings", bool, default=False),
            rope_theta=field(rope, "rope_theta", float, 10000.0),
            rope_factor=_rope_factor(rope),
            bos_token_id=token_id(document, "bos_token_id"),
            eos_token_id=token_id(document, "eos_token_id"),
        )
        _require_consistent(config)
        return config


def _rope_factor(rope: Mapping[str, Any]) -> float:
    kind = rope_type(rope, ("default", "linear"))
    return 1.0 if kind == "default" else field(rope, "factor", float)


def _require_consistent(config: GroupedConfig) -> None:
    require_positive(config)
    kv_heads = config.num_key_value_heads
    if kv_heads < 1 or config.num_attention_heads % kv_heads:
        raise ConfigError(
            f"config.json: num_attention_heads ({config.num_attention_heads}) must be a multiple "
            f"of num_key_value_heads, which is {kv_heads}."
        )
    # ONNX Runtime's GroupQueryAttention refuses to rotate others.
    if config.head_dim < 1 or config.head_dim % 16:
        raise ConfigError(
            f"config.json: head_dim must be a multiple of 16 and is {config.head_dim}."
        )
    if not config.rope_factor >= 1.0:
        raise ConfigError(
            "config.json: the factor of linear rotary embeddings must be at least 1 and is "
            f"{config.rope_factor}."
        )
