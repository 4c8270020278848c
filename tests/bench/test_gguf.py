"""A checkpoint as GGUF: what llama.cpp's loader must find in the file."""

import json
from pathlib import Path

import gguf
import numpy as np
import pytest
from click.testing import CliRunner

from bench.__main__ import main
from bench.errors import BenchError
from bench.gguf import write_gguf
from bench.gguf_verify import Agreement
from bench.tokenization import sample_texts
from onnx_export.checkpoint import Checkpoint
from onnx_export.config import CONFIG_NAME
from onnx_export.deepseek_v2_config import read_deepseek_v2_config
from onnx_export.json_file import read_json
from onnx_export.random_weights import RandomWeights
from testing.tiny_checkpoint import (
    TINY_CONFIG,
    tiny_tensors,
    write_json,
    write_tiny_checkpoint,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny"))


def write(folder, path, kind="f32"):
    with Checkpoint(folder) as weights:
        config = read_deepseek_v2_config(folder / CONFIG_NAME)
        write_gguf(path, "tiny", config, weights, folder / "tokenizer.json", kind)
    return gguf.GGUFReader(path)


def tensors_of(reader):
    return {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in reader.tensors}


def value_of(reader, name):
    return reader.fields[name].contents()


def test_the_header_says_what_the_loader_cannot_guess(folder, tmp_path):
    reader = write(folder, tmp_path / "tiny.gguf")

    expected = {
        "general.architecture": "deepseek2",
        "deepseek2.attention.q_lora_rank": 0,
        "deepseek2.attention.head_count_kv": 1,
        "deepseek2.attention.key_length": 32 + 64,
        "deepseek2.attention.key_length_mla": 128 + 64,
        "deepseek2.leading_dense_block_count": 1,
        "deepseek2.expert_shared_count": 2,
        "deepseek2.expert_weights_scale": 1.5,
        "deepseek2.rope.scaling.type": "yarn",
        "deepseek2.rope.scaling.factor": 40,
        "deepseek2.rope.scaling.original_context_length": 4096,
        "tokenizer.ggml.fim_pre_token_id": 3,
        "tokenizer.ggml.fim_suf_token_id": 2,
        "tokenizer.ggml.fim_mid_token_id": 4,
        "tokenizer.ggml.add_bos_token": True,
    }
    assert {name: value_of(reader, name) for name in expected} == expected
    log_mul = value_of(reader, "deepseek2.rope.scaling.yarn_log_multiplier")
    assert log_mul == pytest.approx(0.0707)


def test_tensors_are_the_checkpoint_s_in_another_arrangement(folder, tmp_path):
    found = tensors_of(write(folder, tmp_path / "tiny.gguf"))
    source = tiny_tensors()

    attention = source["model.layers.1.self_attn.kv_b_proj.weight"].reshape(2, 128 + 48, 32)
    experts = [source[f"model.layers.2.mlp.experts.{i}.up_proj.weight"] for i in range(8)]
    expected = {
        "token_embd.weight": source["model.embed_tokens.weight"],
        "output.weight": source["lm_head.weight"],
        "blk.0.ffn_down.weight": source["model.layers.0.mlp.down_proj.weight"],
        "blk.1.attn_k_b.weight": attention[:, :128].transpose(0, 2, 1),
        "blk.1.attn_v_b.weight": attention[:, 128:],
        "blk.2.ffn_gate_inp.weight": source["model.layers.2.mlp.gate.weight"],
        "blk.2.ffn_up_exps.weight": np.stack(experts),
    }
    for name, tensor in expected.items():
        np.testing.assert_array_equal(found[name], tensor, err_msg=name)
    num_values = sum(tensor.size for tensor in source.values())
    assert sum(tensor.size for tensor in found.values()) == num_values


def test_fused_experts_make_the_same_file(folder, tmp_path):
    fused = write_tiny_checkpoint(tmp_path / "fused", "fused")

    write(folder, tmp_path / "apart.gguf")
    write(fused, tmp_path / "fused.gguf")

    assert (tmp_path / "fused.gguf").read_bytes() == (tmp_path / "apart.gguf").read_bytes()


def test_norms_and_gates_stay_exact_when_the_rest_is_quantized(folder, tmp_path):
    reader = write(folder, tmp_path / "tiny.gguf", "q8_0")
    types = {tensor.name: tensor.tensor_type.name for tensor in reader.tensors}
    found, source = tensors_of(reader), tiny_tensors()

    assert types["blk.1.ffn_gate_inp.weight"] == types["output_norm.weight"] == "F32"
    assert types["blk.1.ffn_up_exps.weight"] == types["token_embd.weight"] == "Q8_0"
    embedding = source["model.embed_tokens.weight"]
    assert np.abs(found["token_embd.weight"] - embedding).max() < np.abs(embedding).max() / 127


def test_made_up_weights_are_the_exporter_s(folder, tmp_path):
    config = read_deepseek_v2_config(folder / CONFIG_NAME).with_layers(2)
    path = tmp_path / "random.gguf"

    write_gguf(path, "random", config, RandomWeights(5), folder / "tokenizer.json", "f32")

    found = tensors_of(gguf.GGUFReader(path))
    name = "model.layers.1.mlp.experts.3.gate_proj.weight"
    expected = RandomWeights(5).find(name, (32, 64)).read()
    np.testing.assert_array_equal(found["blk.1.ffn_gate_exps.weight"][3], expected)


def test_two_mscales_are_refused_since_llama_cpp_has_one(folder, tmp_path):
    scaling = {**TINY_CONFIG["rope_scaling"], "mscale": 1.0}
    write_json(tmp_path / CONFIG_NAME, {**TINY_CONFIG, "rope_scaling": scaling})
    config = read_deepseek_v2_config(tmp_path / CONFIG_NAME)

    tokenizer = folder / "tokenizer.json"
    with pytest.raises(BenchError, match="mscale"):
        write_gguf(tmp_path / "x.gguf", "x", config, RandomWeights(0), tokenizer, "f32")


def test_a_tokenizer_without_fim_tokens_is_refused(folder, tmp_path):
    document = read_json(folder / "tokenizer.json", BenchError, "the tokenizer")
    write_json(tmp_path / "tokenizer.json", {**document, "added_tokens": []})
    config = read_deepseek_v2_config(folder / CONFIG_NAME)

    tokenizer = tmp_path / "tokenizer.json"
    with pytest.raises(BenchError, match="fim"):
        write_gguf(tmp_path / "x.gguf", "x", config, RandomWeights(0), tokenizer, "f32")


def agreement(largest_gap, num_agreeing=700):
    return Agreement(24, 20, 2, 1200, largest_gap, 768, num_agreeing)


@pytest.mark.parametrize(
    ("kind", "gap", "exit_code"),
    [("f32", 5e-4, 0), ("f32", 0.1, 1), ("q8_0", 0.1, 0), ("q8_0", 2.0, 1)],
)
def test_a_model_that_llama_server_computes_otherwise_fails_the_command(
    folder, tmp_path, monkeypatch, kind, gap, exit_code
):
    monkeypatch.setattr("bench.gguf_verify.verify_gguf", lambda *_: agreement(gap))
    arguments = ["gguf", folder, tmp_path / "out.gguf", "--type", kind, "--verify", tmp_path]

    result = CliRunner().invoke(main, [str(argument) for argument in arguments])

    assert result.exit_code == exit_code, result.output
    assert ("is not the model in" in result.output) == (exit_code == 1)


@pytest.mark.parametrize(("minimum", "exit_code"), [("0.9", 0), ("0.95", 1)])
def test_agreement_with_llama_server_is_a_share_of_tokens(
    folder, tmp_path, monkeypatch, minimum, exit_code
):
    path = tmp_path / "tiny.gguf"
    write(folder, path, "q8_0")
    monkeypatch.setattr("bench.gguf_agreement.verify_gguf", lambda *_: agreement(0.3))
    monkeypatch.setattr("bench.gguf_agreement.find_llama_server", lambda: Path("llama-server"))
    monkeypatch.setattr("bench.gguf_agreement.llama_server_version", lambda _: "1")
    arguments = ["gguf-agreement", path, "--minimum", minimum, "--json", tmp_path / "x.json"]

    result = CliRunner().invoke(main, [str(argument) for argument in arguments])

    assert result.exit_code == exit_code, result.output
    document = json.loads((tmp_path / "x.json").read_text())
    assert (document["agreeing_share"], document["num_tokens"]) == (0.9115, 768)


def test_texts_of_many_languages_are_sampled(tmp_path):
    for name in ("a.py", "b.go", "c.unknown"):
        (tmp_path / name).write_text("".join(f"line {i}\n" for i in range(500)))
    (tmp_path / "d.rs").write_bytes(b"\xff\xfe")

    texts = list(sample_texts([tmp_path], 100))

    assert {language for language, _ in texts} == {"python", "go"}
    counts = {n: sum(t.count("\n") for name, t in texts if name == n) for n in ("python", "go")}
    assert counts == {"python": 20, "go": 20}
    assert any(text.count("\n") > 1 for _, text in texts)
