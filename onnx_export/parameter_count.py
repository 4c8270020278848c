"""How many parameters a model has, and how many of them a token uses; counted from the config."""

from onnx_export.config import ModelConfig


def num_parameters(config: ModelConfig) -> int:
    """Return all parameters; a tied output layer counts once."""
    return _count(config, config.n_routed_experts)


def num_active_parameters(config: ModelConfig) -> int:
    """Return the parameters that one token uses: of the routed experts, only those chosen."""
    return _count(config, config.num_experts_per_tok)


def _count(config: ModelConfig, experts_per_layer: int) -> int:
    tables = 1 if config.tie_word_embeddings else 2
    embeddings = tables * config.vocab_size * config.hidden_size
    layers = sum(
        _attention(config) + _feed_forward(config, layer, experts_per_layer) + _norms(config)
        for layer in range(config.num_hidden_layers)
    )
    return embeddings + layers + config.hidden_size


def _attention(config: ModelConfig) -> int:
    heads, latent = config.num_attention_heads, config.kv_lora_rank
    query = heads * (config.qk_nope_head_dim + config.qk_rope_head_dim)
    up = heads * (config.qk_nope_head_dim + config.v_head_dim)
    into = config.hidden_size * (query + config.cache_width)
    return into + latent * up + heads * config.v_head_dim * config.hidden_size


def _norms(config: ModelConfig) -> int:
    return 2 * config.hidden_size + config.kv_lora_rank


def _feed_forward(config: ModelConfig, layer: int, experts: int) -> int:
    hidden = config.hidden_size
    if config.is_dense(layer):
        return 3 * hidden * config.intermediate_size
    gate = hidden * config.n_routed_experts
    routed = 3 * hidden * config.moe_intermediate_size * experts
    return gate + routed + 3 * hidden * config.shared_intermediate_size
