"""Linear layers without bias, in floats or quantized."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from onnx_export.graph_builder import MICROSOFT, GraphBuilder
from onnx_export.quantization import Quantization, QuantizedRows
from onnx_export.segments import StoredTensor
from onnx_export.weights import Weight

# Activations rounded to int8, so that the kernels may use the processor's int8 dot product. Level 0
# is three times slower with 4-bit weights and a hundred times with 8-bit ones (ONNX Runtime 1.32).
_INT8_ACTIVATIONS = 4


def linear(
    builder: GraphBuilder,
    x: ir.Value,
    name: str,
    in_features: int,
    out_features: int,
    quantization: Quantization | None,
) -> ir.Value:
    """Return ``x @ weight.T``; ``x`` is ``[N, in]``, the weight ``{name}.weight`` ``[out, in]``."""
    with builder.scope(name):
        weight = builder.weights.find(builder.path("weight"), (out_features, in_features))
        return linear_with(builder, x, weight, quantization)


def linear_with(
    builder: GraphBuilder, x: ir.Value, weight: Weight, quantization: Quantization | None
) -> ir.Value:
    """Return ``x @ weight.T`` for a weight that was found already, such as a tied embedding."""
    out_features, in_features = weight.shape
    if quantization is None:
        return builder.op("Gemm", [x, builder.stored(weight)], {"transB": 1})
    fitted = quantization.suited_to([weight])
    stored = quantized_weight(builder, weight, fitted)
    zero_points = [] if stored.zero_points is None else [stored.zero_points]
    return builder.op(
        "MatMulNBits",
        [x, stored.integers, stored.scales, *zero_points],
        {
            "K": in_features,
            "N": out_features,
            "bits": fitted.bits,
            "block_size": fitted.block_size,
            **activation_rounding(builder),
        },
        MICROSOFT,
    )


def activation_rounding(builder: GraphBuilder) -> dict[str, int]:
    """Return the attribute by which kernels may round activations, where they can.

    Kernels for CUDA have no such choice, and QMoE of ONNX Runtime 1.31, the newest for CUDA, does
    not know the attribute.
    """
    is_single = builder.activations is ir.DataType.FLOAT
    return {"accuracy_level": _INT8_ACTIVATIONS} if is_single else {}


@dataclass(frozen=True, slots=True)
class QuantizedWeight:
    """Initializers of one weight; scales are in the activations' type, whatever the file holds."""

    integers: ir.Value
    scales: ir.Value
    zero_points: ir.Value | None


def quantized_weight(
    builder: GraphBuilder, weight: Weight, quantization: Quantization
) -> QuantizedWeight:
    """Return integers ``[out, blocks, block_bytes]``, scales ``[out, blocks]`` and zero points.

    Zero points are ``[out, bytes]``.
    """
    out_features, in_features = weight.shape
    blocks = in_features // quantization.block_size
    return store_quantized(
        builder,
        weight.name,
        (out_features, blocks, quantization.block_bytes),
        (out_features, blocks),
        quantization,
        lambda: quantization.slabs_of(weight),
    )


def store_quantized(
    builder: GraphBuilder,
    name: str,
    integers_shape: tuple[int, ...],
    scales_shape: tuple[int, ...],
    quantization: Quantization,
    read: Callable[[], Iterable[NDArray[np.float32] | QuantizedRows]],
) -> QuantizedWeight:
    """Store the rows that ``read`` yields; ``name`` is absolute."""
    *leading, blocks = scales_shape
    tensors = [
        StoredTensor(f"{name}.quantized", ir.DataType.UINT8, integers_shape),
        StoredTensor(f"{name}.scales", _SCALE_TYPES[quantization.scale_type], scales_shape),
    ]
    if quantization.has_zero_points:
        shape = (*leading, quantization.zero_point_bytes(blocks))
        tensors.append(StoredTensor(f"{name}.zero_points", ir.DataType.UINT8, shape))
    integers, scales, *zero_points = builder.stored_together(
        tensors, lambda: quantization.stream(name, read())
    )
    if scales.dtype is not builder.activations:
        # ONNX Runtime computes this once, when it loads the model.
        scales = builder.cast(scales, builder.activations)
    return QuantizedWeight(integers, scales, zero_points[0] if zero_points else None)


_SCALE_TYPES = {"float32": ir.DataType.FLOAT, "float16": ir.DataType.FLOAT16}
