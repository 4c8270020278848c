"""A DeepSeek-V2 checkpoint's tensors as llama.cpp's ``deepseek2`` architecture names them.

llama.cpp absorbs the latent's up-projection as we do: ``attn_k_b`` maps a query into the latent
space, ``attn_v_b`` maps the latent to values, and the cache holds one latent head.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from onnx_export.deepseek_v2_config import DeepseekV2Config
from onnx_export.weights import Weights

Read = Callable[[], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """A tensor in parts that are read one at a time and follow one another along the first axis.

    ``shape`` is the whole's. ``is_exact``: kept in float32 whatever the file's type is.
    """

    name: str
    shape: tuple[int, ...]
    parts: Sequence[Read]
    is_exact: bool = False


def gguf_tensors(config: DeepseekV2Config, weights: Weights) -> Iterator[GgufTensor]:
    """Yield all tensors in the order of the layers. Raises ``CheckpointError``."""
    hidden, vocabulary = config.hidden_size, config.vocab_size
    find = _Finder(weights)
    yield find("token_embd.weight", "model.embed_tokens.weight", (vocabulary, hidden))
    yield find("output_norm.weight", "model.norm.weight", (hidden,))
    if not config.tie_word_embeddings:
        yield find("output.weight", "lm_head.weight", (vocabulary, hidden))
    for layer in range(config.num_hidden_layers):
        yield from _attention(config, find, layer)
        yield from (
            _dense(config, find, layer)
            if config.is_dense(layer)
            else _moe(config, weights, find, layer)
        )


@dataclass(frozen=True, slots=True)
class _Finder:
    weights: Weights

    def __call__(
        self, name: str, source: str, shape: tuple[int, ...], *, is_exact: bool = False
    ) -> GgufTensor:
        """Return a tensor that is the same in the checkpoint; vectors stay exact."""
        weight = self.weights.find(source, shape)
        return GgufTensor(name, shape, (weight.read,), is_exact=is_exact or len(shape) == 1)


def _attention(config: DeepseekV2Config, find: _Finder, layer: int) -> Iterator[GgufTensor]:
    source, block = f"model.layers.{layer}", f"blk.{layer}"
    hidden, heads, latent = config.hidden_size, config.num_attention_heads, config.kv_lora_rank
    nope, rope, value = config.qk_nope_head_dim, config.qk_rope_head_dim, config.v_head_dim
    attention = f"{source}.self_attn"
    yield find(f"{block}.attn_norm.weight", f"{source}.input_layernorm.weight", (hidden,))
    yield find(f"{block}.ffn_norm.weight", f"{source}.post_attention_layernorm.weight", (hidden,))
    query_shape = (heads * (nope + rope), hidden)
    yield find(f"{block}.attn_q.weight", f"{attention}.q_proj.weight", query_shape)
    yield find(
        f"{block}.attn_kv_a_mqa.weight",
        f"{attention}.kv_a_proj_with_mqa.weight",
        (latent + rope, hidden),
    )
    norm_name = f"{attention}.kv_a_layernorm.weight"
    yield find(f"{block}.attn_kv_a_norm.weight", norm_name, (latent,))
    both = find.weights.find(f"{attention}.kv_b_proj.weight", (heads * (nope + value), latent))

    def read_key() -> NDArray[np.float32]:
        split = both.read().reshape(heads, nope + value, latent)
        return np.ascontiguousarray(split[:, :nope].transpose(0, 2, 1))

    def read_value() -> NDArray[np.float32]:
        split = both.read().reshape(heads, nope + value, latent)
        return np.ascontiguousarray(split[:, nope:])

    yield GgufTensor(f"{block}.attn_k_b.weight", (heads, latent, nope), (read_key,))
    yield GgufTensor(f"{block}.attn_v_b.weight", (heads, value, latent), (read_value,))
    output_shape = (hidden, heads * value)
    yield find(f"{block}.attn_output.weight", f"{attention}.o_proj.weight", output_shape)


def _dense(config: DeepseekV2Config, find: _Finder, layer: int) -> Iterator[GgufTensor]:
    for name, shape in _mlp_shapes(config.hidden_size, config.intermediate_size):
        source = f"model.layers.{layer}.mlp.{name}_proj.weight"
        yield find(f"blk.{layer}.ffn_{name}.weight", source, shape)


def _moe(
    config: DeepseekV2Config, weights: Weights, find: _Finder, layer: int
) -> Iterator[GgufTensor]:
    source, block = f"model.layers.{layer}.mlp", f"blk.{layer}"
    hidden, num_experts = config.hidden_size, config.n_routed_experts
    yield find(
        f"{block}.ffn_gate_inp.weight",
        f"{source}.gate.weight",
        (num_experts, hidden),
        is_exact=True,
    )
    for name, shape in _mlp_shapes(hidden, config.moe_intermediate_size):
        parts = _expert_parts(weights, f"{source}.experts", name, shape, num_experts)
        yield GgufTensor(f"{block}.ffn_{name}_exps.weight", (num_experts, *shape), parts)
    for name, shape in _mlp_shapes(hidden, config.shared_intermediate_size):
        shared = f"{source}.shared_experts.{name}_proj.weight"
        yield find(f"{block}.ffn_{name}_shexp.weight", shared, shape)


def _expert_parts(
    weights: Weights, source: str, name: str, shape: tuple[int, int], num_experts: int
) -> Sequence[Read]:
    """Return how each expert's matrix is read, from either layout of the checkpoint."""
    every = range(num_experts)
    if f"{source}.gate_up_proj" not in weights:
        return [_whole(weights.find(f"{source}.{i}.{name}_proj.weight", shape).read) for i in every]
    if name == "down":
        fused = (num_experts, *shape)
        return [_whole(weights.find_slice(f"{source}.down_proj", fused, i).read) for i in every]
    rows, hidden = shape
    fused = (num_experts, 2 * rows, hidden)
    half = slice(0, rows) if name == "gate" else slice(rows, 2 * rows)
    return [
        _whole(weights.find_slice(f"{source}.gate_up_proj", fused, i).read, half) for i in every
    ]


def _whole(read: Read, rows: slice = slice(None)) -> Read:
    """Return a reader of one expert's rows, with the axis of experts in front."""
    return lambda: read()[rows][None]


def _mlp_shapes(hidden: int, intermediate: int) -> tuple[tuple[str, tuple[int, int]], ...]:
    return (
        ("gate", (intermediate, hidden)),
        ("up", (intermediate, hidden)),
        ("down", (hidden, intermediate)),
    )
