"""Writes a DeepSeek-V2 model as GGUF, so that llama-server runs the same weights as we do.

Tensors are converted and written one part at a time: Lite's true widths fit this way.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import gguf
import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.gguf_tensors import GgufTensor, gguf_tensors
from onnx_export.deepseek_v2_config import DeepseekV2Config
from onnx_export.weights import Weights

GgufType = Literal["f32", "f16", "q8_0", "q4_0"]

_QUANTIZED_BLOCK = 32
_TYPES = {
    "f32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
    "q4_0": (gguf.GGMLQuantizationType.Q4_0, gguf.LlamaFileType.MOSTLY_Q4_0),
}
_QUANTIZED = (gguf.GGMLQuantizationType.Q8_0, gguf.GGMLQuantizationType.Q4_0)
_FIM_TOKENS = {"pre": "<｜fim▁begin｜>", "suf": "<｜fim▁hole｜>", "mid": "<｜fim▁end｜>"}
# What llama.cpp calls DeepSeek-V2's way of splitting text before BPE.
_PRE_TOKENIZER = "deepseek-llm"


def write_gguf(
    path: Path,
    name: str,
    config: DeepseekV2Config,
    weights: Weights,
    tokenizer: Path,
    kind: GgufType,
) -> None:
    """Write a model; norms and gates stay in float32. Raises ``BenchError``, ``ExportError``."""
    writer = gguf.GGUFWriter(path, "deepseek2")
    writer.add_name(name)
    _add_architecture(writer, config)
    _add_rotary(writer, config)
    _add_tokenizer(writer, config, tokenizer)
    tensor_type, file_type = _TYPES[kind]
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    tensors = list(gguf_tensors(config, weights))
    for tensor in tensors:
        actual = _type_of(tensor, tensor_type)
        num_bytes = _num_bytes(tensor.shape, actual)
        # With a raw type given, the writer does not look at the type of the array.
        writer.add_tensor_info(
            tensor.name, tensor.shape, np.dtype(np.float32), num_bytes, raw_dtype=actual
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor in tensors:
        writer.write_tensor_data(_converted(tensor, _type_of(tensor, tensor_type)))
    writer.close()


def _add_architecture(writer: gguf.GGUFWriter, config: DeepseekV2Config) -> None:
    latent, rope = config.kv_lora_rank, config.qk_rope_head_dim
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_vocab_size(config.vocab_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(1)  # absorbed, latent attention has one shared head
    writer.add_key_length(latent + rope)
    writer.add_value_length(latent)
    writer.add_key_length_mla(config.qk_nope_head_dim + rope)
    writer.add_value_length_mla(config.v_head_dim)
    # Zero must be written: the loader takes an absent one for granted at 26 and 27 layers only.
    writer.add_q_lora_rank(0)
    writer.add_kv_lora_rank(latent)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_leading_dense_block_count(config.first_k_dense_replace)
    writer.add_expert_count(config.n_routed_experts)
    writer.add_expert_used_count(config.num_experts_per_tok)
    writer.add_expert_shared_count(config.n_shared_experts)
    writer.add_expert_feed_forward_length(config.moe_intermediate_size)
    writer.add_expert_weights_scale(config.routed_scaling_factor)
    writer.add_expert_weights_norm(False)  # noqa: FBT003 (the library's signature)
    writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SOFTMAX)


def _add_rotary(writer: gguf.GGUFWriter, config: DeepseekV2Config) -> None:
    writer.add_rope_dimension_count(config.qk_rope_head_dim)
    writer.add_rope_freq_base(config.rope_theta)
    yarn = config.yarn
    if yarn is None:
        return
    if yarn.attention_factor is not None or yarn.mscale != yarn.mscale_all_dim:
        raise BenchError(
            "llama.cpp's deepseek2 has one mscale for cos, sin and the softmax; config.json should "
            f"have mscale = mscale_all_dim, has {yarn.mscale} and {yarn.mscale_all_dim}."
        )
    writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    writer.add_rope_scaling_factor(yarn.factor)
    writer.add_rope_scaling_orig_ctx_len(yarn.original_max_position_embeddings)
    writer.add_rope_scaling_yarn_beta_fast(yarn.beta_fast)
    writer.add_rope_scaling_yarn_beta_slow(yarn.beta_slow)
    # The file holds a tenth, as llama.cpp's own converter writes it; the loader undoes it.
    writer.add_rope_scaling_yarn_log_mul(0.1 * yarn.mscale_all_dim)


def _add_tokenizer(writer: gguf.GGUFWriter, config: DeepseekV2Config, path: Path) -> None:
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text)
    except (OSError, ValueError) as exc:
        raise BenchError(f"{path} should be the model's tokenizer.json: {exc}.") from exc
    tokens = [f"[PAD{i}]" for i in range(config.vocab_size)]
    types = [int(gguf.TokenType.UNUSED)] * config.vocab_size
    for token, i in document["model"]["vocab"].items():
        tokens[i], types[i] = token, int(gguf.TokenType.NORMAL)
    for added in document["added_tokens"]:
        tokens[added["id"]] = added["content"]
        types[added["id"]] = int(_added_type(added))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_PRE_TOKENIZER)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    # llama.cpp's way of splitting text is not this tokenizer's in every case, so it is kept whole.
    writer.add_string(gguf.Keys.Tokenizer.HF_JSON, text)
    writer.add_token_merges([_merge(merge) for merge in document["model"]["merges"]])
    writer.add_bos_token_id(config.bos_token_id)
    writer.add_eos_token_id(config.eos_token_id)
    writer.add_pad_token_id(config.eos_token_id)
    writer.add_add_bos_token(True)  # noqa: FBT003 (the library's signature)
    writer.add_add_eos_token(False)  # noqa: FBT003
    writer.add_add_space_prefix(False)  # noqa: FBT003
    for role, token in _FIM_TOKENS.items():
        if token not in tokens:
            raise BenchError(f"{path} has no {token}; it is no tokenizer of DeepSeek-Coder's.")
        writer.add_uint32(f"tokenizer.ggml.fim_{role}_token_id", tokens.index(token))


def _added_type(added: dict[str, Any]) -> gguf.TokenType:
    return gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED


def _merge(merge: str | Sequence[str]) -> str:
    return merge if isinstance(merge, str) else " ".join(merge)


def _type_of(tensor: GgufTensor, wanted: gguf.GGMLQuantizationType) -> gguf.GGMLQuantizationType:
    if tensor.is_exact:
        return gguf.GGMLQuantizationType.F32
    if wanted in _QUANTIZED and tensor.shape[-1] % _QUANTIZED_BLOCK:
        return gguf.GGMLQuantizationType.F16
    return wanted


def _num_bytes(shape: tuple[int, ...], kind: gguf.GGMLQuantizationType) -> int:
    block: int
    block_bytes: int
    block, block_bytes = gguf.GGML_QUANT_SIZES[kind]
    return math.prod(shape) // block * block_bytes


def _converted(tensor: GgufTensor, kind: gguf.GGMLQuantizationType) -> NDArray[Any]:
    """Read a tensor part by part; only the converted parts are held together."""
    parts = []
    for read in tensor.parts:
        values = np.ascontiguousarray(read(), np.float32)
        is_plain = kind == gguf.GGMLQuantizationType.F32
        parts.append(values if is_plain else gguf.quants.quantize(values, kind))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
