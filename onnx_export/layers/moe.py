"""Mixture of experts: a softmax gate in float32, routed experts as one node, shared experts.

Routing is the plain softmax's greatest k, without renormalization, times ``routed_scaling_factor``.
ONNX Runtime's QMoE on the CPU renormalizes whatever its attribute says unless it is given the
weights themselves (``router_weights``), so it is given them. They choose the experts too: rounded
to halves, probabilities still distinguish experts whose logits have become equal.
"""

from collections.abc import Callable

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from onnx_export.deepseek_v2_config import DeepseekV2Config
from onnx_export.graph_builder import MICROSOFT, GraphBuilder
from onnx_export.layers.experts import ExpertWeights
from onnx_export.layers.linear import QuantizedWeight, activation_rounding, store_quantized
from onnx_export.layers.mlp import gated_mlp
from onnx_export.quantization import Quantization, QuantizedRows
from onnx_export.quantization_plan import QuantizationPlan


def mixture_of_experts(
    builder: GraphBuilder, config: DeepseekV2Config, plan: QuantizationPlan, x: ir.Value
) -> ir.Value:
    """Return the sum of routed and shared experts for ``x`` ``[N, hidden]``."""
    with builder.scope("mlp"):
        logits = _gate(builder, config, x)
        with builder.scope("experts"):
            experts = ExpertWeights.find(builder, config)
            if plan.experts is None:
                routed = _routed(builder, config, experts, x, logits)
            else:
                routed = _routed_quantized(builder, config, experts, x, logits, plan.experts)
        shared = gated_mlp(
            builder,
            x,
            "shared_experts",
            config.hidden_size,
            config.shared_intermediate_size,
            plan.feed_forward,
        )
        return builder.op("Add", [routed, shared])


def _gate(builder: GraphBuilder, config: DeepseekV2Config, x: ir.Value) -> ir.Value:
    """Return each expert's logit ``[N, experts]``, in float32 whatever the rest is computed in."""
    with builder.scope("gate"):
        shape = (config.n_routed_experts, config.hidden_size)
        weight = builder.weights.find(builder.path("weight"), shape)
        stored = builder.stored_as(weight.name, shape, weight.slabs, ir.DataType.FLOAT)
        return builder.op("Gemm", [builder.to_float32(x), stored], {"transB": 1})


def _routed(
    builder: GraphBuilder,
    config: DeepseekV2Config,
    experts: ExpertWeights,
    x: ir.Value,
    logits: ir.Value,
) -> ir.Value:
    every = range(config.n_routed_experts)
    gate_up = builder.stored_parts(
        builder.path("gate_up_proj"),
        experts.gate_up_shape,
        lambda: map(experts.gate_up_of, every),
    )
    down = builder.stored_parts(
        builder.path("down_proj"), experts.down_shape, lambda: map(experts.down_of, every)
    )
    mixed = builder.op(
        "MoE",
        [x, builder.from_float32(logits), gate_up, None, down],
        _routing_attributes(config),
        MICROSOFT,
    )
    return _scaled(builder, config, mixed)


def _routed_quantized(
    builder: GraphBuilder,
    config: DeepseekV2Config,
    experts: ExpertWeights,
    x: ir.Value,
    logits: ir.Value,
    quantization: Quantization,
) -> ir.Value:
    fitted = quantization.suited_to(experts.all_parts)
    gate_up = _quantized(
        builder, "gate_up_proj", experts.gate_up_shape, experts.gate_up_rows, fitted
    )
    down = _quantized(builder, "down_proj", experts.down_shape, experts.down_rows, fitted)
    probabilities = builder.from_float32(builder.op("Softmax", [logits], {"axis": -1}))
    router_weights = _scaled(builder, config, probabilities)
    return builder.op(
        "QMoE",
        [
            *(x, router_weights),
            *(gate_up.integers, gate_up.scales, None),
            *(down.integers, down.scales, None),
            *(None, None, None),
            *(gate_up.zero_points, down.zero_points, None),
            router_weights,
        ],
        {
            **_routing_attributes(config),
            "expert_weight_bits": fitted.bits,
            "block_size": fitted.block_size,
            **activation_rounding(builder),
            "weights_prepacked": 0,
        },
        MICROSOFT,
    )


def _routing_attributes(config: DeepseekV2Config) -> dict[str, int | float | str]:
    return {
        "k": config.num_experts_per_tok,
        "activation_type": "swiglu",
        "swiglu_fusion": 1,
        "activation_alpha": 1.0,
        "activation_beta": 0.0,
        "normalize_routing_weights": 0,
    }


def _scaled(builder: GraphBuilder, config: DeepseekV2Config, x: ir.Value) -> ir.Value:
    if config.routed_scaling_factor == 1.0:
        return x
    number = np.array(config.routed_scaling_factor, builder.activations.numpy())
    factor = builder.constant(number)
    return builder.op("Mul", [x, factor])


def _quantized(
    builder: GraphBuilder,
    name: str,
    shape: tuple[int, int, int],
    read: Callable[[int, Quantization], NDArray[np.float32] | QuantizedRows],
    quantization: Quantization,
) -> QuantizedWeight:
    """Return integers ``[experts, rows, K * bits / 8]`` and scales ``[experts, rows, blocks]``."""
    num_experts, rows, columns = shape
    blocks = columns // quantization.block_size
    return store_quantized(
        builder,
        builder.path(name),
        (num_experts, rows, blocks * quantization.block_bytes),
        (num_experts, rows, blocks),
        quantization,
        lambda: (read(i, quantization) for i in range(num_experts)),
    )
