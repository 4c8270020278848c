import json

import pytest

from onnx_export.config import ExportConfig
from onnx_export.errors import ConfigError
from onnx_export.model_types import parse_model_config, read_model_config
from testing.tiny_checkpoint import TINY_CONFIG

YARN = TINY_CONFIG["rope_scaling"]


def check_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        parse_model_config({**TINY_CONFIG, **changes})


def without(name):
    return {key: value for key, value in TINY_CONFIG.items() if key != name}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "gemma"}, "must be 'deepseek_v2' or 'llama' or 'qwen2' and is 'gemma'"),
        ({"q_lora_rank": 1536}, "q_lora_rank must be None and is 1536"),
        ({"topk_method": "group_limited_greedy"}, "topk_method must be 'greedy'"),
        ({"scoring_func": "sigmoid"}, "scoring_func must be 'softmax'"),
        ({"norm_topk_prob": True}, "norm_topk_prob must be False"),
        ({"attention_bias": True}, "attention_bias must be False"),
        ({"hidden_act": "gelu"}, "hidden_act must be 'silu'"),
        ({"moe_layer_freq": 2}, "moe_layer_freq must be 1"),
        ({"num_key_value_heads": 1}, r"num_key_value_heads must equal num_attention_heads \(2\)"),
        ({"rope_scaling": {**YARN, "type": "longrope"}}, "type 'longrope' are not supported"),
        ({"rope_scaling": {"type": "yarn"}}, "the field factor is missing"),
        ({"rope_scaling": {**YARN, "truncate": False}}, "truncate set to false"),
        ({"rope_scaling": [40]}, "rope parameters must be an object"),
        ({"hidden_size": "64"}, "hidden_size must be of type int, found '64'"),
        ({"vocab_size": True}, "vocab_size must be of type int, found True"),
        ({"num_hidden_layers": 0}, "num_hidden_layers must be positive"),
        ({"qk_rope_head_dim": 63}, "qk_rope_head_dim must be even"),
        ({"num_experts_per_tok": 9}, "num_experts_per_tok is 9, but there are 8"),
        ({"eos_token_id": "1"}, "eos_token_id must be of type int, found '1'"),
    ],
)
def test_what_the_exporter_does_not_know_is_refused_by_name(changes, message):
    check_refused(changes, message)


def test_an_absent_q_lora_rank_is_not_taken_for_none():
    with pytest.raises(ConfigError, match="q_lora_rank must be None and is nothing"):
        parse_model_config(without("q_lora_rank"))


def test_a_missing_field_is_named():
    with pytest.raises(ConfigError, match="the field kv_lora_rank is missing"):
        parse_model_config(without("kv_lora_rank"))


def test_both_spellings_of_rotary_settings_mean_the_same():
    newer = without("rope_scaling")
    del newer["rope_theta"]
    newer["rope_parameters"] = {**YARN, "rope_type": "yarn", "rope_theta": 10000.0}

    assert parse_model_config(newer) == parse_model_config(TINY_CONFIG)


def test_no_rotary_settings_mean_plain_rotation():
    assert parse_model_config({**TINY_CONFIG, "rope_scaling": None}).yarn is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"config\.json is missing; it is needed for the model's architecture"),
        ("{", r"config\.json cannot be read as JSON"),
        ("[]", "should hold a JSON object, found list"),
        (b"\xff\xfe", "cannot be read as JSON"),
    ],
)
def test_an_unreadable_config_is_named(tmp_path, content, message):
    path = tmp_path / "config.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(ConfigError, match=message):
        read_model_config(path)


def test_a_config_is_read_from_its_file(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(TINY_CONFIG))

    assert read_model_config(path) == parse_model_config(TINY_CONFIG)


@pytest.mark.parametrize("block_size", [0, 8, 24, 48, 512, -32])
def test_a_block_size_that_no_kernel_has_is_refused(block_size):
    with pytest.raises(ConfigError, match="a power of two from 16 to 256"):
        ExportConfig("int4", block_size)


@pytest.mark.parametrize("context_length", [0, -1, 163841])
def test_a_context_beyond_the_model_is_refused(context_length):
    config = ExportConfig("fp32", context_length=context_length)

    with pytest.raises(ConfigError, match="sets max_position_embeddings to 163840"):
        config.resolve_context_length(parse_model_config(TINY_CONFIG))


@pytest.mark.parametrize("num_layers", [0, 4])
def test_a_cut_to_more_layers_than_there_are_is_refused(num_layers):
    with pytest.raises(ConfigError, match="The model has 3 layers"):
        parse_model_config(TINY_CONFIG).with_layers(num_layers)
