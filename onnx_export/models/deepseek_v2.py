"""DeepSeek-V2 (arXiv 2405.04434) as an ONNX graph, equal to transformers' DeepseekV2ForCausalLM.

One run takes N new tokens of one sequence::

    input_ids [N]  position_ids [N]  total_length [1]  num_logits [1]  past.{i} [total, width]
      -> logits [num_logits, vocabulary]  present.{i} [total, width]

``position_ids`` are rows of the cache; ``total_length`` is the last of them plus one; logits are
those of the last ``num_logits`` tokens. The caller binds the same memory as ``past.{i}`` and
``present.{i}``: ScatterND then writes the last N rows in place.
"""

import onnx_ir as ir

from onnx_export.deepseek_v2_config import DeepseekV2Config
from onnx_export.graph_builder import ExportGraph, GraphBuilder
from onnx_export.layers.decoder import RunInputs, decoder
from onnx_export.layers.latent_attention import latent_attention
from onnx_export.layers.mlp import gated_mlp
from onnx_export.layers.moe import mixture_of_experts
from onnx_export.layers.positions import positions
from onnx_export.quantization_plan import QuantizationPlan
from onnx_export.weights import Weights


def build_deepseek_v2(
    config: DeepseekV2Config,
    plan: QuantizationPlan,
    weights: Weights,
    exporter_version: str,
) -> ExportGraph:
    """Return the graph; weights are read when it is saved. Raises ``CheckpointError``."""
    builder = GraphBuilder(weights, plan.float_types)
    run = RunInputs.add_to(builder)
    cache_shape = ("total_length", config.cache_width)
    with builder.scope("model"):
        where = positions(builder, config, run.position_ids, run.total_length)
    layers = range(config.num_hidden_layers)
    past = [builder.input(f"past.{i}", builder.activations, cache_shape) for i in layers]
    present = []
    plans = [
        plan.all_fine() if config.is_dense(i) else plan.of_layer(i, config.num_hidden_layers)
        for i in layers
    ]

    def attention(hidden: ir.Value, layer: int) -> ir.Value:
        attended, cache = latent_attention(
            builder, config, plans[layer], hidden, past[layer], where
        )
        present.append(cache)
        return attended

    def feed_forward(hidden: ir.Value, layer: int) -> ir.Value:
        if config.is_dense(layer):
            return gated_mlp(
                *(builder, hidden, "mlp", config.hidden_size, config.intermediate_size),
                plans[layer].feed_forward,
            )
        return mixture_of_experts(builder, config, plans[layer], hidden)

    decoder(builder, config, plan, run, attention, feed_forward)
    for layer, cache in enumerate(present):
        builder.output(cache, f"present.{layer}", builder.activations, cache_shape)
    return builder.build(config.model_type, exporter_version)
