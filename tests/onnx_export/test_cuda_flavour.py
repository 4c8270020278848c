"""Graphs for CUDA, checked on the CPU: no test needs a GPU, and nothing here ran on one."""

import ml_dtypes
import numpy as np
import onnx_ir as ir
import pytest
from safetensors.numpy import load_file, save_file

from coder_lsp.models.model_folder import ModelFolder
from onnx_export.config import ExportConfig
from onnx_export.deepseek_v2_config import parse_deepseek_v2_config
from onnx_export.errors import ConfigError
from onnx_export.models.deepseek_v2 import build_deepseek_v2
from onnx_export.quantization_plan import QuantizationPlan
from onnx_export.random_weights import RandomWeights
from onnx_export.reference import Reference
from testing.parity import WAYS, Sequence, load_runner
from testing.tiny_checkpoint import TINY_CONFIG, write_tiny_checkpoint
from testing.tiny_llama import write_tiny_llama
from testing.tiny_qwen2 import write_tiny_qwen2
from tests.onnx_export.conftest import export_quietly

FP16 = ExportConfig("fp16", target="cuda")
TOLERANCE = 2e-2
"""Of the logits' spread, which is 2.3 here: a half has three digits, and so has what it sums up."""
NUM_NEW_TOKENS = 32
WRITERS = {
    "deepseek_v2": write_tiny_checkpoint,
    "llama": write_tiny_llama,
    "qwen2": write_tiny_qwen2,
}


@pytest.fixture(scope="module", params=WRITERS)
def checkpoint(request, tmp_path_factory):
    """A tiny checkpoint in bfloat16, as published ones are: halves hold its weights exactly."""
    hf_dir = WRITERS[request.param](tmp_path_factory.mktemp("bf16") / "hf")
    path = hf_dir / "model.safetensors"
    rounded = {name: t.astype(ml_dtypes.bfloat16) for name, t in load_file(path).items()}
    save_file(rounded, path)
    return hf_dir


@pytest.fixture(scope="module")
def exact(checkpoint):
    """The float32 export, which other tests hold to transformers."""
    return load_runner(export_quietly(checkpoint, checkpoint.parent / "fp32"))


@pytest.fixture(scope="module")
def half(checkpoint):
    return load_runner(export_quietly(checkpoint, checkpoint.parent / "fp16-cuda", FP16))


@pytest.fixture(scope="module")
def token_ids():
    return np.random.default_rng(3).integers(0, 250, 300).tolist()


@pytest.mark.parametrize("way", WAYS)
def test_halves_equal_the_exact_graph_however_it_is_read(exact, half, token_ids, way):
    expected = Sequence(exact, 300).append(token_ids)

    logits = way(Sequence(half, 300), token_ids)

    errors = np.abs(logits - expected).max(axis=-1) / expected.std()
    # A token whose next best expert is nearer than halves can tell may be given to that one.
    assert np.quantile(errors, 0.99) < TOLERANCE
    assert errors.max() < 2 * TOLERANCE


@pytest.mark.reference
def test_halves_equal_transformers(checkpoint, half, token_ids):
    expected = Reference(checkpoint).logits(token_ids)

    logits = Sequence(half, 300).append(token_ids)

    errors = np.abs(logits - expected).max(axis=-1) / expected.std()
    assert np.quantile(errors, 0.99) < TOLERANCE
    assert (logits.argmax(axis=-1) == expected.argmax(axis=-1)).mean() > 0.99


def write_greedily(runner, prompt):
    sequence = Sequence(runner, len(prompt) + NUM_NEW_TOKENS)
    written = [int(sequence.append(prompt, num_logits=1)[0].argmax())]
    while len(written) < NUM_NEW_TOKENS:
        written.append(int(sequence.append(written[-1:])[0].argmax()))
    return written


def test_halves_write_the_same_greedy_tokens(exact, half, token_ids):
    """But where the exact graph's two best are nearer than halves can tell."""
    num_compared = 0
    for start in range(0, 200, 40):
        prompt = token_ids[start : start + 40]
        written = write_greedily(half, prompt)
        logits = Sequence(exact, 100).append(prompt + written)[len(prompt) - 1 : -1]
        for token_id, row in zip(written, logits, strict=True):
            if token_id != row.argmax():
                assert row.max() - row[token_id] < TOLERANCE * row.std()
                break
            num_compared += 1

    assert num_compared > 120


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_rounded_weights_run_and_stay_near(checkpoint, exact, token_ids, tmp_path, precision):
    config = ExportConfig(precision, target="cuda")
    runner = load_runner(export_quietly(checkpoint, tmp_path / "out", config))

    expected = Sequence(exact, 300).append(token_ids)
    logits = Sequence(runner, 300).append(token_ids)

    limit = {"int8": 0.98, "int4": 0.6}[precision]
    assert np.corrcoef(logits.ravel(), expected.ravel())[0, 1] > limit


def test_the_manifest_tells_target_and_type_of_the_cache(checkpoint, half):
    manifest = ModelFolder.read(checkpoint.parent / "fp16-cuda").manifest

    assert (manifest.target, manifest.precision) == ("cuda", "fp16")
    assert manifest.cache.dtype == "float16"
    assert half.create_cache(1).nbytes == 256 * manifest.cache.num_layers * 2 * (
        manifest.cache.width
        if manifest.cache.kind == "latent"
        else 2 * manifest.cache.num_key_value_heads * manifest.cache.head_dim
    )


def build(config, **changes):
    model = parse_deepseek_v2_config({**TINY_CONFIG, **changes})
    plan = QuantizationPlan.of(config)
    return build_deepseek_v2(model, plan, RandomWeights(0), "test")


def test_nodes_have_what_the_kernels_for_cuda_take():
    """``accuracy_level`` of QMoE is unknown to ONNX Runtime 1.31, the newest for CUDA."""
    wide = {"hidden_size": 256, "moe_intermediate_size": 128}
    nodes = list(build(ExportConfig("int4", target="cuda"), **wide).graph)

    experts = [node for node in nodes if node.op_type == "QMoE"]
    assert {node.attributes["block_size"].value for node in experts} == {128}
    assert {node.attributes["weights_prepacked"].value for node in experts} == {0}
    products = [node for node in nodes if node.op_type == "MatMulNBits"]
    blocks = {(n.attributes["bits"].value, n.attributes["block_size"].value) for n in products}
    assert {(4, 32), (8, 128)} <= blocks
    for node in experts + products:
        assert "accuracy_level" not in node.attributes
        assert node.inputs[2].dtype in (ir.DataType.FLOAT16, ir.DataType.UINT8)
    assert all(node.inputs[2].dtype is ir.DataType.FLOAT16 for node in products)
    gates = [node for node in nodes if node.name.endswith("/mlp/gate/Gemm")]
    assert all(node.inputs[1].dtype is ir.DataType.FLOAT for node in gates)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "fp32"}, "Graphs for CUDA compute in float16; choose --precision fp16"),
        ({"precision": "int4", "block_size": 256}, "MatMulNBits on CUDA has no blocks of 256"),
        ({"precision": "int4", "asked_expert_block_size": 16}, "QMoE on CUDA has no blocks of 16"),
    ],
)
def test_what_cuda_cannot_do_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        ExportConfig(**options, target="cuda")
