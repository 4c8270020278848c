"""The expert layer alone, against a few lines of numpy; rounding must not hide wrong routing."""

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest

from onnx_export.config import ExportConfig
from onnx_export.deepseek_v2_config import parse_deepseek_v2_config
from onnx_export.graph_builder import WEIGHTS_NAME, GraphBuilder
from onnx_export.layers.moe import mixture_of_experts
from onnx_export.quantization_plan import QuantizationPlan
from onnx_export.weights import Weight
from onnx_export.weights_file import WeightsFile
from testing.tiny_checkpoint import TINY_CONFIG

CONFIG = parse_deepseek_v2_config(TINY_CONFIG)
HIDDEN, INTERMEDIATE = CONFIG.hidden_size, CONFIG.moe_intermediate_size


class LayerWeights:
    """Seeded experts and gate; the shared experts are zero, so that they hide nothing."""

    def __contains__(self, name):
        return "gate_up_proj" not in name

    def find(self, name, shape):
        return Weight(name, shape, lambda start, end: self.tensor(name, shape)[start:end])

    def tensor(self, name, shape):
        if "shared_experts" in name:
            return np.zeros(shape, np.float32)
        seed = sum(name.encode())
        return np.random.default_rng(seed).standard_normal(shape).astype(np.float32) / 8


def run_layer(folder, precision, x):
    builder = GraphBuilder(LayerWeights())
    value = builder.input("x", ir.DataType.FLOAT, ["num_tokens", HIDDEN])
    plan = QuantizationPlan.of(ExportConfig(precision))
    y = mixture_of_experts(builder, CONFIG, plan, value)
    builder.output(y, "y", ir.DataType.FLOAT, ["num_tokens", HIDDEN])
    layer = builder.build("layer", "test")
    ir.save(layer.model, folder / "layer.onnx")
    WeightsFile(folder / WEIGHTS_NAME, folder / "journal", layer.segments).write(lambda _: None)
    session = onnxruntime.InferenceSession(
        folder / "layer.onnx", providers=["CPUExecutionProvider"]
    )
    return session.run(["y"], {"x": x})[0]


def expected_layer(x, round_weight=lambda weight: weight):
    """Softmax over all experts, the greatest k without renormalization, times the factor."""
    weights = LayerWeights()
    logits = x @ weights.tensor("mlp.gate.weight", (CONFIG.n_routed_experts, HIDDEN)).T
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    y = np.zeros_like(x)
    for token, row in enumerate(probabilities):
        for expert in np.argsort(row)[-CONFIG.num_experts_per_tok :]:
            path, half = f"mlp.experts.{expert}", (INTERMEDIATE, HIDDEN)
            gate = round_weight(weights.tensor(f"{path}.gate_proj.weight", half)) @ x[token]
            up = round_weight(weights.tensor(f"{path}.up_proj.weight", half)) @ x[token]
            down = round_weight(weights.tensor(f"{path}.down_proj.weight", half[::-1]))
            y[token] += row[expert] * (down @ (gate / (1 + np.exp(-gate)) * up))
    return y * CONFIG.routed_scaling_factor


@pytest.mark.parametrize(("precision", "error"), [("fp32", 1e-5), ("int8", 0.03), ("int4", 0.2)])
@pytest.mark.parametrize("num_tokens", [1, 2, 50])
def test_experts_are_weighted_by_the_plain_softmax(tmp_path, precision, error, num_tokens):
    x = np.random.default_rng(1).standard_normal((num_tokens, HIDDEN)).astype(np.float32)

    y, expected = run_layer(tmp_path, precision, x), expected_layer(x)

    assert np.linalg.norm(y - expected) < error * np.linalg.norm(expected)


def test_experts_compute_with_the_very_weights_that_four_bits_restore(tmp_path):
    """What is left is the rounding of activations to eight bits, as the test of int8 allows it."""
    x = np.random.default_rng(1).standard_normal((50, HIDDEN)).astype(np.float32)
    experts = QuantizationPlan.of(ExportConfig("int4")).experts.fitted_to(HIDDEN, INTERMEDIATE)

    y = run_layer(tmp_path, "int4", x)
    expected = expected_layer(x, lambda weight: experts.restore(experts.quantize(weight)))

    assert experts.has_zero_points
    assert np.linalg.norm(y - expected) < 0.03 * np.linalg.norm(expected)
