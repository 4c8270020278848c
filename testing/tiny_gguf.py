"""The tiny checkpoints as GGUF files, as llama.cpp's converter arranges them; parts can be changed.

The arrangement is written down here a second time, apart from ``onnx_export/gguf_file``.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

ARCHITECTURES = {"deepseek_v2": "deepseek2", "llama": "llama", "qwen2": "qwen2"}
PRE_TOKENIZERS = {"deepseek_v2": "deepseek-llm", "llama": "deepseek-coder", "qwen2": "qwen2"}
_NORMAL, _CONTROL, _USER_DEFINED, _UNUSED = 1, 3, 4, 5

_NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.kv_a_proj_with_mqa": "attn_kv_a_mqa",
    "self_attn.kv_a_layernorm": "attn_kv_a_norm",
    "self_attn.kv_b_proj": "attn_kv_b",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "mlp.gate": "ffn_gate_inp",
    "mlp.shared_experts.gate_proj": "ffn_gate_shexp",
    "mlp.shared_experts.up_proj": "ffn_up_shexp",
    "mlp.shared_experts.down_proj": "ffn_down_shexp",
}


@dataclass(slots=True)
class TinyGguf:
    """What a file will hold; change it before ``write``."""

    metadata: dict[str, Any]
    tensors: dict[str, npt.NDArray[np.float32]]

    def write(
        self,
        path: Path,
        kind: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.F32,
        kinds: dict[str, gguf.GGMLQuantizationType] | None = None,
    ) -> Path:
        """Write the file; vectors and gates stay in float32. Returns ``path``."""
        writer = gguf.GGUFWriter(path, self.metadata["general.architecture"])
        for name, value in self.metadata.items():
            # GGUF has no empty lists.
            if name != "general.architecture" and value != []:
                writer.add_key_value(name, value, *_types_of(value))
        for name, tensor in self.tensors.items():
            actual = (kinds or {}).get(name, kind)
            if tensor.ndim == 1 or "ffn_gate_inp" in name:
                actual = gguf.GGMLQuantizationType.F32
            data = np.ascontiguousarray(gguf.quants.quantize(tensor, actual))
            writer.add_tensor(name, data, raw_dtype=actual)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path


def tiny_gguf(hf_dir: Path, *, splits_kv_b: bool = True) -> TinyGguf:
    """Return a Hugging Face folder as GGUF; newer files split DeepSeek's kv_b_proj."""
    config = json.loads((hf_dir / "config.json").read_text(encoding="utf-8"))
    document = json.loads((hf_dir / "tokenizer.json").read_text(encoding="utf-8"))
    metadata = {
        **_architecture(config, absorbed=splits_kv_b),
        **tokenizer_metadata(document, PRE_TOKENIZERS[config["model_type"]], config),
    }
    tensors = _tensors(config, load_file(hf_dir / "model.safetensors"))
    if splits_kv_b:
        _split_kv_b(config, tensors)
    return TinyGguf(metadata, tensors)


def tokenizer_metadata(
    document: dict[str, Any], pre: str, config: dict[str, Any]
) -> dict[str, Any]:
    """Return the fields of a ``tokenizer.json``; rows of the embedding that are left are padded."""
    size = config["vocab_size"]
    tokens, types = [f"[PAD{i}]" for i in range(size)], [_UNUSED] * size
    for token, i in document["model"]["vocab"].items():
        tokens[i], types[i] = token, _NORMAL
    for added in document["added_tokens"]:
        tokens[added["id"]] = added["content"]
        types[added["id"]] = _CONTROL if added["special"] else _USER_DEFINED
    merges = [m if isinstance(m, str) else " ".join(m) for m in document["model"]["merges"]]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": types,
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.bos_token_id": config["bos_token_id"],
        "tokenizer.ggml.eos_token_id": config["eos_token_id"],
    }


def _architecture(config: dict[str, Any], *, absorbed: bool) -> dict[str, Any]:
    name = ARCHITECTURES[config["model_type"]]
    fields: dict[str, Any] = {
        "block_count": config["num_hidden_layers"],
        "context_length": config["max_position_embeddings"],
        "embedding_length": config["hidden_size"],
        "feed_forward_length": config["intermediate_size"],
        "attention.head_count": config["num_attention_heads"],
        "attention.head_count_kv": config["num_key_value_heads"],
        "attention.layer_norm_rms_epsilon": float(config["rms_norm_eps"]),
        "rope.freq_base": float(config["rope_theta"]),
        **_rope_scaling(config.get("rope_scaling")),
    }
    if name == "deepseek2":
        fields |= _latent(config, absorbed=absorbed)
    else:
        head_dim = config.get("head_dim", config["hidden_size"] // config["num_attention_heads"])
        fields |= {
            "attention.key_length": head_dim,
            "attention.value_length": head_dim,
            "rope.dimension_count": head_dim,
        }
    return {
        "general.architecture": name,
        "general.name": f"Tiny {name}",
        **{f"{name}.{field}": value for field, value in fields.items()},
    }


def _rope_scaling(scaling: dict[str, Any] | None) -> dict[str, Any]:
    if scaling is None:
        return {}
    fields = {
        "rope.scaling.type": scaling["type"],
        "rope.scaling.factor": float(scaling["factor"]),
    }
    if scaling["type"] == "yarn":
        fields |= {
            "rope.scaling.original_context_length": scaling["original_max_position_embeddings"],
            "rope.scaling.yarn_log_multiplier": 0.1 * scaling["mscale_all_dim"],
        }
    return fields


def _latent(config: dict[str, Any], *, absorbed: bool) -> dict[str, Any]:
    latent, rope = config["kv_lora_rank"], config["qk_rope_head_dim"]
    key = config["qk_nope_head_dim"] + rope
    fields = {
        "attention.kv_lora_rank": latent,
        "rope.dimension_count": rope,
        "expert_count": config["n_routed_experts"],
        "expert_used_count": config["num_experts_per_tok"],
        "expert_shared_count": config["n_shared_experts"],
        "expert_feed_forward_length": config["moe_intermediate_size"],
        "expert_weights_scale": config["routed_scaling_factor"],
        "leading_dense_block_count": config["first_k_dense_replace"],
    }
    if not absorbed:
        return {
            **fields,
            "attention.key_length": key,
            "attention.value_length": config["v_head_dim"],
        }
    return {
        **fields,
        "attention.head_count_kv": 1,
        "attention.key_length": latent + rope,
        "attention.value_length": latent,
        "attention.key_length_mla": key,
        "attention.value_length_mla": config["v_head_dim"],
    }


def _tensors(
    config: dict[str, Any], source: dict[str, npt.NDArray[np.float32]]
) -> dict[str, npt.NDArray[np.float32]]:
    tensors: dict[str, npt.NDArray[np.float32]] = {}
    for full_name, tensor in source.items():
        name, _, kind = full_name.rpartition(".")
        block = ""
        if name.startswith("model.layers."):
            _, _, layer, name = name.split(".", 3)
            block = f"blk.{layer}."
        if name.startswith("mlp.experts."):
            continue
        tensors[f"{block}{_NAMES[name]}.{kind}"] = _arranged(config, name, tensor)
    for number in range(config["num_hidden_layers"]):
        for projection in ("gate", "up", "down"):
            path = f"model.layers.{number}.mlp.experts"
            name = f"{projection}_proj.weight"
            experts = [source[f"{path}.{i}.{name}"] for i in range(_num_experts(config, number))]
            if experts:
                tensors[f"blk.{number}.ffn_{projection}_exps.weight"] = np.stack(experts)
    return tensors


def _num_experts(config: dict[str, Any], layer: int) -> int:
    is_sparse = layer >= config.get("first_k_dense_replace", layer + 1)
    return int(config["n_routed_experts"]) if is_sparse else 0


def _arranged(
    config: dict[str, Any], name: str, tensor: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    if config["model_type"] != "llama" or name not in {"self_attn.q_proj", "self_attn.k_proj"}:
        return tensor
    key = "num_attention_heads" if name == "self_attn.q_proj" else "num_key_value_heads"
    heads, (rows, columns) = config[key], tensor.shape
    # convert_hf_to_gguf.py's permute: the halves of a head's rows become pairs.
    return tensor.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, -1)


def _split_kv_b(config: dict[str, Any], tensors: dict[str, npt.NDArray[np.float32]]) -> None:
    for name in [name for name in tensors if name.endswith(".attn_kv_b.weight")]:
        block = name.removesuffix(".attn_kv_b.weight")
        nope, value = config["qk_nope_head_dim"], config["v_head_dim"]
        both = tensors.pop(name)
        both = both.reshape(config["num_attention_heads"], nope + value, config["kv_lora_rank"])
        tensors[f"{block}.attn_k_b.weight"] = both[:, :nope].transpose(0, 2, 1)
        tensors[f"{block}.attn_v_b.weight"] = both[:, nope:]


def _types_of(value: Any) -> tuple[gguf.GGUFValueType, gguf.GGUFValueType | None]:
    kinds = {
        bool: gguf.GGUFValueType.BOOL,
        int: gguf.GGUFValueType.UINT32,
        float: gguf.GGUFValueType.FLOAT32,
        str: gguf.GGUFValueType.STRING,
    }
    if isinstance(value, list):
        kind = gguf.GGUFValueType.INT32 if isinstance(value[0], int) else kinds[type(value[0])]
        return gguf.GGUFValueType.ARRAY, kind
    return kinds[type(value)], None
