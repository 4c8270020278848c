"""What of the GPU bench can be tried without one: its comparison, its refusals, its report."""

import types

import numpy as np
import onnx_ir as ir
import pytest
from click.testing import CliRunner
from onnxruntime import OrtValue

from bench.__main__ import main
from bench.gpu import command as gpu
from bench.gpu import parity
from bench.gpu.command import attempt
from bench.gpu.paged import BLOCK_SIZE, PagedSequence
from bench.gpu.parity import compare
from coder_lsp.engine.device.hardware import inspect_memory
from coder_lsp.models.model_folder import LatentLayout, ModelFolder
from onnx_export.config import ExportConfig
from onnx_export.export import HuggingFaceFolder, Labels, export
from onnx_export.model_folder import GRAPH_NAME
from tests.support.tiny_checkpoint import write_tiny_checkpoint


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


class Binding:
    """Takes what is bound; gives logits of as many tokens as were asked for."""

    def __init__(self):
        self.inputs = {}

    def bind_cpu_input(self, name, array):
        self.inputs[name] = array

    def bind_ortvalue_input(self, name, value):
        self.inputs[name] = value

    def bind_ortvalue_output(self, name, value):
        assert self.inputs[name.replace("present", "past")] is value  # in place

    def bind_output(self, name, device):
        assert (name, device) == ("logits", "cpu")

    def get_outputs(self):
        logits = np.zeros((int(self.inputs["num_logits"][0]), 5), np.float16)
        return [OrtValue.ortvalue_from_numpy(logits)]


class Session:
    def __init__(self):
        self.binding = Binding()

    def io_binding(self):
        return self.binding

    def get_outputs(self):
        return [types.SimpleNamespace(name="logits")]

    def run_with_iobinding(self, binding):
        pass


def test_a_paged_sequence_names_the_slots_of_its_tokens():
    session = Session()
    sequence = PagedSequence(session, LatentLayout("latent", 2, 6, "float16"), 300, "cpu")
    assert sequence.append([7, 8, 9]).shape == (3, 5)
    sequence.append([4, 5])
    given = {n: a.tolist() for n, a in session.binding.inputs.items() if isinstance(a, np.ndarray)}

    assert given == {
        "input_ids": [4, 5],
        "position_ids": [3, 4],
        "total_length": [5],
        "num_logits": [2],
        "cumulative_sequence_length": [0, 2],
        "past_seqlens": [3],
        "block_table": [[0, 1]],
        "slot_mapping": [3, 4],
        "attention_metadata": [2, 5],
    }
    assert session.binding.inputs["past.1"].shape() == [2, BLOCK_SIZE, 1, 6]


def test_the_names_are_those_of_the_paged_graph(tmp_path):
    source = HuggingFaceFolder(write_tiny_checkpoint(tmp_path / "hf"))
    config = ExportConfig("fp16", target="cuda", attention="paged")
    export(source, tmp_path / "out", config, Labels(), lambda _: None)
    graph = ir.load(tmp_path / "out" / GRAPH_NAME).graph
    sequence = PagedSequence(Session(), LatentLayout("latent", 3, 6, "float16"), 9, "cpu")
    past = {f"past.{layer}" for layer in range(3)}

    assert {value.name for value in graph.inputs} == {*sequence.inputs([1]), *past}


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
