import importlib.util
import json

import pytest
from click.testing import CliRunner

from coder_lsp.models.model_folder import ModelFolder
from onnx_export.cli import command
from testing.tiny_checkpoint import write_tiny_checkpoint


def check_command(arguments, exit_code, message):
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])

    assert result.exit_code == exit_code, result.output
    assert message in " ".join(result.output.split())


def test_a_checkpoint_becomes_a_model_folder(tiny_hf, tmp_path):
    out_dir = tmp_path / "out"
    check_command([tiny_hf, out_dir, "--precision", "int4", "--block-size", "16"], 0, "int4")

    manifest = ModelFolder.read(out_dir).manifest
    assert (manifest.precision, manifest.block_size) == ("int4", 16)


def test_random_weights_become_a_model_folder(tiny_hf, tmp_path):
    config, out_dir = tiny_hf / "config.json", tmp_path / "out"
    arguments = ["--random-weights", config, "--layers", 1, "--seed", 3, "--precision", "fp32"]
    check_command([*arguments, out_dir], 0, "fp32")

    assert ModelFolder.read(out_dir).manifest.cache.num_layers == 1


def test_mistakes_on_the_command_line_are_explained(tiny_hf, tmp_path):
    config, out_dir = tiny_hf / "config.json", tmp_path / "out"
    fp32 = ["--precision", "fp32"]
    check_command([tiny_hf, out_dir, "--precision", "int2"], 2, "'int2' is not one of")
    check_command([out_dir, *fp32], 2, "Name two paths: SOURCE and OUT_DIR.")
    check_command([tiny_hf, out_dir, "--layers", 1, *fp32], 2, "--layers goes with")
    check_command([tiny_hf, out_dir, "--random-weights", config, *fp32], 2, "one folder only")
    check_command(
        [out_dir, "--random-weights", config, "--verify", *fp32], 2, "needs a Hugging Face folder"
    )
    check_command([tmp_path / "none", out_dir, *fp32], 1, "config.json is missing")
    check_command([tiny_hf, out_dir, "--block-size", 33, *fp32], 1, "a power of two")
    via = ["--via", "optimum"]
    check_command([tiny_hf, out_dir, *via, "--precision", "int4"], 2, "writes fp32 only")
    check_command([out_dir, "--random-weights", config, *via], 2, "needs a folder")
    check_command([tmp_path / "none", out_dir, *via], 1, "config.json is missing")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(importlib.util.find_spec("optimum") is not None, reason="it is installed")
def test_via_optimum_without_it_says_what_to_install(tiny_hf, tmp_path):
    arguments = [tiny_hf, tmp_path / "out", "--via", "optimum"]
    check_command(arguments, 1, 'pip install "coder-lsp[cpu,optimum]"')

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed")
def test_verify_without_torch_says_what_to_install_before_any_work(tiny_hf, tmp_path):
    arguments = [tiny_hf, tmp_path / "out", "--precision", "fp32", "--verify"]
    check_command(arguments, 1, "pip install torch==2.13.0 transformers==5.23.0")

    assert list(tmp_path.iterdir()) == []


def test_all_but_the_weights_can_be_checked_beforehand(tmp_path):
    hf_dir = write_tiny_checkpoint(tmp_path / "hf")
    (hf_dir / "model.safetensors").unlink()
    arguments = [str(hf_dir), str(tmp_path / "out"), "--precision", "int4", "--check"]
    result = CliRunner().invoke(command, arguments)
    (hf_dir / "config.json").write_text("{}")
    refused = CliRunner().invoke(command, [*arguments, "--progress", "json"])

    assert (result.exit_code, result.output) == (0, "")
    assert refused.exit_code == 1
    assert json.loads(refused.output)["phase"] == "error"
    assert not (tmp_path / "out").exists()
