"""A GGUF file becomes the same model folder as the checkpoint that it was made from."""

import json

import gguf
import numpy as np
import onnx_ir as ir
import pytest
from click.testing import CliRunner
from gguf import GGMLQuantizationType as Kind

from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.tokenizer import Tokenizer
from onnx_export.cli import command
from onnx_export.config import ExportConfig
from onnx_export.export import Labels, export
from onnx_export.source import open_source
from testing.parity import Sequence, load_runner
from testing.tiny_checkpoint import write_tiny_checkpoint
from testing.tiny_gguf import tiny_gguf
from testing.tiny_llama import write_tiny_llama
from testing.tiny_qwen2 import write_tiny_qwen2
from tests.onnx_export.conftest import export_quietly

# Rows of at least 32 weights, so that all of them have blocks; head_dim stays a multiple of 16.
CHECKPOINTS = {
    "deepseek_v2": write_tiny_checkpoint,
    "llama": write_tiny_llama,
    "llama, tied": lambda folder: write_tiny_llama(folder, tie_word_embeddings=True, head_dim=48),
    "qwen2, tied": write_tiny_qwen2,
    "qwen2": lambda folder: write_tiny_qwen2(folder, tie_word_embeddings=False),
}


@pytest.fixture(params=CHECKPOINTS)
def hf_dir(request, tmp_path):
    return CHECKPOINTS[request.param](tmp_path / "hf")


def export_file(path, out_dir, config=None):
    source = open_source(path)
    config = config or ExportConfig("fp32")
    export(source, out_dir, config, Labels(), lambda *_: None)
    return out_dir


def check_same_model(found, expected):
    for name in ("model.onnx", "model.onnx.data"):
        assert (found / name).read_bytes() == (expected / name).read_bytes(), name


def test_a_file_in_float32_becomes_the_checkpoints_folder_bit_for_bit(hf_dir, tmp_path):
    path = tiny_gguf(hf_dir).write(tmp_path / "tiny.gguf")

    found = export_file(path, tmp_path / "gguf")

    check_same_model(found, export_quietly(hf_dir, tmp_path / "expected"))
    manifest = ModelFolder.read(found).manifest
    expected = ModelFolder.read(tmp_path / "expected").manifest
    for part in ("architecture", "cache", "fim", "num_generable_ids", "context_length"):
        assert getattr(manifest, part) == getattr(expected, part), part
    assert manifest.source.model.startswith("Tiny ")


def test_both_namings_of_attn_kv_b_are_the_same_model(tmp_path):
    hf_dir = write_tiny_checkpoint(tmp_path / "hf")
    for splits_kv_b in (True, False):
        path = tiny_gguf(hf_dir, splits_kv_b=splits_kv_b).write(tmp_path / f"{splits_kv_b}.gguf")
        export_file(path, tmp_path / f"out-{splits_kv_b}")

    check_same_model(tmp_path / "out-True", tmp_path / "out-False")
    check_same_model(tmp_path / "out-True", export_quietly(hf_dir, tmp_path / "expected"))


def test_halves_of_attn_kv_b_with_two_axes_are_the_same_model(tmp_path):
    hf_dir = write_tiny_checkpoint(tmp_path / "hf")
    content = tiny_gguf(hf_dir)
    for name, tensor in content.tensors.items():
        if name.endswith(("attn_k_b.weight", "attn_v_b.weight")):
            content.tensors[name] = tensor.reshape(-1, tensor.shape[-1])

    found = export_file(content.write(tmp_path / "tiny.gguf"), tmp_path / "out")

    check_same_model(found, export_quietly(hf_dir, tmp_path / "expected"))


@pytest.mark.parametrize("kind", [Kind.Q4_0, Kind.Q8_0], ids=lambda kind: kind.name)
def test_kept_blocks_equal_the_dequantized_weights_exactly(hf_dir, tmp_path, kind):
    path = tiny_gguf(hf_dir).write(tmp_path / "tiny.gguf", kind)

    floats = export_file(path, tmp_path / "floats")
    kept = export_file(path, tmp_path / "kept", ExportConfig("keep"))

    expected = tensors_of(floats)
    compared = 0
    for name, bits, restored in restored_weights(kept):
        assert bits == {Kind.Q4_0: 4, Kind.Q8_0: 8}[kind], name
        np.testing.assert_array_equal(restored, expected[name], err_msg=name)
        compared += restored.size
    assert (
        compared > sum(t.size for n, t in expected.items() if t.ndim > 1 and "rotary" not in n) / 2
    )
    manifest = ModelFolder.read(kept).manifest
    assert (manifest.precision, manifest.recipe) == ({4: "int4", 8: "int8"}[bits], "keep")
    assert np.isfinite(Sequence(load_runner(kept), 8).append([1, 2, 3])).all()


def tensors_of(folder):
    model = ir.load(folder / "model.onnx")
    return {name: v.const_value.numpy() for name, v in model.graph.initializers.items()}


def restored_weights(folder):
    """Yield the name, the bits and the weights of each quantized tensor, computed here anew."""
    tensors = tensors_of(folder)
    for name, integers in tensors.items():
        if not name.endswith(".quantized"):
            continue
        stem = name.removesuffix(".quantized")
        scales = tensors[f"{stem}.scales"].astype(np.float32)
        bits = 8 * integers.size // (32 * scales.size)
        values = integers.reshape(-1)
        if bits == 4:
            values = np.stack([values & 15, values >> 4], axis=-1).reshape(-1)
        steps = values.astype(np.float32).reshape(*scales.shape, 32) - 2 ** (bits - 1)
        yield stem, bits, (steps * scales[..., None]).reshape(*scales.shape[:-1], -1)


def test_what_is_not_in_blocks_is_kept_in_eight_bits(tmp_path):
    content = tiny_gguf(write_tiny_llama(tmp_path / "hf"))
    kinds = {"output.weight": Kind.F16, "blk.1.ffn_up.weight": Kind.Q5_0}
    path = content.write(tmp_path / "tiny.gguf", Kind.Q4_0, kinds)

    kept = export_file(path, tmp_path / "kept", ExportConfig("keep"))

    bits = {name: bits for name, bits, _ in restored_weights(kept)}
    assert bits["lm_head.weight"] == bits["model.layers.1.mlp.up_proj.weight"] == 8
    assert bits["model.layers.0.mlp.up_proj.weight"] == bits["model.embed_tokens.weight"] == 4


def test_experts_of_two_types_are_kept_in_eight_bits_together(tmp_path):
    content = tiny_gguf(write_tiny_checkpoint(tmp_path / "hf"))
    kinds = {"blk.1.ffn_down_exps.weight": Kind.Q8_0}
    path = content.write(tmp_path / "tiny.gguf", Kind.Q4_0, kinds)

    kept = export_file(path, tmp_path / "kept", ExportConfig("keep"))

    bits = {name: bits for name, bits, _ in restored_weights(kept)}
    for name in ("gate_up_proj", "down_proj"):
        assert bits[f"model.layers.1.mlp.experts.{name}"] == 8
        assert bits[f"model.layers.2.mlp.experts.{name}"] == 4
    assert np.isfinite(Sequence(load_runner(kept), 8).append([1, 2, 3])).all()


@pytest.mark.parametrize(
    "kind",
    [Kind.F16, Kind.BF16, Kind.Q4_1, Kind.Q5_0, Kind.Q5_1, Kind.Q8_0],
    ids=lambda kind: kind.name,
)
def test_other_types_are_dequantized_as_the_gguf_package_does(tmp_path, kind):
    content = tiny_gguf(write_tiny_qwen2(tmp_path / "hf"))
    path = content.write(tmp_path / "tiny.gguf", kind)

    found = tensors_of(export_file(path, tmp_path / "out"))

    stored = {t.name: t for t in gguf.GGUFReader(path).tensors}["blk.1.ffn_down.weight"]
    expected = gguf.quants.dequantize(stored.data, stored.tensor_type)
    np.testing.assert_array_equal(found["model.layers.1.mlp.down_proj.weight"], expected)


def test_blocks_that_the_asked_precision_has_too_are_carried_over(tmp_path):
    path = tiny_gguf(write_tiny_qwen2(tmp_path / "hf")).write(tmp_path / "tiny.gguf", Kind.Q8_0)

    int8 = export_file(path, tmp_path / "int8", ExportConfig("int8"))

    expected = tensors_of(export_file(path, tmp_path / "floats"))
    for name, _, restored in restored_weights(int8):
        np.testing.assert_array_equal(restored, expected[name], err_msg=name)


def test_a_split_model_is_read_from_its_parts(tmp_path):
    hf_dir = write_tiny_qwen2(tmp_path / "hf")
    content = tiny_gguf(hf_dir)
    names = list(content.tensors)
    for number, part in enumerate((names[:9], names[9:20], names[20:])):
        split = {"split.no": number, "split.count": 3, "split.tensors.count": len(names)}
        metadata = {**(content.metadata if number == 0 else {}), **split}
        metadata["general.architecture"] = "qwen2"
        tensors = {name: content.tensors[name] for name in part}
        type(content)(metadata, tensors).write(tmp_path / f"tiny-{number + 1:05}-of-00003.gguf")

    found = export_file(tmp_path / "tiny-00001-of-00003.gguf", tmp_path / "out")

    check_same_model(found, export_quietly(hf_dir, tmp_path / "expected"))


def test_the_tokenizer_is_that_of_the_checkpoint(hf_dir, tmp_path):
    path = tiny_gguf(hf_dir).write(tmp_path / "tiny.gguf")

    found = Tokenizer(export_file(path, tmp_path / "out") / "tokenizer.json")

    expected = Tokenizer(hf_dir / "tokenizer.json")
    text = "def f(x):\r\n\treturn 'ü' + \"日本\"  # 🙂 <｜fim▁hole｜> 12345\n\n\n"
    assert found.encode(text) == expected.encode(text)
    spelt = b"".join(map(found.token_bytes, found.encode(text)))
    assert spelt.decode() == text


@pytest.mark.parametrize(
    ("kind", "recipe"),
    [(Kind.Q4_0, "keep"), (Kind.Q8_0, "keep"), (Kind.Q5_0, "int8"), (Kind.F16, "int8")],
    ids=lambda value: getattr(value, "name", value),
)
def test_without_a_precision_blocks_are_kept_and_the_rest_gets_what_is_recommended(
    tmp_path, kind, recipe
):
    path = tiny_gguf(write_tiny_qwen2(tmp_path / "hf")).write(tmp_path / "tiny.gguf", kind)

    result = CliRunner().invoke(command, [str(path), str(tmp_path / "out")])

    assert result.exit_code == 0, result.output
    assert ModelFolder.read(tmp_path / "out").manifest.recipe == recipe
    inspected = CliRunner().invoke(command, [str(path), "--inspect", "--json"])
    assert json.loads(inspected.output)["default_precision"] == recipe


def test_a_file_is_described_by_its_header(tmp_path):
    content = tiny_gguf(write_tiny_checkpoint(tmp_path / "hf"))
    content.metadata |= {
        "general.name": "Tiny Coder",
        "general.finetune": "Instruct",
        "general.license": "apache-2.0",
    }
    path = content.write(tmp_path / "sha256-0123", Kind.Q4_0)

    found = json.loads(CliRunner().invoke(command, [str(path), "--inspect", "--json"]).output)

    expected = {
        "format": "gguf",
        "name": "Tiny Coder",
        "license": "apache-2.0",
        "model_type": "deepseek_v2",
        "num_parameters": sum(tensor.size for tensor in content.tensors.values()),
        "vocab_size": 320,
        "hidden_size": 64,
        "num_hidden_layers": 3,
        "context_length": 163840,
        "cache_bytes_per_token": 3 * 96 * 4,
        "size_bytes": path.stat().st_size,
        "has_fim": True,
        "is_instruct": True,
        "default_precision": "keep",
        "problem": None,
    }
    assert {name: found[name] for name in expected} == expected
    assert set(found["weight_types"]) == {"F32", "Q4_0"}
    text = CliRunner().invoke(command, [str(path), "--inspect"]).output
    assert "license: apache-2.0" in text


@pytest.mark.parametrize(
    ("fields", "is_instruct"),
    [
        ({"general.finetune": "Instruct"}, True),
        ({"general.name": "Coder Base"}, False),
        ({"tokenizer.chat_template": "{{ m }}", "tokenizer.ggml.eos_token_id": 258}, True),
        ({"tokenizer.chat_template": "{{ m }}"}, False),
        ({"tokenizer.ggml.eos_token_id": 258}, False),
        ({}, False),
    ],
)
def test_an_instruct_model_is_told_by_its_metadata(tmp_path, fields, is_instruct):
    content = tiny_gguf(write_tiny_qwen2(tmp_path / "hf"))
    content.metadata |= fields

    found = export_file(content.write(tmp_path / "tiny.gguf"), tmp_path / "out")

    assert ModelFolder.read(found).manifest.is_instruct is is_instruct


def test_linear_scaling_in_both_spellings_is_the_same_model(tmp_path):
    hf_dir = write_tiny_llama(tmp_path / "hf")
    content = tiny_gguf(hf_dir)
    for name in ("type", "factor"):
        del content.metadata[f"llama.rope.scaling.{name}"]
    content.metadata["llama.rope.scale_linear"] = 4.0

    found = export_file(content.write(tmp_path / "tiny.gguf"), tmp_path / "out")

    check_same_model(found, export_quietly(hf_dir, tmp_path / "expected"))
