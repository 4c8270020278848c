"""The gated MLP of a dense layer and of the shared experts."""

import onnx_ir as ir

from onnx_export.graph_builder import MICROSOFT, GraphBuilder
from onnx_export.layers.linear import linear
from onnx_export.quantization import Quantization


def gated_mlp(
    builder: GraphBuilder,
    x: ir.Value,
    name: str,
    hidden_size: int,
    intermediate_size: int,
    quantization: Quantization | None,
) -> ir.Value:
    """Return ``down_proj(silu(gate_proj(x)) * up_proj(x))`` for ``x`` ``[N, hidden]``."""
    with builder.scope(name):
        gate = linear(builder, x, "gate_proj", hidden_size, intermediate_size, quantization)
        up = linear(builder, x, "up_proj", hidden_size, intermediate_size, quantization)
        # With alpha 1 this is SiLU; ONNX Runtime has a fused kernel for it under this name.
        activated = builder.op("QuickGelu", [gate], {"alpha": 1.0}, MICROSOFT)
        product = builder.op("Mul", [activated, up])
        return linear(builder, product, "down_proj", intermediate_size, hidden_size, quantization)
