"""A seeded tiny Qwen2 checkpoint as Qwen2.5-Coder would have it, written without torch."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from testing.tiny_checkpoint import seeded_tensors, tiny_tokenizer, write_json
from testing.tiny_llama import llama_shapes

# Rotary settings and names of fields are Qwen2.5-Coder 0.5B's.
TINY_QWEN2_CONFIG: dict[str, Any] = {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "vocab_size": 272,
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 96,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": True,
    "max_position_embeddings": 32768,
    "max_window_layers": 3,
    "sliding_window": None,
    "use_sliding_window": False,
    "rope_theta": 1000000.0,
    "bos_token_id": 256,
    "eos_token_id": 256,
}
FIM_PREFIX, FIM_MIDDLE, FIM_SUFFIX = "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"
# In Qwen2.5-Coder's order.
ADDED_TOKENS = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    *(FIM_PREFIX, FIM_MIDDLE, FIM_SUFFIX),
    *("<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"),
)


def write_tiny_qwen2(folder: Path, **changes: Any) -> Path:
    """Write config, weights and tokenizer; ``changes`` are fields of the config."""
    config = {**TINY_QWEN2_CONFIG, **changes}
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", config)
    write_json(folder / "tokenizer.json", tiny_qwen2_tokenizer())
    save_file(tiny_qwen2_tensors(config), folder / "model.safetensors")
    return folder


def tiny_qwen2_tensors(config: dict[str, Any]) -> dict[str, npt.NDArray[np.float32]]:
    """Return all weights by name."""
    shapes = llama_shapes(config)
    head_dim = config["hidden_size"] // config["num_attention_heads"]
    for layer in range(config["num_hidden_layers"]):
        attention = f"model.layers.{layer}.self_attn"
        shapes[f"{attention}.q_proj.bias"] = (config["num_attention_heads"] * head_dim,)
        for name in ("k_proj", "v_proj"):
            shapes[f"{attention}.{name}.bias"] = (config["num_key_value_heads"] * head_dim,)
    return seeded_tensors(shapes)


def tiny_qwen2_tokenizer() -> dict[str, Any]:
    """Return a byte-level tokenizer with Qwen2.5-Coder's added tokens behind its bytes."""
    document = tiny_tokenizer()
    glyphs = list(document["model"]["vocab"])
    document["model"]["vocab"] = {glyph: i for i, glyph in enumerate(glyphs)}
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    document["added_tokens"] = [
        {
            "id": len(glyphs) + i,
            "content": content,
            **flags,
            "special": content not in {FIM_PREFIX, FIM_MIDDLE, FIM_SUFFIX},
        }
        for i, content in enumerate(ADDED_TOKENS)
    ]
    return document
