"""The token embedding, float32 or quantized to eight bits."""

import onnx_ir as ir

from onnx_export.graph_builder import MICROSOFT, GraphBuilder
from onnx_export.layers.linear import quantized_weight
from onnx_export.quantization import Quantization
from onnx_export.weights import Weight


def embedding(
    builder: GraphBuilder, token_ids: ir.Value, weight: Weight, quantization: Quantization | None
) -> ir.Value:
    """Return the rows ``[N, hidden]`` of ``weight`` ``[vocabulary, hidden]`` for ``token_ids``.

    A quantized table has the layout of MatMulNBits, so that a tied output layer uses the very same
    integers: ``[vocabulary, blocks, block]``, looked up whole and joined afterwards.
    """
    if quantization is None:
        return builder.op("Gather", [builder.stored(weight), token_ids], {"axis": 0})
    rows, hidden_size = weight.shape
    fitted = quantization.suited_to([weight])
    stored = quantized_weight(builder, weight, fitted)
    blocks = hidden_size // fitted.block_size
    scales_3d = builder.op("Reshape", [stored.scales, builder.integers(rows, blocks, 1)])
    looked_up = builder.op(
        "GatherBlockQuantized",
        [stored.integers, token_ids, scales_3d],
        {
            "bits": fitted.bits,
            "block_size": fitted.block_size,
            "gather_axis": 0,
            "quantize_axis": 2,
        },
        MICROSOFT,
    )
    return builder.op("Reshape", [looked_up, builder.integers(-1, hidden_size)])
