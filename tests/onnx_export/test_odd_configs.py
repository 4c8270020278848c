"""Fields of ``config.json`` that are odd but harmless, and checkpoints of other tools."""

import json

import pytest
from click.testing import CliRunner

from coder_lsp.models.model_folder import ModelFolder
from onnx_export.cli import command
from onnx_export.errors import ConfigError, TokenizerError
from onnx_export.model_types import parse_model_config
from testing.tiny_checkpoint import (
    TINY_CONFIG,
    tiny_tokenizer,
    write_json,
    write_tiny_checkpoint,
)
from testing.tiny_llama import TINY_LLAMA_CONFIG, write_tiny_llama
from testing.tiny_qwen2 import TINY_QWEN2_CONFIG, write_tiny_qwen2
from tests.onnx_export.conftest import export_quietly


@pytest.mark.parametrize(
    "changes",
    [
        {"eos_token_id": [1, 7]},
        {"topk_method": "gready"},
        {"topk_method": None},
        {"bos_token_id": [0]},
        {"max_position_embeddings": 163840.0},
        {"hidden_act": "swish"},
        {"tie_word_embeddings": None},
        {"quantization_config": None},
        {"quantization_config": {}},
        {"rope_scaling": {**TINY_CONFIG["rope_scaling"], "rope_type": None}},
        {"first_k_dense_replace": 1.0, "routed_scaling_factor": 1.5},
    ],
)
def test_odd_fields_mean_the_same_as_the_usual_ones(changes):
    assert parse_model_config({**TINY_CONFIG, **changes}) == parse_model_config(TINY_CONFIG)


@pytest.mark.parametrize(
    "changes",
    [
        {"eos_token_id": [257, 3]},
        {"head_dim": None, "num_key_value_heads": 2.0},
        {"rope_theta": 100000.0},
        {"pretraining_tp": 1, "torch_dtype": "bfloat16", "use_cache": True},
    ],
)
def test_odd_fields_of_llama_mean_the_same(changes):
    found = parse_model_config({**TINY_LLAMA_CONFIG, **changes})

    assert found == parse_model_config(TINY_LLAMA_CONFIG)


@pytest.mark.parametrize(
    "changes",
    [
        {"use_sliding_window": None, "sliding_window": 131072, "max_window_layers": 28},
        {"layer_types": ["full_attention"] * 3},
        {"rope_scaling": None},
        {"rope_scaling": {"type": None}},
        {"eos_token_id": [256, 258]},
    ],
)
def test_odd_fields_of_qwen2_mean_the_same(changes):
    found = parse_model_config({**TINY_QWEN2_CONFIG, **changes})

    assert found == parse_model_config(TINY_QWEN2_CONFIG)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"use_sliding_window": True}, "use_sliding_window must be False and is True"),
        ({"layer_types": ["sliding_attention"] * 3}, "layer_types must all be 'full_attention'"),
        ({"rope_scaling": {"type": "yarn", "factor": 4.0}}, "'yarn' are not supported"),
        ({"hidden_act": "gelu"}, "hidden_act must be 'silu' and is 'gelu'"),
    ],
)
def test_what_qwen2_graphs_do_not_build_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        parse_model_config({**TINY_QWEN2_CONFIG, **changes})


@pytest.mark.parametrize("eos", [[257, 3], 257, None])
@pytest.mark.parametrize("bos", [None, 256])
def test_ids_that_the_config_does_not_name_come_from_the_tokenizer(tmp_path, bos, eos):
    hf_dir = write_tiny_llama(tmp_path / "hf", bos_token_id=bos, eos_token_id=eos)

    fim = ModelFolder.read(export_quietly(hf_dir, tmp_path / "out")).manifest.fim

    names = {
        t["content"]: t["id"]
        for t in json.loads((hf_dir / "tokenizer.json").read_text())["added_tokens"]
    }
    assert fim.bos == (names["<｜begin▁of▁sentence｜>"] if bos is None else bos)
    assert fim.eos == names["<｜end▁of▁sentence｜>"]


def test_without_any_bos_prompts_start_without_it(tmp_path):
    hf_dir = write_tiny_checkpoint(tmp_path / "hf")
    write_json(hf_dir / "config.json", {**TINY_CONFIG, "bos_token_id": None})

    assert ModelFolder.read(export_quietly(hf_dir, tmp_path / "out")).manifest.fim.bos is None


def test_without_any_end_of_text_a_model_is_refused(tmp_path):
    hf_dir = write_tiny_checkpoint(tmp_path / "hf")
    write_json(hf_dir / "config.json", {**TINY_CONFIG, "eos_token_id": []})

    with pytest.raises(TokenizerError, match="nothing would end a completion"):
        export_quietly(hf_dir, tmp_path / "out")


def test_qwen2_has_its_own_fim_tokens_and_no_bos(tmp_path):
    folder = ModelFolder.read(export_quietly(write_tiny_qwen2(tmp_path / "hf"), tmp_path / "out"))

    fim = folder.manifest.fim
    assert (fim.bos, fim.eos, fim.fim_begin, fim.fim_end, fim.fim_hole) == (
        None,
        256,
        259,
        260,
        261,
    )
    assert (fim.names.fim_begin, fim.names.fim_hole) == ("<|fim_prefix|>", "<|fim_suffix|>")
    assert folder.manifest.num_generable_ids == 262


ELSEWHERE = [
    ({"quantization_config": {"quant_method": "awq", "bits": 4}}, r"\(awq, 4 bits\)"),
    ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, r"\(gptq, 4 bits\)"),
    ({"quantization_config": {"quant_method": "fp8"}}, r"\(fp8\)"),
    ({"quantization_config": {"load_in_4bit": True}}, r"\(unknown method\)"),
    ({"compression_config": {"format": "pack-quantized"}}, r"\(pack-quantized\)"),
    ({"quantization": {"group_size": 64, "bits": 4}}, r"\(unknown method, 4 bits\)"),
    ({"quantization_config": "int8"}, r"\(int8\)"),
]


@pytest.mark.parametrize(("changes", "method"), ELSEWHERE)
def test_a_checkpoint_that_another_tool_quantized_is_refused(changes, method):
    for config in (TINY_CONFIG, TINY_LLAMA_CONFIG, TINY_QWEN2_CONFIG):
        with pytest.raises(
            ConfigError, match=f"{method} says that another tool.*Take the original"
        ):
            parse_model_config({**config, **changes})


@pytest.mark.parametrize(
    "name", ["quantize_config.json", "quant_config.json", "hf_quant_config.json"]
)
def test_a_file_of_another_quantizer_is_a_refusal_too(tmp_path, name):
    hf_dir = write_tiny_checkpoint(tmp_path / "hf")
    (hf_dir / name).write_text("{}")

    with pytest.raises(ConfigError, match=f"{name} says that another tool"):
        export_quietly(hf_dir, tmp_path / "out")


@pytest.mark.parametrize("option", [["--inspect", "--json"], ["--check"]])
def test_it_is_refused_before_the_weights_are_there(tmp_path, option):
    hf_dir = write_tiny_checkpoint(tmp_path / "hf")
    (hf_dir / "model.safetensors").unlink()
    write_json(hf_dir / "config.json", {**TINY_CONFIG, **ELSEWHERE[0][0]})
    folders = (
        [hf_dir] if "--inspect" in option else [hf_dir, tmp_path / "out", "--progress", "json"]
    )

    result = CliRunner().invoke(command, [*map(str, folders), *option])

    assert result.exit_code == 1
    assert "another tool has quantized" in json.loads(result.output)["message"]


@pytest.mark.parametrize(
    ("name", "config", "template", "is_instruct"),
    [
        ("deepseek-coder-1.3b-instruct", {}, False, True),
        ("Qwen2.5-Coder-0.5B-Instruct", {}, False, True),
        ("starchat", {}, False, False),
        ("model-chat-v1", {}, False, True),
        ("deepseek-coder-1.3b-base", {"eos_token_id": 269}, True, False),
        ("model", {"eos_token_id": 269}, True, True),
        ("model", {"eos_token_id": 269}, False, False),
        ("model", {}, True, False),
    ],
)
def test_instruct_models_are_told_by_name_or_by_what_ends_their_turn(
    tmp_path, name, config, template, is_instruct
):
    hf_dir = write_tiny_llama(tmp_path / name, **config)
    if template:
        write_json(hf_dir / "tokenizer_config.json", {"chat_template": "{{ messages }}"})

    manifest = ModelFolder.read(export_quietly(hf_dir, tmp_path / "out")).manifest

    assert manifest.is_instruct is is_instruct


def test_a_source_is_described_without_its_weights(tmp_path):
    hf_dir = write_tiny_checkpoint(tmp_path / "tiny")
    (hf_dir / "model.safetensors").unlink()
    tokenizer = tiny_tokenizer()

    found = json.loads(CliRunner().invoke(command, [str(hf_dir), "--inspect", "--json"]).output)

    assert (found["name"], found["model_type"], found["format"]) == (
        "tiny",
        "deepseek_v2",
        "safetensors",
    )
    assert (found["size_bytes"], found["has_fim"], found["problem"]) == (None, True, None)
    write_json(hf_dir / "tokenizer.json", {**tokenizer, "added_tokens": []})
    found = json.loads(CliRunner().invoke(command, [str(hf_dir), "--inspect", "--json"]).output)
    assert found["has_fim"] is False
    assert "no fill-in-the-middle tokens" in found["problem"]
