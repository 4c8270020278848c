from pathlib import Path

import pytest

from coder_lsp.models.model_folder import ModelFolder
from onnx_export.config import ExportConfig
from onnx_export.errors import ConfigError
from onnx_export.export import Labels, MadeUp, export
from onnx_export.model_types import parse_model_config, read_model_config
from onnx_export.parameter_count import num_parameters
from testing.parity import Sequence, load_runner
from testing.tiny_llama import TINY_LLAMA_CONFIG, write_tiny_llama

BENCH = Path(__file__).parents[2] / "bench"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attention_bias": True}, "attention_bias must be False and is True"),
        ({"mlp_bias": True}, "mlp_bias must be False"),
        ({"hidden_act": "gelu"}, "hidden_act must be 'silu' and is 'gelu'. This exporter knows Ll"),
        ({"num_key_value_heads": 3}, r"num_attention_heads \(4\) must be a multiple .* is 3"),
        ({"num_key_value_heads": 0}, "which is 0"),
        ({"num_attention_heads": 0}, "num_attention_heads must be positive"),
        ({"head_dim": 24}, "head_dim must be a multiple of 16 and is 24"),
        ({"hidden_size": 72}, "head_dim must be a multiple of 16 and is 18"),
        ({"rope_scaling": {"type": "llama3"}}, "'llama3' are not supported; 'default' and 'linea"),
        ({"rope_scaling": {"type": "linear"}}, "the field factor is missing"),
        ({"rope_scaling": {"type": "linear", "factor": 0}}, "must be at least 1 and is 0"),
        ({"bos_token_id": ["a"]}, "bos_token_id must be of type int, found 'a'"),
    ],
)
def test_what_the_exporter_does_not_know_is_refused_by_name(changes, message):
    with pytest.raises(ConfigError, match=message):
        parse_model_config({**TINY_LLAMA_CONFIG, **changes})


def test_absent_fields_are_what_transformers_takes_them_for():
    absent = ("num_key_value_heads", "rope_scaling", "hidden_act", "tie_word_embeddings")
    config = parse_model_config({k: v for k, v in TINY_LLAMA_CONFIG.items() if k not in absent})

    assert (config.num_key_value_heads, config.head_dim) == (4, 16)
    assert (config.rope_factor, config.tie_word_embeddings) == (1.0, False)


def test_both_spellings_of_rotary_settings_mean_the_same():
    newer = {k: v for k, v in TINY_LLAMA_CONFIG.items() if k not in {"rope_theta", "rope_scaling"}}
    newer["rope_parameters"] = {"rope_type": "linear", "factor": 4.0, "rope_theta": 100000.0}

    assert parse_model_config(newer) == parse_model_config(TINY_LLAMA_CONFIG)


def test_the_benchs_config_has_as_many_parameters_as_deepseek_coder_1_3b():
    config = read_model_config(BENCH / "deepseek_coder_1_3b_config.json")

    assert num_parameters(config) == 1_346_471_936


def test_random_weights_take_the_place_of_a_checkpoint(tmp_path):
    source = MadeUp(write_tiny_llama(tmp_path / "hf") / "config.json", num_layers=2, seed=5)
    export(source, tmp_path / "out", ExportConfig("int4"), Labels(), lambda *_: None)

    assert ModelFolder.read(tmp_path / "out").manifest.cache.num_layers == 2
    assert Sequence(load_runner(tmp_path / "out"), 8).append([1, 2, 3]).shape == (3, 272)
