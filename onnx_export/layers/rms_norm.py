"""Root-mean-square normalization, alone and after a residual addition."""

import onnx_ir as ir

from onnx_export.graph_builder import MICROSOFT, GraphBuilder


def rms_norm(builder: GraphBuilder, x: ir.Value, name: str, size: int, epsilon: float) -> ir.Value:
    """Return ``x`` ``[N, size]`` normalized and multiplied by ``{name}.weight``."""
    with builder.scope(name):
        weight = builder.weight("weight", (size,))
        return builder.op("RMSNormalization", [x, weight], {"axis": -1, "epsilon": epsilon})


def add_and_rms_norm(
    builder: GraphBuilder, x: ir.Value, residual: ir.Value, name: str, size: int, epsilon: float
) -> tuple[ir.Value, ir.Value]:
    """Return ``rms_norm(residual + x)`` and ``residual + x``, computed in one pass."""
    with builder.scope(name):
        weight = builder.weight("weight", (size,))
        normed, _, _, total = builder.op_with_outputs(
            "SkipSimplifiedLayerNormalization",
            [residual, x, weight],
            4,
            {"epsilon": epsilon},
            MICROSOFT,
        )
        return normed, total
