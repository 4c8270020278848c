"""A seeded tiny Llama checkpoint as DeepSeek-Coder v1 would have it, written without torch."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from testing.tiny_checkpoint import (
    FIM_TOKENS,
    mlp_shapes,
    seeded_tensors,
    tiny_tokenizer,
    write_json,
)

# Rotary settings and context are DeepSeek-Coder 1.3B's; keys and values have fewer heads.
TINY_LLAMA_CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 272,
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 96,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-3,
    "tie_word_embeddings": False,
    "max_position_embeddings": 16384,
    "rope_theta": 100000,
    "rope_scaling": {"type": "linear", "factor": 4.0},
    "bos_token_id": 256,
    "eos_token_id": 257,
}
# As DeepSeek-Coder v1 lists them: letters that are glyphs of bytes no UTF-8 text has, the ends, the
# FIM tokens (none of them special), and what belongs to chats.
LETTERS = "õ÷ÁýÀÿøúþüùöû"
BEGIN, END = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"
CHAT_TOKENS = ("<pad>", "<|User|>", "<|Assistant|>", "<|EOT|>")
ADDED_TOKENS = (*LETTERS, BEGIN, END, *FIM_TOKENS, *CHAT_TOKENS)


def write_tiny_llama(folder: Path, **changes: Any) -> Path:
    """Write config, weights and tokenizer; ``changes`` are fields of the config."""
    config = {**TINY_LLAMA_CONFIG, **changes}
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", config)
    write_json(folder / "tokenizer.json", tiny_llama_tokenizer())
    save_file(tiny_llama_tensors(config), folder / "model.safetensors")
    return folder


def tiny_llama_tensors(config: dict[str, Any]) -> dict[str, npt.NDArray[np.float32]]:
    """Return all weights by name."""
    return seeded_tensors(llama_shapes(config))


def tiny_llama_tokenizer() -> dict[str, Any]:
    """Return a byte-level tokenizer with DeepSeek-Coder v1's added tokens, in its order.

    The vocabulary lacks the thirteen bytes; added tokens follow it. Tokens are as in its
    ``tokenizer.json``: ``normalized``, and only the ends are ``special``.
    """
    document = tiny_tokenizer()
    glyphs = [glyph for glyph in document["model"]["vocab"] if glyph not in LETTERS]
    document["model"]["vocab"] = {glyph: i for i, glyph in enumerate(glyphs)}
    document["added_tokens"] = [
        {
            "id": len(glyphs) + i,
            "content": content,
            **dict.fromkeys(("single_word", "lstrip", "rstrip"), False),
            "normalized": True,
            "special": content in {BEGIN, END, "<|EOT|>"},
        }
        for i, content in enumerate(ADDED_TOKENS)
    ]
    return document


def llama_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all weights by name."""
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    head_dim = config.get("head_dim", hidden // heads)
    vocabulary = (config["vocab_size"], hidden)
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": vocabulary}
    for layer in range(config["num_hidden_layers"]):
        path = f"model.layers.{layer}"
        kv_width = config["num_key_value_heads"] * head_dim
        shapes |= {
            f"{path}.input_layernorm.weight": (hidden,),
            f"{path}.post_attention_layernorm.weight": (hidden,),
            f"{path}.self_attn.q_proj.weight": (heads * head_dim, hidden),
            f"{path}.self_attn.k_proj.weight": (kv_width, hidden),
            f"{path}.self_attn.v_proj.weight": (kv_width, hidden),
            f"{path}.self_attn.o_proj.weight": (hidden, heads * head_dim),
            **mlp_shapes(f"{path}.mlp", hidden, config["intermediate_size"]),
        }
    shapes["model.norm.weight"] = (hidden,)
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = vocabulary
    return shapes
