"""Multi-head latent attention in its absorbed form, over one latent cache.

DeepSeek-V2 (arXiv 2405.04434, section 2.1) keeps for each token one latent vector and one rotated
key, shared by all heads. Keys and values are up-projections of the latent; absorbing the first into
the query and the second into the output means that neither is ever computed for the past::

    hidden ─ q_proj ─┬─ q_nope · W_UK ─┐
                     └─ q_pe ─ RoPE ───┴─ query [heads, N, width]
    hidden ─ kv_a ───┬─ RMSNorm ───────┐
                     └─ k_pe ─ RoPE ───┴─ row [N, width] ─ ScatterND into past ─ present

    softmax(query · presentᵀ · scale + mask) · present ─ latent part ─ · W_UV ─ o_proj
"""

import functools
from collections.abc import Iterator

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from onnx_export.deepseek_v2_config import DeepseekV2Config
from onnx_export.graph_builder import MICROSOFT, GraphBuilder
from onnx_export.layers.linear import linear
from onnx_export.layers.positions import Positions, Rotation, rotate
from onnx_export.layers.rms_norm import rms_norm
from onnx_export.quantization_plan import QuantizationPlan
from onnx_export.rope import softmax_scale
from onnx_export.weights import Weight

# transformers gives this norm its class's default, not config.rms_norm_eps.
_LATENT_NORM_EPSILON = 1e-6


def latent_attention(
    builder: GraphBuilder,
    config: DeepseekV2Config,
    plan: QuantizationPlan,
    hidden: ir.Value,
    past: ir.Value,
    where: Positions,
) -> tuple[ir.Value, ir.Value]:
    """Return the output ``[N, hidden]`` and the cache ``[total, width]`` with its last N rows."""
    with builder.scope("self_attn"):
        weight_uk, weight_uv = up_projections(builder, config)
        query = absorbed_query(builder, config, plan, hidden, weight_uk, where.rotation)
        row = cache_row(builder, config, plan, hidden, where.rotation)
        present = builder.op("ScatterND", [past, where.rows, row])
        mixed = _attend(builder, config, query, present, where.mask)
        output = project_output(builder, config, plan, mixed, weight_uv)
    return output, present


def project_output(
    builder: GraphBuilder,
    config: DeepseekV2Config,
    plan: QuantizationPlan,
    mixed: ir.Value,
    weight_uv: ir.Value,
) -> ir.Value:
    """Return ``[N, hidden]`` for the latents that the heads attended to, ``[heads, N, latent]``."""
    heads = builder.op("MatMul", [mixed, weight_uv])
    width = config.num_attention_heads * config.v_head_dim
    joined = builder.op("Transpose", [heads], {"perm": [1, 0, 2]})
    joined = builder.op("Reshape", [joined, builder.integers(-1, width)])
    return linear(builder, joined, "o_proj", width, config.hidden_size, plan.attention)


def absorbed_query(
    builder: GraphBuilder,
    config: DeepseekV2Config,
    plan: QuantizationPlan,
    hidden: ir.Value,
    weight_uk: ir.Value,
    by: Rotation,
) -> ir.Value:
    """Return ``[heads, N, width]``: the absorbed part and the rotated part."""
    heads, nope, rope = (
        config.num_attention_heads,
        config.qk_nope_head_dim,
        config.qk_rope_head_dim,
    )
    query = linear(
        builder, hidden, "q_proj", config.hidden_size, heads * (nope + rope), plan.attention
    )
    query = builder.op("Reshape", [query, builder.integers(-1, heads, nope + rope)])
    q_nope, q_pe = builder.op_with_outputs(
        "Split", [query, builder.integers(nope, rope)], 2, {"axis": -1}
    )
    by_head = builder.op("Transpose", [q_nope], {"perm": [1, 0, 2]})
    absorbed = builder.op("MatMul", [by_head, weight_uk])
    rotated = rotate(builder, q_pe, heads, rope, by)
    rotated = builder.op("Transpose", [rotated], {"perm": [1, 0, 2]})
    return builder.op("Concat", [absorbed, rotated], {"axis": -1})


def cache_row(
    builder: GraphBuilder,
    config: DeepseekV2Config,
    plan: QuantizationPlan,
    hidden: ir.Value,
    by: Rotation,
) -> ir.Value:
    """Return ``[N, width]``: the normed latent and the rotated key. The key is not normed."""
    latent, rope = config.kv_lora_rank, config.qk_rope_head_dim
    compressed = linear(
        builder,
        hidden,
        "kv_a_proj_with_mqa",
        config.hidden_size,
        config.cache_width,
        plan.sensitive,
    )
    kv, k_pe = builder.op_with_outputs(
        "Split", [compressed, builder.integers(latent, rope)], 2, {"axis": -1}
    )
    normed = rms_norm(builder, kv, "kv_a_layernorm", latent, _LATENT_NORM_EPSILON)
    rotated = rotate(builder, k_pe, 1, rope, by)
    rotated = builder.op("Reshape", [rotated, builder.integers(-1, rope)])
    return builder.op("Concat", [normed, rotated], {"axis": -1})


def _attend(
    builder: GraphBuilder, config: DeepseekV2Config, query: ir.Value, rows: ir.Value, mask: ir.Value
) -> ir.Value:
    """Return the latents that each head attends to, ``[heads, N, kv_lora_rank]``."""
    scores = builder.op(
        "FusedMatMul",
        [query, rows],
        {"transB": 1, "alpha": softmax_scale(config)},
        MICROSOFT,
    )
    # In float32 also where activations are halves: the mask is no half, and a sum of thousands of
    # exponentials is not one either.
    masked = builder.op("Add", [builder.to_float32(scores), mask])
    softmax = builder.op("Softmax", [masked], {"axis": -1})
    probabilities = builder.from_float32(softmax)
    mixed = builder.op("MatMul", [probabilities, rows])
    start, end, axis = (builder.integers(i) for i in (0, config.kv_lora_rank, 2))
    return builder.op("Slice", [mixed, start, end, axis])


def up_projections(builder: GraphBuilder, config: DeepseekV2Config) -> tuple[ir.Value, ir.Value]:
    """Return W_UK ``[heads, nope, latent]`` and W_UV ``[heads, latent, v]``.

    They are not quantized: batched over heads they are as fast as quantized ones split by head, and
    they are 1.5 % of Lite's weights.
    """
    heads, latent = config.num_attention_heads, config.kv_lora_rank
    nope, v = config.qk_nope_head_dim, config.v_head_dim
    with builder.scope("kv_b_proj"):
        weight = builder.weights.find(builder.path("weight"), (heads * (nope + v), latent))
        key = builder.stored_parts(
            builder.path("weight_uk"),
            (heads, nope, latent),
            functools.partial(_key_part, weight, heads, nope),
        )
        value = builder.stored_parts(
            builder.path("weight_uv"),
            (heads, latent, v),
            functools.partial(_value_part, weight, heads, nope),
        )
    return key, value


def _key_part(weight: Weight, num_heads: int, nope: int) -> Iterator[NDArray[np.float32]]:
    yield _by_head(weight, num_heads)[:, :nope]


def _value_part(weight: Weight, num_heads: int, nope: int) -> Iterator[NDArray[np.float32]]:
    yield _by_head(weight, num_heads)[:, nope:].transpose(0, 2, 1)


def _by_head(weight: Weight, num_heads: int) -> NDArray[np.float32]:
    return weight.read().reshape(num_heads, -1, weight.shape[1])
