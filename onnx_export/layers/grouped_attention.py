"""Grouped-query attention over a cache of keys and values, as one node.

ONNX Runtime's GroupQueryAttention rotates, writes the new rows into the cache in place, masks and
attends::

    hidden ─ qkv_proj ─┐
    past key, value ───┼─ GroupQueryAttention ─┬─ o_proj
    lengths, cos, sin ─┘                       └─ present key, value
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from onnx_export.graph_builder import MICROSOFT, GraphBuilder
from onnx_export.grouped_config import GroupedConfig
from onnx_export.layers.linear import linear, linear_with
from onnx_export.quantization_plan import QuantizationPlan
from onnx_export.rope import linear_inverse_frequencies
from onnx_export.weights import Weight, stacked


@dataclass(frozen=True, slots=True)
class KeyValue:
    """The cache of one layer, each ``[1, kv heads, capacity, head_dim]``."""

    key: ir.Value
    value: ir.Value


@dataclass(frozen=True, slots=True)
class CachedPositions:
    """``last_position`` int32 ``[1]``, ``total_length`` int32 scalar, ``cos``, ``sin`` tables.

    The tables are ``[context length, head_dim / 2]``.
    """

    last_position: ir.Value
    total_length: ir.Value
    cos: ir.Value
    sin: ir.Value


def cached_positions(
    builder: GraphBuilder, config: GroupedConfig, total_length: ir.Value, context_length: int
) -> CachedPositions:
    """Return what all layers share in one run that ends with ``total_length`` ``[1]`` tokens."""
    with builder.scope("positions"):
        total = builder.op("Cast", [total_length], {"to": int(ir.DataType.INT32)})
        last = builder.op("Sub", [total, builder.constant(np.array([1], np.int32))])
        scalar = builder.op("Squeeze", [total, builder.integers(0)])
    shape = (context_length, config.head_dim // 2)
    cos, sin = (
        builder.stored_as(
            f"model.rotary_emb.{table.__name__}",
            shape,
            functools.partial(_table, table, config, context_length),
            builder.activations,
        )
        for table in (np.cos, np.sin)
    )
    return CachedPositions(last, scalar, cos, sin)


def grouped_attention(
    builder: GraphBuilder,
    config: GroupedConfig,
    plan: QuantizationPlan,
    hidden: ir.Value,
    past: KeyValue,
    where: CachedPositions,
    *,
    has_biases: bool,
) -> tuple[ir.Value, KeyValue]:
    """Return the output ``[N, hidden]`` and the cache with N more rows.

    With ``has_biases`` the projections to queries, keys and values have one each, as in Qwen2.
    """
    heads, kv_heads, head_dim = (
        config.num_attention_heads,
        config.num_key_value_heads,
        config.head_dim,
    )
    with builder.scope("self_attn"):
        packed = linear_with(builder, hidden, _packed_projection(builder, config), plan.attention)
        if has_biases:
            packed = builder.op("Add", [packed, builder.stored(_packed_bias(builder, config))])
        batch = builder.op("Unsqueeze", [packed, builder.integers(0)])
        attended, key, value = builder.op_with_outputs(
            "GroupQueryAttention",
            [
                *(batch, None, None, past.key, past.value),
                *(where.last_position, where.total_length, where.cos, where.sin),
            ],
            3,
            {
                "num_heads": heads,
                "kv_num_heads": kv_heads,
                "do_rotary": 1,
                "rotary_interleaved": 0,
            },
            MICROSOFT,
        )
        width = heads * head_dim
        joined = builder.op("Reshape", [attended, builder.integers(-1, width)])
        output = linear(builder, joined, "o_proj", width, config.hidden_size, plan.attention)
    return output, KeyValue(key, value)


def _packed_projection(builder: GraphBuilder, config: GroupedConfig) -> Weight:
    """Return the rows of q_proj, k_proj and v_proj below each other: one product for all three."""
    parts = [
        builder.weights.find(builder.path(f"{name}.weight"), (size, config.hidden_size))
        for name, size in _projections(config)
    ]
    return stacked(builder.path("qkv_proj.weight"), parts)


def _packed_bias(builder: GraphBuilder, config: GroupedConfig) -> Weight:
    parts = [
        builder.weights.find(builder.path(f"{name}.bias"), (size,))
        for name, size in _projections(config)
    ]
    return stacked(builder.path("qkv_proj.bias"), parts)


def _projections(config: GroupedConfig) -> tuple[tuple[str, int], ...]:
    queries = config.num_attention_heads * config.head_dim
    keys = config.num_key_value_heads * config.head_dim
    return (("q_proj", queries), ("k_proj", keys), ("v_proj", keys))


def _table(
    function: np.ufunc, config: GroupedConfig, context_length: int
) -> Iterator[NDArray[np.float32]]:
    steps = np.arange(context_length, dtype=np.float32)
    angles = steps[:, None] * linear_inverse_frequencies(config)
    yield np.asarray(function(angles), np.float32)
