"""Exports against transformers itself; runs in .venv-reference (make reference)."""

import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file, save_file

from onnx_export.cli import command
from onnx_export.config import ExportConfig
from onnx_export.errors import VerificationError
from onnx_export.reference import Reference
from onnx_export.verify import Comparison, require_agreement, verify
from testing.parity import WAYS, Sequence, load_runner
from testing.tiny_checkpoint import write_tiny_checkpoint
from testing.tiny_llama import write_tiny_llama
from testing.tiny_qwen2 import write_tiny_qwen2
from tests.onnx_export.conftest import export_quietly

pytestmark = pytest.mark.reference
TOLERANCE = 1e-3


def check_parity(hf_dir, model_folder, token_ids):
    expected = Reference(hf_dir).logits(token_ids)
    runner = load_runner(model_folder)

    for way in WAYS:
        logits = way(Sequence(runner, len(token_ids)), token_ids)
        np.testing.assert_allclose(logits, expected, atol=TOLERANCE, err_msg=way.__name__)


def random_token_ids(num_tokens, vocab_size):
    return np.random.default_rng(3).integers(0, vocab_size, num_tokens).tolist()


def test_tiny_with_lites_rotary_settings(tiny_hf, tiny_fp32):
    check_parity(tiny_hf, tiny_fp32, random_token_ids(400, 320))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"num_key_value_heads": 1},
        {"num_key_value_heads": 4, "rope_scaling": None},
        {"tie_word_embeddings": True, "head_dim": 48},
        {"rope_scaling": {"rope_type": "linear", "factor": 2.5}, "hidden_size": 128},
    ],
    ids=["grouped", "one key head", "as many key heads", "tied", "another factor"],
)
def test_tiny_llama(tmp_path, changes):
    hf_dir = write_tiny_llama(tmp_path / "hf", **changes)
    check_parity(hf_dir, export_quietly(hf_dir, tmp_path / "out"), random_token_ids(400, 272))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"num_key_value_heads": 4, "tie_word_embeddings": False},
        {"num_key_value_heads": 1, "hidden_size": 128},
    ],
    ids=["tied", "untied", "one key head"],
)
def test_tiny_qwen2(tmp_path, changes):
    hf_dir = write_tiny_qwen2(tmp_path / "hf", **changes)
    check_parity(hf_dir, export_quietly(hf_dir, tmp_path / "out"), random_token_ids(400, 272))


def test_tiny_beyond_the_length_that_yarn_stretches(tiny_hf, tiny_fp32):
    token_ids = random_token_ids(5000, 320)
    expected = Reference(tiny_hf).logits(token_ids)
    sequence = Sequence(load_runner(tiny_fp32), len(token_ids))

    logits = sequence.append_in_chunks(token_ids, [500] * 10)

    np.testing.assert_allclose(logits, expected, atol=TOLERANCE)


def test_experts_fused_in_one_tensor(tmp_path):
    hf_dir = write_tiny_checkpoint(tmp_path / "hf", experts="fused")
    check_parity(hf_dir, export_quietly(hf_dir, tmp_path / "out"), random_token_ids(100, 320))


def test_shards_as_transformers_saves_them(tiny_hf, tiny_fp32, tmp_path):
    sharded = tmp_path / "sharded"
    Reference(tiny_hf).save(sharded, max_shard_size="300KB")
    for name in ("config.json", "tokenizer.json"):
        (sharded / name).write_bytes((tiny_hf / name).read_bytes())

    out_dir = export_quietly(sharded, tmp_path / "out")

    assert len(list(sharded.glob("*.safetensors"))) > 2
    weights = "model.onnx.data"
    assert (out_dir / weights).read_bytes() == (tiny_fp32 / weights).read_bytes()


def test_config_as_transformers_saves_it(tiny_hf, tiny_fp32, tmp_path):
    saved = tmp_path / "saved"
    Reference(tiny_hf).save(saved, max_shard_size="1GB")
    (saved / "tokenizer.json").write_bytes((tiny_hf / "tokenizer.json").read_bytes())

    out_dir = export_quietly(saved, tmp_path / "out")

    assert (out_dir / "model.onnx").read_bytes() == (tiny_fp32 / "model.onnx").read_bytes()


def test_mini(mini_hf, mini_fp32):
    check_parity(mini_hf, mini_fp32, random_token_ids(300, 8192))


def test_verify_measures_an_exact_export(mini_hf, mini_fp32):
    comparisons = verify(mini_hf, mini_fp32)

    assert max(c.max_abs_logit_error for c in comparisons) < TOLERANCE
    assert max(c.after_rewind_max_abs_error for c in comparisons) < TOLERANCE
    assert all(c.num_agreeing == c.num_new_tokens or c.is_near_tie for c in comparisons)


def test_verify_measures_an_exact_llama(tmp_path):
    hf_dir = write_tiny_llama(tmp_path / "hf")

    comparisons = verify(hf_dir, export_quietly(hf_dir, tmp_path / "out"))

    assert max(c.max_abs_logit_error for c in comparisons) < TOLERANCE
    assert max(c.after_rewind_max_abs_error for c in comparisons) < TOLERANCE


def test_verify_measures_a_rounded_export(mini_hf, tmp_path):
    out_dir = export_quietly(mini_hf, tmp_path / "out", ExportConfig("int4"))

    comparisons = verify(mini_hf, out_dir)

    assert max(c.max_abs_logit_error for c in comparisons) > 0.1


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8", "int4"])
def test_verify_accepts_an_export_and_refuses_one_of_other_weights(mini_hf, tmp_path, precision):
    """The export of a checkpoint with one matrix turned upside down, against the right one."""
    other = shutil.copytree(mini_hf, tmp_path / "other")
    tensors = load_file(other / "model.safetensors")
    name = "model.layers.4.self_attn.o_proj.weight"
    tensors[name] = np.ascontiguousarray(tensors[name][::-1])
    save_file(tensors, other / "model.safetensors")
    arguments = [str(tmp_path / "out"), "--precision", precision, "--verify", "--progress", "none"]

    accepted = CliRunner().invoke(command, [str(mini_hf), *arguments])
    export_quietly(other, tmp_path / "wrong", ExportConfig(precision))
    comparisons = verify(mini_hf, tmp_path / "wrong")

    assert accepted.exit_code == 0, accepted.output
    with pytest.raises(VerificationError, match=r"The export is wrong: .*export again"):
        require_agreement(precision, comparisons)


def test_a_wrong_export_fails_the_command(mini_hf, tmp_path, monkeypatch):
    wrong = Comparison(1, 5.0, 5.0, 0.5, 32, 20, is_near_tie=False)
    monkeypatch.setattr("onnx_export.verify.verify", lambda *_: [wrong])
    arguments = [str(mini_hf), str(tmp_path / "out"), "--precision", "int8", "--verify"]

    result = CliRunner().invoke(command, arguments)

    assert result.exit_code == 1
    assert "The export is wrong" in result.output


def test_router_margins_are_those_of_the_closest_choice(tiny_hf, tmp_path):
    token_ids = random_token_ids(20, 320)
    logits, margins = Reference(tiny_hf).logits_and_router_margins(token_ids)
    # Of three experts chosen from pairs of twins, the third and the next are twins; no others
    # beside that choice are.
    twins = shutil.copytree(tiny_hf, tmp_path / "twins")
    tensors = load_file(twins / "model.safetensors")
    routers = [name for name in tensors if name.endswith("mlp.gate.weight")]
    tensors[routers[-1]][1::2] = tensors[routers[-1]][::2]
    save_file(tensors, twins / "model.safetensors", metadata={"format": "pt"})

    np.testing.assert_array_equal(logits, Reference(tiny_hf).logits(token_ids))
    assert margins.shape == (20,)
    assert np.isfinite(margins).all()
    assert (margins > 0).all()
    assert not Reference(twins).logits_and_router_margins(token_ids)[1].any()


def test_without_experts_no_choice_is_close(tmp_path):
    hf_dir = write_tiny_llama(tmp_path / "hf")

    assert np.isinf(Reference(hf_dir).logits_and_router_margins([1, 2, 3])[1]).all()
