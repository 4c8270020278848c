"""optimum's graph of a tiny checkpoint beside ours; runs in .venv-optimum (make optimum)."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from testing.parity import Sequence, load_runner
from testing.tiny_checkpoint import write_tiny_checkpoint
from testing.tiny_llama import write_tiny_llama

pytestmark = pytest.mark.reference
GOLDEN = Path(__file__).parents[1] / "onnx_export" / "golden"
CHUNKS = (1, 130, 7, 162)
TOLERANCE = 1e-3


class TracedSequence:
    """One sequence in optimum's graph, whose keys and values grow from run to run."""

    def __init__(self, folder):
        import onnxruntime  # noqa: PLC0415

        self._session = onnxruntime.InferenceSession(folder / "model.onnx")
        self._past = {
            tensor.name: np.zeros((1, tensor.shape[1], 0, tensor.shape[3]), np.float32)
            for tensor in self._session.get_inputs()
            if tensor.name.startswith("past_key_values")
        }
        self._offset = 0

    def append(self, token_ids):
        total = self._offset + len(token_ids)
        inputs = {
            "input_ids": np.array([token_ids]),
            "attention_mask": np.ones((1, total), np.int64),
            "position_ids": np.arange(self._offset, total)[None],
        }
        logits, *present = self._session.run(None, {**inputs, **self._past})
        self._past = dict(zip(self._past, present, strict=True))
        self._offset = total
        return logits[0]


def run(*arguments):
    """Run a program of this environment as a user does; return what it printed."""
    finished = subprocess.run(
        [str(argument) for argument in arguments], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr[-4000:]
    return finished.stdout + finished.stderr


def exporter(*arguments):
    return run(sys.executable, "-m", "onnx_export", *arguments)


def optimum_cli(*arguments):
    return run(Path(sys.executable).with_name("optimum-cli"), "export", "onnx", *arguments)


def check_agreement(traced, hf_dir, golden):
    """Compare optimum's graph with transformers 5's logits, and ours with it."""
    token_ids = golden["token_ids"][: sum(CHUNKS)].tolist()
    is_read = golden["positions"] < len(token_ids)
    parts, sequence, start = [], TracedSequence(traced), 0
    for size in CHUNKS:
        parts.append(sequence.append(token_ids[start : start + size]))
        start += size

    logits = np.concatenate(parts)

    expected = golden["logits"][is_read]
    np.testing.assert_allclose(logits[golden["positions"][is_read]], expected, atol=TOLERANCE)
    ours = hf_dir.with_name("ours")
    exporter(hf_dir, ours, "--precision", "fp32")
    own = Sequence(load_runner(ours), len(token_ids)).append(token_ids)
    np.testing.assert_allclose(own, logits, atol=TOLERANCE)


def test_optimum_cli_exports_deepseek_v2_and_the_graph_agrees_with_ours(tmp_path):
    hf_dir, traced = write_tiny_checkpoint(tmp_path / "hf"), tmp_path / "traced"
    output = optimum_cli("--model", hf_dir, "--task", "text-generation-with-past", traced)

    assert "values not close enough" not in output
    check_agreement(traced, hf_dir, np.load(GOLDEN / "tiny.npz"))


@pytest.mark.parametrize(
    ("name", "write"), [("tiny", write_tiny_checkpoint), ("tiny_llama", write_tiny_llama)]
)
def test_via_optimum_gives_a_graph_that_agrees_with_ours(tmp_path, name, write):
    hf_dir = write(tmp_path / "hf")
    exporter(hf_dir, tmp_path / "traced", "--via", "optimum")

    check_agreement(tmp_path / "traced", hf_dir, np.load(GOLDEN / f"{name}.npz"))
