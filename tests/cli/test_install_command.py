"""The command in this process where nobody is asked, in its own where a signal or a hub matters."""

import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from coder_lsp.install.repository import PINNED_COMMITS
from coder_lsp.models.installed_models import find_model
from coder_lsp.paths import downloads_path, models_path
from testing.tiny_checkpoint import write_tiny_checkpoint
from tests.support.stand_in_hub import COMMIT, LATER_COMMIT, stand_in_hub

REPOSITORY = "deepseek-ai/Tiny-Coder-Base"
NAME = "Tiny-Coder-Base-int8"
CARD = "---\nlicense: other\nlicense_name: deepseek-license\n---\n# Tiny\n"
# The hub's library keeps ten megabytes at a time: a download that is to be gone on from has more.
NUM_PADDING_BYTES = 24_000_000
STALL_AT = 22_000_000


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("CODER_LSP_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    for name in ("HF_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = write_tiny_checkpoint(tmp_path_factory.mktemp("checkpoint") / "Tiny-Coder-Base")
    weights = load_file(folder / "model.safetensors")
    padding = np.zeros(NUM_PADDING_BYTES, np.uint8)
    save_file({**weights, "unused": padding}, folder / "model.safetensors")
    (folder / "README.md").write_text(CARD)
    return folder


@pytest.fixture
def stand_in(checkpoint):
    files = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    with stand_in_hub(REPOSITORY, files) as hub:
        yield hub


def command(*arguments):
    return [sys.executable, "-m", "coder_lsp", "install", *arguments, "--precision", "int8"]


def install(stand_in, *arguments):
    """Run the command as a user does, whose hub is the stand-in."""
    return subprocess.run(
        command(*arguments),
        env={**os.environ, "HF_ENDPOINT": stand_in.url},
        capture_output=True,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_one_command_from_a_repository_to_a_model_that_completes(stand_in, coder_lsp, tmp_path):
    result = install(stand_in, REPOSITORY, "--yes")

    assert (result.returncode, result.stderr.count("Traceback")) == (0, 0), result.stderr
    assert "licence     deepseek-license" in result.stdout
    assert f"commit      {COMMIT}" in result.stdout
    assert "download    25 MB" in result.stdout
    assert f"coder-lsp doctor --model {NAME}" in result.stdout
    assert "downloading …" in result.stderr
    assert not list(downloads_path().rglob("*.safetensors"))
    [model] = [m for m in json.loads(coder_lsp("models", "--json").stdout) if not m["embedded"]]
    assert (model["name"], model["error"]) == (NAME, None)
    assert (model["repository"], model["commit"]) == (REPOSITORY, COMMIT)
    assert model["license"] == "deepseek-license"
    source = tmp_path / "a.py"
    source.write_text("x = ")
    assert coder_lsp("complete", f"{source}:1:5", "--model", NAME, "--raw").exit_code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
def test_interrupted_and_run_again_it_goes_on_where_it_stopped(stand_in):
    stand_in.faults.stall_at = STALL_AT
    process = subprocess.Popen(
        command(REPOSITORY, "--yes"),
        env={**os.environ, "HF_ENDPOINT": stand_in.url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert stand_in.faults.stalled.wait(60)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate()
    assert (process.returncode, "Traceback" in stderr) == (130, False)
    assert "The same command goes on from here" in stderr
    assert not models_path().exists() or not list(models_path().iterdir())
    stand_in.faults.stall_at = None
    stand_in.faults.end_of_stall.set()
    stand_in.commits.append(LATER_COMMIT)  # and main has moved meanwhile
    result = install(stand_in, REPOSITORY, "--yes", "--keep-download")

    assert result.returncode == 0, result.stderr
    assert f"commit      {COMMIT}" in result.stdout
    assert "are still missing" in result.stdout
    [first, second] = stand_in.of_weights
    assert first == "store GET /model.safetensors"
    start = int(second.removeprefix("store GET /model.safetensors bytes=").rstrip("-"))
    assert 0 < start <= STALL_AT
    assert "The weights stay in" in result.stdout
    assert list(downloads_path().rglob("model.safetensors"))
    (find_model(NAME) / "install.json").unlink()  # as if it had been killed before the end
    tidied = install(stand_in, REPOSITORY, "--yes")
    assert tidied.returncode == 0, tidied.stderr
    assert len(stand_in.of_weights) == 2
    assert not list(downloads_path().rglob("model.safetensors"))
    assert "is installed already" in install(stand_in, REPOSITORY, "--yes").stdout


def test_nobody_is_asked_where_nobody_can_answer(stand_in):
    result = install(stand_in, REPOSITORY)

    assert result.returncode == 1
    assert "licence     deepseek-license" in result.stdout
    assert "not a terminal" in result.stderr
    assert "--yes" in result.stderr
    assert stand_in.of_weights == []


def test_an_architecture_that_is_not_known_is_told_before_its_weights_are_fetched(stand_in):
    config = json.loads(stand_in.files["config.json"])
    stand_in.files["config.json"] = json.dumps({**config, "model_type": "gpt_neox"}).encode()
    result = install(stand_in, REPOSITORY, "--yes")

    assert result.returncode == 1
    assert "config.json: model_type" in result.stderr
    assert stand_in.of_weights == []


def test_without_a_network_it_says_so(stand_in):
    stand_in.close()
    result = install(stand_in, REPOSITORY, "--yes")

    assert result.returncode == 1
    assert f"No connection to {stand_in.url}" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_local_folder_needs_no_network(checkpoint, coder_lsp):
    arguments = ["--yes", "--precision", "int8", "--name", "mine"]
    result = coder_lsp("install", checkpoint, *arguments)

    assert result.exit_code == 0, result.output
    assert "licence     deepseek-license" in result.stdout
    assert find_model("mine") == models_path() / "mine"
    assert (checkpoint / "model.safetensors").exists()
    again = coder_lsp("install", checkpoint, *arguments)
    assert "mine is installed already" in again.stdout


def check_refusal(coder_lsp, message, source, *arguments):
    result = coder_lsp("install", source, "--yes", *arguments)

    assert result.exit_code == 1, result.output
    assert message in " ".join(result.stderr.split())
    assert not models_path().exists() or not list(models_path().iterdir())


def test_what_cannot_be_installed_is_told_with_its_remedy(coder_lsp, checkpoint, tmp_path):
    (tmp_path / "empty").mkdir()
    strange = shutil.copytree(checkpoint, tmp_path / "strange")
    config = json.loads((strange / "config.json").read_text())
    (strange / "config.json").write_text(json.dumps({**config, "model_type": "gpt_neox"}))

    check_refusal(coder_lsp, "neither a folder here nor a repository", "Lite")
    check_refusal(coder_lsp, "holds no config.json and no tokenizer.json", tmp_path / "empty")
    check_refusal(coder_lsp, "config.json: model_type must be", strange)
    check_refusal(coder_lsp, "cannot be a model's name", checkpoint, "--name", "../x")
    check_refusal(coder_lsp, "cannot be a model's name", checkpoint, "--name", "x.partial")
    check_refusal(coder_lsp, "a local folder has no revisions", checkpoint, "--revision", "main")


def test_a_full_disk_is_told_before_anything_is_fetched(coder_lsp, checkpoint, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 9, 10**8))

    check_refusal(coder_lsp, "0.1 GB are free. Free some space", checkpoint)


def test_an_instruct_model_is_taken_with_a_word_on_base_models(coder_lsp, checkpoint, tmp_path):
    instruct = shutil.copytree(checkpoint, tmp_path / "Tiny-Coder-Instruct")
    result = coder_lsp("install", instruct, "--yes", "--precision", "int8")

    assert result.exit_code == 0, result.output
    assert "For completion take the base model" in result.stdout


def test_the_commits_that_are_known_can_be_commits():
    for repository, commit in PINNED_COMMITS.items():
        assert repository.startswith("deepseek-ai/")
        assert len(bytes.fromhex(commit)) == 20
