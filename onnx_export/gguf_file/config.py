"""A GGUF file's metadata as the ``config.json`` that the model was converted from."""

from collections.abc import Callable, Collection
from types import MappingProxyType
from typing import Any

from onnx_export.errors import ConfigError
from onnx_export.gguf_file.metadata import Metadata

ARCHITECTURE = "general.architecture"
_SOFTMAX_GATING = 1


def config_document(
    metadata: Metadata, vocab_size: int, tensors: Collection[str]
) -> dict[str, Any]:
    """Return the fields of ``config.json``. Raises ``ConfigError``, naming the metadata field.

    ``vocab_size`` is the number of rows of the embedding; ``tensors`` are the names of all tensors.
    """
    of_architecture = _ARCHITECTURES.get(metadata.prefix)
    if of_architecture is None:
        raise ConfigError(
            f"{metadata.path}: {ARCHITECTURE} is {metadata.prefix!r}; this exporter knows "
            f"{', '.join(_ARCHITECTURES)}. Choose a model of one of these architectures, such as "
            "Qwen2.5-Coder, DeepSeek-Coder or DeepSeek-Coder-V2-Lite."
        )
    return {
        "vocab_size": vocab_size,
        "hidden_size": metadata.of_model("embedding_length", int),
        "num_hidden_layers": metadata.of_model("block_count", int),
        "num_attention_heads": metadata.of_model("attention.head_count", int),
        "intermediate_size": metadata.of_model("feed_forward_length", int),
        "rms_norm_eps": metadata.of_model("attention.layer_norm_rms_epsilon", float),
        "max_position_embeddings": metadata.of_model("context_length", int),
        "rope_theta": metadata.of_model_or("rope.freq_base", float, 10000.0),
        "tie_word_embeddings": "output.weight" not in tensors,
        "bos_token_id": metadata.optional("tokenizer.ggml.bos_token_id", int),
        "eos_token_id": metadata.optional("tokenizer.ggml.eos_token_id", int),
        **of_architecture(metadata),
    }


def _llama(metadata: Metadata) -> dict[str, Any]:
    if metadata.of_model_or("expert_count", int, 0):
        raise ConfigError(
            f"{metadata.path}: Llama models with experts are not supported. Choose a dense model, "
            "or DeepSeek-Coder-V2-Lite."
        )
    return {"model_type": "llama", **_grouped(metadata)}


def _qwen2(metadata: Metadata) -> dict[str, Any]:
    return {"model_type": "qwen2", **_grouped(metadata)}


def _grouped(metadata: Metadata) -> dict[str, Any]:
    heads = metadata.of_model("attention.head_count", int)
    width = metadata.of_model("embedding_length", int) // max(heads, 1)
    head_dim = metadata.of_model_or("attention.key_length", int, width)
    for name in ("attention.value_length", "rope.dimension_count"):
        found = metadata.of_model_or(name, int, head_dim)
        if found != head_dim:
            raise ConfigError(
                f"{metadata.path}: {metadata.prefix}.{name} must be {head_dim}, the width of a "
                f"head, and is {found}. Such models are not supported."
            )
    return {
        "num_key_value_heads": metadata.of_model_or("attention.head_count_kv", int, heads),
        "head_dim": head_dim,
        "rope_scaling": _linear_scaling(metadata),
    }


def _linear_scaling(metadata: Metadata) -> dict[str, Any] | None:
    # The first is how old files wrote it.
    factor = metadata.of_model_or("rope.scale_linear", float, 1.0)
    kind = metadata.of_model_or("rope.scaling.type", str, "linear" if factor != 1.0 else "none")
    if kind == "none":
        return None
    return {"type": kind, "factor": metadata.of_model_or("rope.scaling.factor", float, factor)}


def _deepseek2(metadata: Metadata) -> dict[str, Any]:
    rope_dim = metadata.of_model("rope.dimension_count", int)
    # Newer files describe the absorbed form under the plain names, and the heads under these.
    key = metadata.of_model_or(
        "attention.key_length_mla", int, metadata.of_model_or("attention.key_length", int, 0)
    )
    value = metadata.of_model_or(
        "attention.value_length_mla", int, metadata.of_model_or("attention.value_length", int, 0)
    )
    gating = metadata.of_model_or("expert_gating_func", int, _SOFTMAX_GATING)
    return {
        "model_type": "deepseek_v2",
        "q_lora_rank": metadata.of_model_or("attention.q_lora_rank", int, 0) or None,
        "kv_lora_rank": metadata.of_model("attention.kv_lora_rank", int),
        "qk_nope_head_dim": key - rope_dim,
        "qk_rope_head_dim": rope_dim,
        "v_head_dim": value,
        "moe_intermediate_size": metadata.of_model("expert_feed_forward_length", int),
        "n_routed_experts": metadata.of_model("expert_count", int),
        "num_experts_per_tok": metadata.of_model("expert_used_count", int),
        "n_shared_experts": metadata.of_model("expert_shared_count", int),
        "first_k_dense_replace": metadata.of_model_or("leading_dense_block_count", int, 0),
        # llama.cpp takes zero for one.
        "routed_scaling_factor": metadata.of_model_or("expert_weights_scale", float, 1.0) or 1.0,
        "norm_topk_prob": metadata.of_model_or("expert_weights_norm", bool, default=False),
        "scoring_func": "softmax" if gating in {0, _SOFTMAX_GATING} else f"number {gating}",
        "rope_scaling": _yarn(metadata),
    }


def _yarn(metadata: Metadata) -> dict[str, Any] | None:
    kind = metadata.of_model_or("rope.scaling.type", str, "none")
    if kind == "none":
        return None
    # The file holds a tenth of mscale_all_dim. llama.cpp knows one mscale for both purposes.
    mscale = round(10 * metadata.of_model_or("rope.scaling.yarn_log_multiplier", float, 0.0), 6)
    return {
        "type": kind,
        "factor": metadata.of_model("rope.scaling.factor", float),
        "original_max_position_embeddings": metadata.of_model(
            "rope.scaling.original_context_length", int
        ),
        "beta_fast": metadata.of_model_or("rope.scaling.yarn_beta_fast", float, 32.0),
        "beta_slow": metadata.of_model_or("rope.scaling.yarn_beta_slow", float, 1.0),
        "mscale": mscale,
        "mscale_all_dim": mscale,
    }


_ARCHITECTURES: MappingProxyType[str, Callable[[Metadata], dict[str, Any]]] = MappingProxyType(
    {"deepseek2": _deepseek2, "llama": _llama, "qwen2": _qwen2}
)
