"""The frame that all architectures share: embedding, layers with two norms each, output layer.

::

    input_ids ─ embed_tokens ─┬─ norm ─ attention ─┬─ norm ─ feed-forward ─┬─ … ─ norm ─ lm_head
                              └───── residual ─────┴────── residual ───────┴─ …
"""

from collections.abc import Callable
from dataclasses import dataclass

import onnx_ir as ir

from onnx_export.config import ModelConfig
from onnx_export.graph_builder import GraphBuilder
from onnx_export.layers.embedding import embedding
from onnx_export.layers.linear import linear_with
from onnx_export.layers.rms_norm import add_and_rms_norm, rms_norm
from onnx_export.quantization_plan import QuantizationPlan
from onnx_export.weights import Weight

Sublayer = Callable[[ir.Value, int], ir.Value]
"""From normed hidden states ``[N, hidden]`` and a layer's number to what is added to them."""


@dataclass(frozen=True, slots=True)
class RunInputs:
    """What each run of a graph is given, besides the cache.

    ``input_ids`` and ``position_ids`` are ``[N]``, the latter rows of the cache; ``total_length``
    ``[1]`` is the last of them plus one; logits of the last ``num_logits`` ``[1]`` are wanted.
    """

    input_ids: ir.Value
    position_ids: ir.Value
    total_length: ir.Value
    num_logits: ir.Value

    @classmethod
    def add_to(cls, builder: GraphBuilder) -> "RunInputs":
        """Make them inputs of the graph."""
        int64 = ir.DataType.INT64
        return cls(
            builder.input("input_ids", int64, ["num_tokens"]),
            builder.input("position_ids", int64, ["num_tokens"]),
            builder.input("total_length", int64, [1]),
            builder.input("num_logits", int64, [1]),
        )


def decoder(
    builder: GraphBuilder,
    config: ModelConfig,
    plan: QuantizationPlan,
    run: RunInputs,
    attention: Sublayer,
    feed_forward: Sublayer,
) -> None:
    """Emit everything from ``input_ids`` to the output ``logits`` ``[num_logits, vocabulary]``."""
    with builder.scope("model"):
        token_weight = builder.weights.find(
            "model.embed_tokens.weight", (config.vocab_size, config.hidden_size)
        )
        with builder.scope("embed_tokens"):
            residual = embedding(builder, run.input_ids, token_weight, plan.sensitive)
        with builder.scope("layers.0"):
            hidden = rms_norm(
                builder, residual, "input_layernorm", config.hidden_size, config.rms_norm_eps
            )
        for layer in range(config.num_hidden_layers):
            is_last = layer == config.num_hidden_layers - 1
            with builder.scope(f"layers.{layer}"):
                attended = attention(hidden, layer)
                if is_last:
                    # The cache has the rows of the other tokens; nothing else needs them.
                    attended = _last_rows(builder, attended, run.num_logits)
                    residual = _last_rows(builder, residual, run.num_logits)
                hidden, residual = _add_and_norm(
                    builder, config, attended, residual, "post_attention_layernorm"
                )
                transformed = feed_forward(hidden, layer)
            # The next layer's first norm, or the final one, is computed with the addition.
            norm = "norm" if is_last else f"layers.{layer + 1}.input_layernorm"
            hidden, residual = _add_and_norm(builder, config, transformed, residual, norm)

    with builder.scope("lm_head"):
        output_weight = _output_weight(builder, config, token_weight)
        logits = linear_with(builder, hidden, output_weight, plan.sensitive)
    builder.output(
        builder.to_float32(logits), "logits", ir.DataType.FLOAT, ["num_logits", config.vocab_size]
    )


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
