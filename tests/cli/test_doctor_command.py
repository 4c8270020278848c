import json
import os
import shutil
import subprocess
import sys

from coder_lsp import __version__
from coder_lsp.models.installed_models import embedded_model_path


def test_a_sound_installation_passes_with_a_test_completion(coder_lsp):
    result = coder_lsp("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(result.stdout)}

    assert result.exit_code == 0
    assert all(check["ok"] for check in checks.values())
    assert list(checks) == [
        "Python", "coder-lsp", "ONNX Runtime", "providers", "model", "runs on", "threads",
        "sizes", "completion",
    ]  # fmt: skip
    assert checks["coder-lsp"]["found"] == __version__
    assert "CPUExecutionProvider" in checks["providers"]["found"]
    assert checks["runs on"]["found"].startswith("cpu, for which it was exported; needs ")
    sizes = checks["sizes"]["found"]
    assert "tokens of context (contextTokens)" in sizes
    assert "for KV caches (cacheMegabytes)" in sizes
    assert "ms for a completion (timeBudgetMs)" in sizes
    assert " ms" in checks["completion"]["found"]


def test_a_damaged_model_is_named_with_a_remedy(coder_lsp, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(embedded_model_path(), folder)
    (folder / "tokenizer.json").write_text("{}")
    result = coder_lsp("doctor", "--model", folder)

    assert result.exit_code == 1
    assert "WRONG model" in result.stdout
    assert "tokenizer.json should have" in result.stdout
    assert "Install or export the model again" in result.stdout


def run_without_onnxruntime(tmp_path, *arguments):
    """Run the command in a process that finds an onnxruntime which cannot be imported."""
    (tmp_path / "onnxruntime.py").write_text("raise ImportError('no such module')\n")
    return subprocess.run(
        [sys.executable, "-m", "coder_lsp", *arguments],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_missing_onnx_runtime_is_named_with_the_commands_that_install_it(tmp_path):
    result = run_without_onnxruntime(tmp_path, "doctor")

    assert result.returncode == 1
    assert "WRONG ONNX Runtime" in result.stdout
    assert 'pip install "coder-lsp[cpu]"' in result.stdout
    assert 'pip install "coder-lsp[cuda]"' in result.stdout
    assert "completion" not in result.stdout


def test_completing_without_onnx_runtime_names_them_too(tmp_path):
    source = tmp_path / "a.py"
    source.write_text("x = ")
    result = run_without_onnxruntime(tmp_path, "complete", f"{source}:1:5")

    assert (result.returncode, result.stdout) == (1, "")
    assert 'pip install "coder-lsp[cpu]"' in result.stderr
    assert "Traceback" not in result.stderr


def test_a_gpu_that_was_asked_for_and_is_not_there_is_named_with_a_remedy(coder_lsp):
    result = coder_lsp("doctor", "--providers", "cuda")

    assert result.exit_code == 1
    assert "WRONG runs on" in result.stdout
    assert 'pip install "coder-lsp[cuda]"' in result.stdout
    assert "completion" not in result.stdout


def test_what_was_fallen_back_from_is_told_though_nothing_is_wrong(coder_lsp, tmp_path):
    folder = shutil.copytree(embedded_model_path(), tmp_path / "model")
    manifest = folder / "coder_lsp.json"
    manifest.write_text(manifest.read_text().replace('"target": "cpu"', '"target": "cuda"'))
    result = coder_lsp("doctor", "--model", folder)

    assert result.exit_code == 0, result.stdout
    assert "ok    runs on        cpu, for which it was not exported" in result.stdout
    assert "Completions run on the CPU, not on the GPU, and are slow." in result.stdout


def test_with_the_embedded_model_alone_one_command_is_suggested(coder_lsp, tmp_path, monkeypatch):
    monkeypatch.setenv("CODER_LSP_DATA_DIR", str(tmp_path))

    def remedy(*arguments):
        checks = json.loads(coder_lsp("doctor", "--json", *arguments).stdout)
        return next(check["remedy"] for check in checks if check["name"] == "model")

    assert remedy().startswith("A larger model: coder-lsp install ")
    assert remedy("--model", "embedded") == ""
    shutil.copytree(embedded_model_path(), tmp_path / "models" / "own")
    assert remedy() == ""


def test_a_pipe_with_a_narrow_encoding_ends_no_command(tmp_path):
    """A pipe on Windows has cp1252, which lacks arrows and most letters."""
    shutil.copytree(embedded_model_path(), tmp_path / "models" / "Модель → 型")
    narrow = {"PYTHONIOENCODING": "cp1252:strict", "PYTHONUTF8": "0"}
    for arguments in (["models"], ["doctor", "--model", "Модель → 型"]):
        result = subprocess.run(
            [sys.executable, "-m", "coder_lsp", *arguments],
            env={**os.environ, **narrow, "CODER_LSP_DATA_DIR": str(tmp_path)},
            capture_output=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        assert b"\\u2192" in result.stdout
