"""DeepSeek-V2 (arXiv 2405.04434) as an ONNX graph, equal to transformers' DeepseekV2ForCausalLM.

One run takes N new tokens of one sequence::

    input_ids [N]  position_ids [N]  total_length [1]  num_logits [1]  past.{i} [capacity, width]
      -> logits [num_logits, vocabulary]  present.{i} [capacity, width]

``position_ids`` are rows of the cache; ``total_length`` is the last of them plus one; logits are
those of the last ``num_logits`` tokens. The caller binds the same buffer as ``past.{i}`` and
``present.{i}``: ScatterND then writes in place.
"""

import onnx_ir as ir

from onnx_export.config import ModelConfig
from onnx_export.graph_builder import GraphBuilder
from onnx_export.layers.embedding import embedding
from onnx_export.layers.latent_attention import latent_attention
from onnx_export.layers.linear import linear_with
from onnx_export.layers.mlp import gated_mlp
from onnx_export.layers.moe import mixture_of_experts
from onnx_export.layers.positions import positions
from onnx_export.layers.rms_norm import add_and_rms_norm, rms_norm
from onnx_export.quantization import QuantizationPlan
from onnx_export.weights import Weight, Weights


def build_deepseek_v2(
    config: ModelConfig, plan: QuantizationPlan, weights: Weights, exporter_version: str
) -> ir.Model:
    """Return the graph; weights are read when it is saved. Raises ``CheckpointError``."""
    builder = GraphBuilder(weights)
    int64, float32 = ir.DataType.INT64, ir.DataType.FLOAT
    input_ids = builder.input("input_ids", int64, ["num_tokens"])
    position_ids = builder.input("position_ids", int64, ["num_tokens"])
    total_length = builder.input("total_length", int64, [1])
    num_logits = builder.input("num_logits", int64, [1])
    cache_shape = ("capacity", config.cache_width)
    past = [
        builder.input(f"past.{i}", float32, cache_shape) for i in range(config.num_hidden_layers)
    ]

    with builder.scope("model"):
        token_weight = builder.weights.find(
            "model.embed_tokens.weight", (config.vocab_size, config.hidden_size)
        )
        where = positions(builder, config, position_ids, total_length)
        with builder.scope("embed_tokens"):
            residual = embedding(builder, input_ids, token_weight, plan.sensitive)
        with builder.scope("layers.0"):
            hidden = rms_norm(
                builder, residual, "input_layernorm", config.hidden_size, config.rms_norm_eps
            )
        present = []
        for layer in range(config.num_hidden_layers):
            is_last = layer == config.num_hidden_layers - 1
            with builder.scope(f"layers.{layer}"):
                attended, cache = latent_attention(
                    builder, config, plan, hidden, past[layer], where
                )
                present.append(cache)
                if is_last:
                    # Nothing later looks at the other tokens of this run: their rows are written.
                    attended = _last_rows(builder, attended, num_logits)
                    residual = _last_rows(builder, residual, num_logits)
                hidden, residual = _add_and_norm(
                    builder, config, attended, residual, "post_attention_layernorm"
                )
                transformed = _feed_forward(builder, config, plan, hidden, layer)
            # The next layer's first norm, or the final one, is computed with the addition.
            norm = "norm" if is_last else f"layers.{layer + 1}.input_layernorm"
            hidden, residual = _add_and_norm(builder, config, transformed, residual, norm)

    with builder.scope("lm_head"):
        output_weight = _output_weight(builder, config, token_weight)
        logits = linear_with(builder, hidden, output_weight, plan.sensitive)
    builder.output(logits, "logits", float32, ["num_logits", config.vocab_size])
    for layer, cache in enumerate(present):
        builder.output(cache, f"present.{layer}", float32, cache_shape)
    return builder.build(config.model_type, exporter_version)


def _feed_forward(
    builder: GraphBuilder,
    config: ModelConfig,
    plan: QuantizationPlan,
    hidden: ir.Value,
    layer: int,
) -> ir.Value:
    if config.is_dense(layer):
        return gated_mlp(
            builder, hidden, "mlp", config.hidden_size, config.intermediate_size, plan.body
        )
    return mixture_of_experts(builder, config, plan, hidden)


def _add_and_norm(
    builder: GraphBuilder, config: ModelConfig, x: ir.Value, residual: ir.Value, name: str
) -> tuple[ir.Value, ir.Value]:
    return add_and_rms_norm(builder, x, residual, name, config.hidden_size, config.rms_norm_eps)


def _last_rows(builder: GraphBuilder, x: ir.Value, num_rows: ir.Value) -> ir.Value:
    start = builder.op("Neg", [num_rows])
    end = builder.integers(2**62)
    return builder.op("Slice", [x, start, end, builder.integers(0)])


def _output_weight(builder: GraphBuilder, config: ModelConfig, token_weight: Weight) -> Weight:
    if config.tie_word_embeddings:
        return token_weight
    return builder.weights.find(builder.path("weight"), (config.vocab_size, config.hidden_size))
