"""A decoder whose layers are grouped-query attention and a gated MLP: Llama and its relatives.

One run takes N new tokens of one sequence::

    input_ids [N]  position_ids [N]  total_length [1]  num_logits [1]
    past.{i}.key  past.{i}.value [1, kv heads, capacity, head_dim]
      -> logits [num_logits, vocabulary]  present.{i}.key  present.{i}.value

``total_length`` is the number of tokens that the cache holds afterwards; the run's own are the last
N of them. ``position_ids`` say the same and are not looked at: the interface is one for all
architectures. The caller binds the same buffer as past and present, which is then written in place.
"""

import onnx_ir as ir

from onnx_export.graph_builder import GraphBuilder
from onnx_export.grouped_config import GroupedConfig
from onnx_export.layers.decoder import RunInputs, decoder
from onnx_export.layers.grouped_attention import (
    KeyValue,
    cached_positions,
    grouped_attention,
)
from onnx_export.layers.mlp import gated_mlp
from onnx_export.quantization_plan import QuantizationPlan


def grouped_decoder(
    builder: GraphBuilder,
    config: GroupedConfig,
    plan: QuantizationPlan,
    context_length: int,
    *,
    has_biases: bool,
) -> None:
    """Emit the whole graph for up to ``context_length`` tokens. Raises ``CheckpointError``."""
    run = RunInputs.add_to(builder)
    shape = (1, config.num_key_value_heads, "capacity", config.head_dim)
    past = [
        KeyValue(
            *(builder.input(f"past.{i}.{kind}", builder.activations, shape) for kind in _KINDS)
        )
        for i in range(config.num_hidden_layers)
    ]
    present = []
    plans = [
        plan.of_layer(layer, config.num_hidden_layers) for layer in range(config.num_hidden_layers)
    ]
    with builder.scope("model"):
        where = cached_positions(builder, config, run.total_length, context_length)

    def attention(hidden: ir.Value, layer: int) -> ir.Value:
        attended, cache = grouped_attention(
            *(builder, config, plans[layer], hidden, past[layer], where),
            has_biases=has_biases,
        )
        present.append(cache)
        return attended

    def feed_forward(hidden: ir.Value, layer: int) -> ir.Value:
        return gated_mlp(
            *(builder, hidden, "mlp", config.hidden_size, config.intermediate_size),
            plans[layer].feed_forward,
        )

    decoder(builder, config, plan, run, attention, feed_forward)
    for layer, cache in enumerate(present):
        builder.output(cache.key, f"present.{layer}.key", builder.activations, shape)
        builder.output(cache.value, f"present.{layer}.value", builder.activations, shape)


_KINDS = ("key", "value")
