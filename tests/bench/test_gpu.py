"""What of the GPU bench can be tried without one: its comparison, its refusals, its report."""

import pytest
from click.testing import CliRunner

from bench.__main__ import main
from bench.gpu import command as gpu
from bench.gpu import parity
from bench.gpu.command import attempt
from bench.gpu.parity import compare
from coder_lsp.engine.device.hardware import inspect_memory
from coder_lsp.models.model_folder import ModelFolder


@pytest.fixture
def folder(any_tiny_folder):
    return ModelFolder.read(any_tiny_folder)


def test_a_model_equals_itself(folder):
    found = compare(folder, 1, ("cpu", "cpu"))

    assert (found.provider, found.reference_provider) == ("CPUExecutionProvider",) * 2
    # Read in other chunks, so not to the last bit.
    assert max(found.max_abs_logit_error, found.after_rewind_max_abs_error) < 1e-4
    assert not found.is_greedy_mismatch
    assert found.num_agreeing >= found.num_new_tokens - 1 or found.is_near_tie


def test_another_model_is_told_apart(folder, monkeypatch):
    class Other(parity.ModelRunner):
        def run(self, cache, token_ids, cancellation, num_logits=1):
            return super().run(cache, token_ids, cancellation, num_logits)[:, ::-1].copy()

    runners = iter([parity.ModelRunner, Other])

    def create(*arguments):
        return next(runners)(*arguments)

    monkeypatch.setattr(parity, "ModelRunner", create)
    found = compare(folder, 1, ("cpu", "cpu"))

    assert found.max_abs_logit_error > 0.1
    assert found.is_greedy_mismatch
    assert found.num_agreeing < found.num_new_tokens


def test_without_a_gpu_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "inspect_hardware", inspect_memory)
    result = CliRunner().invoke(main, ["gpu", "--json", str(tmp_path / "gpu.json")])

    assert result.exit_code == 1
    assert "There is no GPU to measure." in result.stderr
    assert not (tmp_path / "gpu.json").exists()


def test_what_fails_is_reported_in_its_own_words():
    def fail():
        raise RuntimeError("compute nodes have not been partitioned")

    assert attempt(dict) == {}
    assert attempt(fail) == {"failed": "RuntimeError: compute nodes have not been partitioned"}
