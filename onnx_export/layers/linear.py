"""Linear layers without bias, float32 or quantized."""

import onnx_ir as ir

from onnx_export.graph_builder import MICROSOFT, GraphBuilder
from onnx_export.quantization import Quantization
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
    fitted = quantization.fitted_to(in_features)
    integers, scales = quantized_weight(builder, weight, fitted)
    return builder.op(
        "MatMulNBits",
        [x, integers, scales],
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


def quantized_weight(
    builder: GraphBuilder, weight: Weight, quantization: Quantization
) -> tuple[ir.Value, ir.Value]:
    """Return integers ``[out, blocks, block_bytes]`` and scales ``[out, blocks]``."""
    out_features, in_features = weight.shape
    blocks = (out_features, in_features // quantization.block_size)
    tensors = (
        StoredTensor(
            f"{weight.name}.quantized", ir.DataType.UINT8, (*blocks, quantization.block_bytes)
        ),
        StoredTensor(f"{weight.name}.scales", builder.activations, blocks),
    )
    integers, scales = builder.stored_together(tensors, lambda: quantization.stream(weight.slabs()))
    return integers, scales
