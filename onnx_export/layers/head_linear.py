"""Linear layers with a matrix of their own for each attention head.

A quantized model keeps them in eight bits, one scale for each head's column, and rounds their input
to eight bits by row: MatMulNBits knows no batches, and a node for each head costs more than is
saved. A row's rounding depends on that row alone, so that a token's result is the same whatever
else is in the run.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from onnx_export.graph_builder import MICROSOFT, GraphBuilder
from onnx_export.segments import Array, StoredTensor

# Unsigned on both sides: kernels for processors without VNNI add pairs of unsigned and signed
# products in 16 bits, and those overflow.
_ZERO_POINT = 128
_MAX_STEPS = 127
# A row of zeros stays one.
_LEAST_EXTREME = 1e-30


@dataclass(frozen=True, slots=True)
class HeadWeight:
    """Matrices ``[heads, in, out]``; integers have ``scales`` ``[heads, 1, out]``, floats None."""

    matrices: ir.Value
    scales: ir.Value | None


def head_weight(
    builder: GraphBuilder,
    name: str,
    shape: tuple[int, int, int],
    read: Callable[[], NDArray[np.float32]],
    *,
    is_quantized: bool,
) -> HeadWeight:
    """Return the weight that ``read`` makes, ``[heads, in, out]``; ``name`` is absolute."""
    if not is_quantized:
        return HeadWeight(builder.stored_parts(name, shape, lambda: iter([read()])), None)
    heads, _, out_features = shape
    matrices, scales = builder.stored_together(
        (
            StoredTensor(f"{name}.quantized", ir.DataType.UINT8, shape),
            StoredTensor(f"{name}.scales", ir.DataType.FLOAT, (heads, 1, out_features)),
        ),
        lambda: _quantized(read()),
    )
    return HeadWeight(matrices, scales)


def linear_by_head(builder: GraphBuilder, x: ir.Value, weight: HeadWeight) -> ir.Value:
    """Return ``[heads, N, out]`` for ``x`` ``[heads, N, in]``."""
    if weight.scales is None:
        return builder.op("MatMul", [x, weight.matrices])
    extreme = builder.op("ReduceMax", [builder.op("Abs", [x]), builder.integers(-1)])
    extreme = builder.op("Max", [extreme, builder.constant(np.array(_LEAST_EXTREME, np.float32))])
    step = builder.constant(np.array(1 / _MAX_STEPS, np.float32))
    zero_point = builder.constant(np.array(_ZERO_POINT, np.uint8))
    rounded = builder.op("QuantizeLinear", [builder.op("Div", [x, extreme]), step, zero_point])
    output = builder.op(
        "MatMulIntegerToFloat",
        [rounded, weight.matrices, step, weight.scales, zero_point, zero_point],
        domain=MICROSOFT,
    )
    return builder.op("Mul", [output, extreme])


def _quantized(matrices: NDArray[np.float32]) -> Iterator[Array]:
    extreme = np.abs(matrices).max(axis=1, keepdims=True)
    scales = np.maximum(extreme, _LEAST_EXTREME) / np.float32(_MAX_STEPS)
    yield (np.rint(matrices / scales) + _ZERO_POINT).astype(np.uint8)
    yield scales.astype(np.float32)
