"""The catalogue's sizes against the exporter's own count, and what is recommended when."""

import json

import pytest

from coder_lsp.engine.device.pace_probe import measure_pace
from coder_lsp.install.catalogue import (
    MachinePace,
    base_of,
    predict,
    read_catalogue,
    recommend,
)
from onnx_export.config import recommended_precision
from onnx_export.model_types import read_model_config
from onnx_export.parameter_count import num_active_parameters, num_parameters

MODELS = read_catalogue().models
BY_NAME = {model.name: model for model in MODELS}
FAST, SLOW = MachinePace(1e14, 1e13), MachinePace(1e9, 1e8)
REQUIRED = {
    "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "hidden_act": "silu", "q_lora_rank": None,
    "norm_topk_prob": False, "topk_method": "greedy", "n_group": 1, "topk_group": 1,
    "moe_layer_freq": 1, "scoring_func": "softmax", "routed_scaling_factor": 1.0,
    "attention_bias": False, "eos_token_id": 1, "bos_token_id": 0,
}  # fmt: skip


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_parameters_are_counted_as_the_exporter_counts_them(model, tmp_path):
    config = {name: getattr(model.config, name) for name in model.config.__slots__}
    config = {name: value for name, value in config.items() if value != 0 or name[0] == "t"}
    config |= REQUIRED | {"max_position_embeddings": model.context_length}
    config.setdefault("num_key_value_heads", model.config.num_attention_heads)
    (tmp_path / "config.json").write_text(json.dumps(config))
    exact = read_model_config(tmp_path / "config.json")

    assert model.config.num_parameters == num_parameters(exact)
    assert model.precision == recommended_precision(num_parameters(exact))
    tables = model.config.table_parameters
    assert model.config.active_layer_parameters + tables == num_active_parameters(exact)
    assert model.config.cache_bytes_per_token == exact.cache_values_per_token * 4


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("Qwen2.5-Coder-0.5B", 0.49),
        ("deepseek-coder-1.3b-base", 1.35),
        ("Qwen2.5-Coder-1.5B", 1.54),
        ("Qwen2.5-Coder-3B", 3.09),
        ("deepseek-coder-6.7b-base", 6.74),
        ("Qwen2.5-Coder-7B", 7.62),
        ("DeepSeek-Coder-V2-Lite-Base", 15.71),
    ],
)
def test_the_counts_are_those_that_were_published(name, billions):
    assert BY_NAME[name].config.num_parameters / 1e9 == pytest.approx(billions, abs=0.006)


def test_no_base_model_is_given_a_figure_of_a_relative():
    """What was measured so far were instruct models from files that had been rounded before."""
    for model in MODELS:
        assert model.quality is None or model.name in model.quality.measured_on


def test_a_licence_for_research_only_is_shown_and_never_recommended():
    restricted = BY_NAME["Qwen2.5-Coder-3B"]

    assert restricted.license == "qwen-research"
    assert recommend([restricted], 1 << 40, FAST) is None


def test_the_recommendation_follows_memory_and_pace():
    assert recommend(MODELS, 64 << 30, FAST) is MODELS[-1]
    assert recommend(MODELS, 64 << 30, SLOW) is MODELS[0]
    assert recommend(MODELS, 4 << 30, FAST) is BY_NAME["Qwen2.5-Coder-1.5B"]
    assert recommend(MODELS, 1 << 30, FAST) is None


def test_a_larger_model_is_predicted_to_be_slower():
    qwen = [predict(BY_NAME[f"Qwen2.5-Coder-{size}"], FAST) for size in ("0.5B", "1.5B", "7B")]

    assert qwen == sorted(qwen, key=lambda pace: -pace.decode_tokens_per_second)
    assert qwen == sorted(qwen, key=lambda pace: -pace.prefill_tokens_per_second)


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("qwen2.5-coder-0.5b-instruct-q4_k_m", "Qwen/Qwen2.5-Coder-0.5B"),
        ("Qwen2.5 Coder 1.5B Instruct AWQ", "Qwen/Qwen2.5-Coder-1.5B"),
        ("deepseek-coder-v2:16b", "deepseek-ai/DeepSeek-Coder-V2-Lite-Base"),
        ("DeepSeek-Coder-V2-Lite-Instruct", "deepseek-ai/DeepSeek-Coder-V2-Lite-Base"),
        ("deepseek-coder-6.7b-instruct", "deepseek-ai/deepseek-coder-6.7b-base"),
        ("someone-14b-instruct", None),
        ("model", None),
        ("", None),
    ],
)
def test_the_base_of_an_instruct_model_is_known_by_its_name(name, base):
    assert base_of(name) == base


def test_the_machine_is_measured():
    pace = measure_pace()

    assert pace.prefill_weights_per_second > 1e6
    assert pace.decode_bytes_per_second > 1e6
