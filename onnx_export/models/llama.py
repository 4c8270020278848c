"""Llama as DeepSeek-Coder v1 (arXiv 2401.14196) has it, equal to transformers' LlamaForCausalLM.

``layers/grouped_decoder.py`` describes the inputs and outputs.
"""

from onnx_export.graph_builder import ExportGraph, GraphBuilder
from onnx_export.layers.grouped_decoder import grouped_decoder
from onnx_export.llama_config import LlamaConfig
from onnx_export.quantization_plan import QuantizationPlan
from onnx_export.weights import Weights


def build_llama(
    config: LlamaConfig,
    plan: QuantizationPlan,
    weights: Weights,
    context_length: int,
    exporter_version: str,
) -> ExportGraph:
    """Return the graph for up to ``context_length`` tokens; weights are read when it is saved.

    Raises ``CheckpointError``.
    """
    builder = GraphBuilder(weights, plan.float_types)
    grouped_decoder(builder, config, plan, context_length, has_biases=False)
    return builder.build(config.model_type, exporter_version)
