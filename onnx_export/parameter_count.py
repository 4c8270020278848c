"""How many parameters a model has and how many a token uses, counted from the config."""

from onnx_export.config import ModelConfig
from onnx_export.deepseek_v2_config import DeepseekV2Config
from onnx_export.grouped_config import GroupedConfig
from onnx_export.model_types import KnownConfig
from onnx_export.qwen2_config import Qwen2Config


def num_parameters(config: KnownConfig) -> int:
    """Return all parameters; a tied output layer counts once."""
    match config:
        case DeepseekV2Config():
            return _tables(config) + _deepseek_v2_layers(config, config.n_routed_experts)
        case GroupedConfig():
            return _tables(config) + _grouped_layers(config)


def num_active_parameters(config: KnownConfig) -> int:
    """Return the parameters that one token uses: of the routed experts, only those chosen."""
    match config:
        case DeepseekV2Config():
            return _tables(config) + _deepseek_v2_layers(config, config.num_experts_per_tok)
        case GroupedConfig():
            return _tables(config) + _grouped_layers(config)


def _tables(config: ModelConfig) -> int:
    """Count the embedding, the output layer and the norm before it."""
    tables = 1 if config.tie_word_embeddings else 2
    return tables * config.vocab_size * config.hidden_size + config.hidden_size


def _grouped_layers(config: GroupedConfig) -> int:
    hidden = config.hidden_size
    queries, keys = config.num_attention_heads, config.num_key_value_heads
    attention = (2 * queries + 2 * keys) * config.head_dim * hidden
    if isinstance(config, Qwen2Config):
        attention += (queries + 2 * keys) * config.head_dim
    feed_forward = 3 * hidden * config.intermediate_size
    return config.num_hidden_layers * (attention + feed_forward + 2 * hidden)


def _deepseek_v2_layers(config: DeepseekV2Config, experts_per_layer: int) -> int:
    return sum(
        _latent_attention(config)
        + _feed_forward(config, layer, experts_per_layer)
        + 2 * config.hidden_size
        for layer in range(config.num_hidden_layers)
    )


def _latent_attention(config: DeepseekV2Config) -> int:
    heads, latent = config.num_attention_heads, config.kv_lora_rank
    query = heads * (config.qk_nope_head_dim + config.qk_rope_head_dim)
    up = heads * (config.qk_nope_head_dim + config.v_head_dim)
    into = config.hidden_size * (query + config.cache_width)
    return into + latent * up + heads * config.v_head_dim * config.hidden_size + latent


def _feed_forward(config: DeepseekV2Config, layer: int, experts: int) -> int:
    hidden = config.hidden_size
    if config.is_dense(layer):
        return 3 * hidden * config.intermediate_size
    gate = hidden * config.n_routed_experts
    routed = 3 * hidden * config.moe_intermediate_size * experts
    return gate + routed + 3 * hidden * config.shared_intermediate_size
