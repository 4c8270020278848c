"""Qwen2 as Qwen2.5-Coder (arXiv 2409.12186) has it, equal to transformers' Qwen2ForCausalLM.

It is Llama with biases on the projections to queries, keys and values, and on no other.

``layers/grouped_decoder.py`` describes the inputs and outputs.
"""

from onnx_export.graph_builder import ExportGraph, GraphBuilder
from onnx_export.layers.grouped_decoder import grouped_decoder
from onnx_export.quantization_plan import QuantizationPlan
from onnx_export.qwen2_config import Qwen2Config
from onnx_export.weights import Weights


def build_qwen2(
    config: Qwen2Config,
    plan: QuantizationPlan,
    weights: Weights,
    context_length: int,
    exporter_version: str,
) -> ExportGraph:
    """Return the graph for up to ``context_length`` tokens; weights are read when it is saved.

    Raises ``CheckpointError``.
    """
    builder = GraphBuilder(weights, plan.float_types)
    grouped_decoder(builder, config, plan, context_length, has_biases=True)
    return builder.build(config.model_type, exporter_version)
