"""The contract with the engine, and names that follow the checkpoint."""

import onnx_ir as ir
import pytest

from coder_lsp.models.model_folder import ModelFolder
from onnx_export.config import ExportConfig
from onnx_export.deepseek_v2_config import parse_deepseek_v2_config
from onnx_export.errors import ConfigError
from onnx_export.models.deepseek_v2 import build_deepseek_v2
from onnx_export.quantization_plan import QuantizationPlan
from onnx_export.random_weights import RandomWeights
from testing.tiny_checkpoint import TINY_CONFIG
from tests.onnx_export.conftest import export_quietly

CACHE = ["total_length", 96]


def build(precision, target="cpu", **changes):
    config = parse_deepseek_v2_config({**TINY_CONFIG, **changes})
    plan = QuantizationPlan.of(
        ExportConfig(precision, block_size=16, asked_expert_block_size=32, target=target)
    )
    return build_deepseek_v2(config, plan, RandomWeights(0), "test").graph


def interface_of(values):
    return {value.name: (value.dtype, [_plain(d) for d in value.shape]) for value in values}


def _plain(dimension):
    return dimension if isinstance(dimension, int) else dimension.value


@pytest.mark.parametrize("precision", ["fp32", "int8", "int4"])
def test_inputs_and_outputs_are_what_the_engine_binds(precision):
    graph = build(precision)

    int64, float32 = ir.DataType.INT64, ir.DataType.FLOAT
    assert interface_of(graph.inputs) == {
        "input_ids": (int64, ["num_tokens"]),
        "position_ids": (int64, ["num_tokens"]),
        "total_length": (int64, [1]),
        "num_logits": (int64, [1]),
        **{f"past.{i}": (float32, CACHE) for i in range(3)},
    }
    assert interface_of(graph.outputs) == {
        "logits": (float32, ["num_logits", 320]),
        **{f"present.{i}": (float32, CACHE) for i in range(3)},
    }


@pytest.mark.parametrize("precision", ["fp32", "int4"])
def test_attention_reads_the_cache_where_it_lies(precision):
    """A node between would copy all rows, for every token."""
    writes = [node for node in build(precision) if node.op_type == "ScatterND"]

    readers = {reader.node.op_type for node in writes for reader in node.outputs[0].uses()}

    assert len(writes) == 3
    assert readers == {"FusedMatMul", "MatMul"}


def test_nodes_and_weights_are_named_after_the_checkpoint():
    nodes = {node.name for node in build("fp32")}
    weights = set(build("fp32").initializers)

    assert "/model/layers.0/self_attn/q_proj/Gemm" in nodes
    assert "/model/layers.2/mlp/experts/MoE" in nodes
    assert "/lm_head/Gemm" in nodes
    assert "model.layers.0.self_attn.q_proj.weight" in weights
    assert "model.layers.1.mlp.shared_experts.down_proj.weight" in weights


def test_rounded_nodes_and_weights_keep_the_names():
    nodes = {node.name for node in build("int4")}
    weights = set(build("int4").initializers)

    assert "/model/layers.0/self_attn/q_proj/MatMulNBits" in nodes
    assert "/model/layers.2/mlp/experts/QMoE" in nodes
    assert "model.layers.0.self_attn.q_proj.weight.quantized" in weights
    assert "model.layers.0.self_attn.q_proj.weight.scales" in weights


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_tied_embeddings_are_stored_once(precision):
    def vocabulary_bytes(graph):
        stored = [value.const_value for value in graph.initializers.values()]
        return sum(tensor.nbytes for tensor in stored if tensor.shape[:1] == ir.Shape([320]))

    apart, tied = (build(precision, tie_word_embeddings=tied) for tied in (False, True))

    assert vocabulary_bytes(tied) * 2 == vocabulary_bytes(apart)


def test_four_bits_spare_what_every_token_passes_through():
    graph = build("int4")

    bits = {
        node.name: node.attributes["bits"].value for node in graph if node.op_type == "MatMulNBits"
    }

    assert bits["/model/layers.1/self_attn/kv_a_proj_with_mqa/MatMulNBits"] == 8
    assert bits["/lm_head/MatMulNBits"] == 8
    assert bits["/model/layers.1/self_attn/o_proj/MatMulNBits"] == 8
    assert bits["/model/layers.1/mlp/shared_experts/up_proj/MatMulNBits"] == 4
    assert {bits[name] for name in bits if name.startswith("/model/layers.0/")} == {8}


def test_four_bits_have_zero_points_on_the_processor_and_none_for_cuda():
    for target, has_zero_points in (("cpu", True), ("cuda", False)):
        nodes = list(build("int4", target=target))

        fours = [n for n in nodes if "bits" in n.attributes and n.attributes["bits"].value == 4]
        experts = [node for node in nodes if node.op_type == "QMoE"]
        assert fours
        assert experts
        assert {len(node.inputs) == 4 for node in fours} == {has_zero_points}
        for node in experts:
            assert [value is not None for value in node.inputs[11:13]] == [has_zero_points] * 2


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_blocks_of_experts_that_cuda_lacks_are_refused_after_fitting(precision):
    narrow = {"moe_intermediate_size": 48, "hidden_size": 64}
    build(precision, **narrow)

    with pytest.raises(ConfigError, match="a multiple of 32 is needed"):
        build(precision, target="cuda", **narrow)


def test_a_manifest_names_the_recipe(tiny_hf, tmp_path):
    for config, recipe in (
        (ExportConfig("int4"), "int4"),
        (ExportConfig("int4", target="cuda"), "int4-symmetric"),
        (ExportConfig("int8"), "int8"),
        (ExportConfig("fp32"), "fp32"),
    ):
        out_dir = export_quietly(tiny_hf, tmp_path / f"{recipe}-{config.target}", config)

        assert ModelFolder.read(out_dir).manifest.recipe == recipe
