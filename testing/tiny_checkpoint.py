"""A seeded tiny DeepSeek-V2 checkpoint with Lite's exact rotary settings, written without torch."""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

SEED = 20_24
ExpertLayout = Literal["apart", "fused"]

# Rotary settings and head widths are Lite's (softmax scale 0.1147); everything else is small.
TINY_CONFIG: dict[str, Any] = {
    "architectures": ["DeepseekV2ForCausalLM"],
    "model_type": "deepseek_v2",
    "vocab_size": 320,
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "q_lora_rank": None,
    "kv_lora_rank": 32,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 48,
    "intermediate_size": 96,
    "moe_intermediate_size": 32,
    "n_routed_experts": 8,
    "num_experts_per_tok": 3,
    "n_shared_experts": 2,
    "first_k_dense_replace": 1,
    "moe_layer_freq": 1,
    "n_group": 1,
    "topk_group": 1,
    "topk_method": "greedy",
    "norm_topk_prob": False,
    "scoring_func": "softmax",
    "routed_scaling_factor": 1.5,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-3,
    "attention_bias": False,
    "tie_word_embeddings": False,
    "max_position_embeddings": 163840,
    "rope_theta": 10000,
    "rope_scaling": {
        "type": "yarn",
        "factor": 40,
        "original_max_position_embeddings": 4096,
        "beta_fast": 32,
        "beta_slow": 1,
        "mscale": 0.707,
        "mscale_all_dim": 0.707,
    },
    "bos_token_id": 0,
    "eos_token_id": 1,
}
FIM_TOKENS = ("<｜fim▁hole｜>", "<｜fim▁begin｜>", "<｜fim▁end｜>")


def write_tiny_checkpoint(folder: Path, experts: ExpertLayout = "apart") -> Path:
    """Write config, weights and tokenizer; the same ones each time. Returns ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", TINY_CONFIG)
    write_json(folder / "tokenizer.json", tiny_tokenizer())
    tensors = tiny_tensors()
    save_file(
        fuse_experts(tensors) if experts == "fused" else tensors, folder / "model.safetensors"
    )
    return folder


def tiny_tensors() -> dict[str, npt.NDArray[np.float32]]:
    """Return all weights by name, with experts as separate matrices."""
    return seeded_tensors(_shapes())


def seeded_tensors(shapes: dict[str, tuple[int, ...]]) -> dict[str, npt.NDArray[np.float32]]:
    """Return weights of these shapes, the same ones each time.

    Only uniform numbers are drawn: their stream is the same in all versions of numpy.
    """
    generator = np.random.default_rng(SEED)
    tensors = {}
    for name, shape in shapes.items():
        values = generator.random(shape, dtype=np.float32)
        tensors[name] = (
            values + np.float32(0.5) if "norm" in name else (values - 0.5) * _width(name)
        )
    return tensors


def tensors_digest(tensors: dict[str, npt.NDArray[np.float32]]) -> str:
    """Return a sha256 over all weights: golden logits belong to these and no others."""
    digest = hashlib.sha256()
    for name, tensor in tensors.items():
        digest.update(name.encode() + tensor.tobytes())
    return digest.hexdigest()


def fuse_experts(
    tensors: dict[str, npt.NDArray[np.float32]],
) -> dict[str, npt.NDArray[np.float32]]:
    """Return the same weights as transformers 5 holds them: experts fused, gate above up."""
    fused = {name: tensor for name, tensor in tensors.items() if ".experts." not in name}
    for layer in range(TINY_CONFIG["first_k_dense_replace"], TINY_CONFIG["num_hidden_layers"]):
        path = f"model.layers.{layer}.mlp.experts"
        every = range(TINY_CONFIG["n_routed_experts"])
        fused[f"{path}.gate_up_proj"] = np.stack(
            [
                np.concatenate(
                    [tensors[f"{path}.{i}.{half}.weight"] for half in ("gate_proj", "up_proj")]
                )
                for i in every
            ]
        )
        fused[f"{path}.down_proj"] = np.stack(
            [tensors[f"{path}.{i}.down_proj.weight"] for i in every]
        )
    return fused


def tiny_tokenizer() -> dict[str, Any]:
    """Return a byte-level tokenizer without merges: bytes, two ends and the FIM tokens."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    glyphs = [chr(byte) for byte in printable] + [chr(0x100 + i) for i in range(len(others))]
    names = ("<bos>", "<eos>", *FIM_TOKENS)
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    return {
        "version": "1.0",
        "added_tokens": [{"id": i, "content": name, **flags} for i, name in enumerate(names)],
        "normalizer": None,
        "pre_tokenizer": {**byte_level, "use_regex": False},
        "post_processor": None,
        "decoder": {**byte_level, "use_regex": False},
        "model": {
            "type": "BPE",
            "vocab": {glyph: len(names) + i for i, glyph in enumerate(glyphs)},
            "merges": [],
        },
    }


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write ``document`` to ``path``."""
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")


def _width(name: str) -> float:
    """Return the width of the weights' range; chosen so that logits spread by a few units."""
    return 1.0 if name.startswith(("model.embed_tokens", "lm_head")) else 0.5


def _shapes() -> dict[str, tuple[int, ...]]:
    c = TINY_CONFIG
    hidden, heads, latent = c["hidden_size"], c["num_attention_heads"], c["kv_lora_rank"]
    nope, rope, v = c["qk_nope_head_dim"], c["qk_rope_head_dim"], c["v_head_dim"]
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (c["vocab_size"], hidden)}
    for layer in range(c["num_hidden_layers"]):
        path = f"model.layers.{layer}"
        shapes |= {
            f"{path}.input_layernorm.weight": (hidden,),
            f"{path}.post_attention_layernorm.weight": (hidden,),
            f"{path}.self_attn.q_proj.weight": (heads * (nope + rope), hidden),
            f"{path}.self_attn.kv_a_proj_with_mqa.weight": (latent + rope, hidden),
            f"{path}.self_attn.kv_a_layernorm.weight": (latent,),
            f"{path}.self_attn.kv_b_proj.weight": (heads * (nope + v), latent),
            f"{path}.self_attn.o_proj.weight": (hidden, heads * v),
        }
        if layer < c["first_k_dense_replace"]:
            shapes |= mlp_shapes(f"{path}.mlp", hidden, c["intermediate_size"])
            continue
        shapes[f"{path}.mlp.gate.weight"] = (c["n_routed_experts"], hidden)
        intermediate = c["moe_intermediate_size"]
        shared = f"{path}.mlp.shared_experts"
        shapes |= mlp_shapes(shared, hidden, intermediate * c["n_shared_experts"])
        for i in range(c["n_routed_experts"]):
            shapes |= mlp_shapes(f"{path}.mlp.experts.{i}", hidden, intermediate)
    shapes["model.norm.weight"] = (hidden,)
    shapes["lm_head.weight"] = (c["vocab_size"], hidden)
    return shapes


def mlp_shapes(path: str, hidden: int, intermediate: int) -> dict[str, tuple[int, ...]]:
    """Return the weights of a gated MLP."""
    return {
        f"{path}.gate_proj.weight": (intermediate, hidden),
        f"{path}.up_proj.weight": (intermediate, hidden),
        f"{path}.down_proj.weight": (hidden, intermediate),
    }
