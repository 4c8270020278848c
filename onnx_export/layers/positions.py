"""What all layers share in one run: the positions of its tokens and the mask of attention."""

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from onnx_export.deepseek_v2_config import DeepseekV2Config
from onnx_export.graph_builder import GraphBuilder
from onnx_export.rope import attention_factor, inverse_frequencies

# Far below any score, and still finite when it is added to one.
_MASKED = np.float32(-1e30)


@dataclass(frozen=True, slots=True)
class Rotation:
    """Of each token's position; both are float32 ``[1, N, rope / 2]``."""

    cos: ir.Value
    sin: ir.Value


@dataclass(frozen=True, slots=True)
class Positions:
    """``mask`` is ``[N, total]``; ``rows`` ``[N, 1]`` says where in the cache each row belongs."""

    rotation: Rotation
    mask: ir.Value
    rows: ir.Value


def positions(
    builder: GraphBuilder, config: DeepseekV2Config, position_ids: ir.Value, total_length: ir.Value
) -> Positions:
    """Return the rotation and the causal mask for ``position_ids`` ``[N]``."""
    with builder.scope("positions"):
        rows = builder.op("Unsqueeze", [position_ids, builder.integers(1)])
        turned = rotation(builder, config, rows)
        mask = _causal_mask(builder, rows, total_length)
    return Positions(turned, mask, rows)


def rotate(
    builder: GraphBuilder, x: ir.Value, num_heads: int, head_dim: int, by: Rotation
) -> ir.Value:
    """Rotate ``x`` ``[N, heads, head_dim]`` by its positions; pairs are neighbours, 2i and 2i + 1.

    The heads may come joined to one axis; they are returned apart. Angles are float32, and so is
    the rotation, as in transformers.
    """
    batch = builder.op(
        "Reshape", [builder.to_float32(x), builder.integers(1, -1, num_heads * head_dim)]
    )
    rotated = builder.op(
        "RotaryEmbedding",
        [batch, by.cos, by.sin],
        {"interleaved": 1, "num_heads": num_heads},
    )
    apart = builder.op("Reshape", [rotated, builder.integers(-1, num_heads, head_dim)])
    return builder.from_float32(apart)


def rotation(builder: GraphBuilder, config: DeepseekV2Config, rows: ir.Value) -> Rotation:
    """Return the rotation for positions ``rows`` ``[N, 1]``.

    Angles are computed from the positions instead of looked up, so that the graph knows no limit.
    """
    frequencies = builder.named_constant("rotary_emb.inv_freq", inverse_frequencies(config))
    steps = builder.op("Cast", [rows], {"to": int(ir.DataType.FLOAT)})
    angles = builder.op("Mul", [steps, frequencies])
    batch = builder.op("Unsqueeze", [angles, builder.integers(0)])
    cos, sin = builder.op("Cos", [batch]), builder.op("Sin", [batch])
    factor = attention_factor(config)
    if factor == 1.0:
        return Rotation(cos, sin)
    scale = builder.constant(np.array(factor, np.float32))
    return Rotation(builder.op("Mul", [cos, scale]), builder.op("Mul", [sin, scale]))


def _causal_mask(builder: GraphBuilder, rows: ir.Value, total_length: ir.Value) -> ir.Value:
    """Return 0 where a token may look and a very negative number in its future."""
    zero, one = builder.constant(np.array(0, np.int64)), builder.constant(np.array(1, np.int64))
    end = builder.op("Squeeze", [total_length, builder.integers(0)])
    columns = builder.op("Range", [zero, end, one])
    visible = builder.op("LessOrEqual", [columns, rows])
    open_value = builder.constant(np.array(0, np.float32))
    return builder.op("Where", [visible, open_value, builder.constant(np.array(_MASKED))])
