import json

import pytest
from click.testing import CliRunner

from bench.exactness import command

pytestmark = pytest.mark.reference


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_exactness_is_measured_as_the_issue_names_it(mini_hf, tmp_path, precision):
    path = tmp_path / "results" / "exactness.json"
    arguments = ["--json", path, "--prompts", 2, "--model", mini_hf, "--precision", precision]

    result = CliRunner().invoke(command, [str(argument) for argument in arguments])

    assert result.exit_code == 0, result.output
    document = json.loads(path.read_text())
    for figures in (
        document,
        document["tiny_with_yarn"],
        document["tiny_llama"],
        document["tiny_qwen2"],
    ):
        assert figures["prompts"] == 2
        assert figures["precision"] == precision
        if precision == "fp32":
            assert figures["max_abs_logit_error"] < 1e-3
            assert figures["after_rewind_max_abs_error"] < 1e-3
            assert figures["greedy_mismatches"] == 0
            assert figures["tokens"] == 64 or figures["near_ties"] > 0
        else:
            assert figures["max_abs_logit_error"] > 1e-2
            assert 0.5 < figures["agreement_rate"] <= 1.0


def test_a_missing_model_is_named(tmp_path):
    arguments = ["--json", tmp_path / "out.json", "--model", tmp_path / "none"]

    result = CliRunner().invoke(command, [str(argument) for argument in arguments])

    assert result.exit_code == 1
    assert "config.json is missing" in str(result.exception)
