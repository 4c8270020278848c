"""The command in this process where nobody is asked, in its own where a signal or a hub matters."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from gguf import GGMLQuantizationType as Kind
from safetensors.numpy import load_file, save_file

from coder_lsp.cli import install as install_module
from coder_lsp.cli import main
from coder_lsp.install.repository import PINNED_COMMITS
from coder_lsp.models.installed_models import default_model, find_model
from coder_lsp.paths import downloads_path, models_path
from testing.tiny_checkpoint import write_tiny_checkpoint
from testing.tiny_gguf import tiny_gguf
from tests.support.ollama_folder import OllamaFolder
from tests.support.stand_in_hub import COMMIT, LATER_COMMIT, stand_in_hub

LISTED_KEYS = [
    "name", "source", "license", "download_bytes", "disk_bytes", "memory_bytes", "context_length",
    "languages", "quality", "predicted", "is_installed", "is_recommended",
]  # fmt: skip
PREDICTED_KEYS = ["prefill_tokens_per_second", "decode_tokens_per_second"]
REPOSITORY = "deepseek-ai/Tiny-Coder-Base"
NAME = "Tiny-Coder-Base-int8"
CARD = "---\nlicense: other\nlicense_name: deepseek-license\n---\n# Tiny\n"
# The hub's library keeps ten megabytes at a time: a download that is to be gone on from has more.
NUM_PADDING_BYTES = 24_000_000
STALL_AT = 22_000_000
PROXIES = [v for n in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY") for v in (n, n.lower())]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("CODER_LSP_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "ollama"))
    for name in ("HF_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE", *PROXIES):
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
    assert "The same command continues from here" in stderr
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

    check_refusal(coder_lsp, "neither a file, a folder nor a repository", "Lite")
    check_refusal(coder_lsp, "config.json", tmp_path / "empty")
    check_refusal(coder_lsp, "config.json: model_type must be", strange)
    check_refusal(coder_lsp, "cannot be a model's name", checkpoint, "--name", "../x")
    check_refusal(coder_lsp, "cannot be a model's name", checkpoint, "--name", "x.partial")
    check_refusal(coder_lsp, "nothing else has revisions", checkpoint, "--revision", "main")


def test_a_full_disk_is_told_before_anything_is_fetched(coder_lsp, checkpoint, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 9, 10**8))

    check_refusal(coder_lsp, "0.1 GB are free. Free some space", checkpoint)


def test_an_instruct_model_is_taken_with_a_word_on_base_models(coder_lsp, checkpoint, tmp_path):
    instruct = shutil.copytree(checkpoint, tmp_path / "Tiny-Coder-Instruct")
    result = coder_lsp("install", instruct, "--yes", "--precision", "int8")

    assert result.exit_code == 0, result.output
    assert "For completion take the base model of the same name" in result.stdout


@pytest.fixture(scope="module")
def tiny_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gguf")
    return tiny_gguf(write_tiny_checkpoint(folder / "hf")).write(folder / "tiny.gguf", Kind.Q8_0)


@pytest.fixture
def gguf(tiny_file, tmp_path):
    return Path(shutil.copy(tiny_file, tmp_path / "tiny coder.gguf"))


def test_a_gguf_file_becomes_the_default_model_that_completes(coder_lsp, gguf, tmp_path):
    result = coder_lsp("install", gguf, "--yes")

    assert result.exit_code == 0, result.output
    assert "It is the default model" in result.stdout
    source = tmp_path / "a.py"
    source.write_text("x = ")
    completed = coder_lsp("complete", f"{source}:1:5", "--json")
    assert json.loads(completed.stdout)["model"] == "tiny-coder"
    again = coder_lsp("install", gguf, "--yes")
    assert (again.exit_code, "is installed already" in again.stdout) == (0, True)


def test_a_second_model_does_not_become_the_default(coder_lsp, gguf):
    coder_lsp("install", gguf, "--yes")
    second = coder_lsp("install", gguf, "--yes", "--name", "second")

    assert "coder-lsp models --use second" in second.stdout
    assert default_model() == "tiny-coder"


def test_who_chose_the_embedded_model_keeps_it(coder_lsp, gguf):
    coder_lsp("models", "--use", "embedded")
    coder_lsp("install", gguf, "--yes")

    assert default_model() is None


def test_a_local_model_needs_no_library_of_the_hub(gguf, tmp_path):
    (tmp_path / "without" / "huggingface_hub").mkdir(parents=True)
    (tmp_path / "without" / "huggingface_hub" / "__init__.py").write_text("raise ImportError\n")
    result = subprocess.run(
        [sys.executable, "-m", "coder_lsp", "install", gguf, "--yes"],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "without")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr


def test_a_model_of_ollama_is_found_and_installed(coder_lsp, gguf, tmp_path):
    OllamaFolder(tmp_path / "ollama").add("tiny-coder:1b-base", gguf.read_bytes())
    [found] = json.loads(coder_lsp("models", "--found", "--json").stdout)
    text = coder_lsp("models", "--found").stdout

    assert (found["where"], found["name"]) == ("Ollama", "tiny-coder:1b-base")
    assert (found["becomes"], found["license"]) == ("tiny-coder-1b-base", "Apache License")
    assert (found["has_fim"], found["problem"]) == (True, None)
    assert "coder-lsp install ollama:tiny-coder:1b-base" in text
    result = coder_lsp("install", found["source"], "--yes")
    assert result.exit_code == 0, result.output
    assert find_model(found["becomes"]) is not None
    [model] = [m for m in json.loads(coder_lsp("models", "--json").stdout) if not m["embedded"]]
    assert model["license"] == "Apache License"


def check_ollama_refusal(coder_lsp, message):
    result = coder_lsp("install", "ollama:tiny:1b", "--yes")
    [found] = json.loads(coder_lsp("models", "--found", "--json").stdout)

    assert result.exit_code == 1, result.output
    assert message in result.stderr
    assert "tiny:1b" in result.stderr
    assert "ollama pull tiny:1b" in result.stderr
    assert not list(models_path().iterdir()) if models_path().exists() else True
    return found


def test_unsound_blobs_of_ollama_are_refused_by_name(coder_lsp, gguf, tmp_path):
    blob = OllamaFolder(tmp_path / "ollama").add("tiny:1b", gguf.read_bytes())
    content = bytearray(blob.read_bytes())
    content[-1] ^= 1
    blob.write_bytes(content)
    check_ollama_refusal(coder_lsp, "is damaged: its sha256")

    blob.write_bytes(content[:-10])
    assert "should have" in check_ollama_refusal(coder_lsp, "should have")["problem"]

    blob.rename(blob.with_name(f"{blob.name}-partial"))
    found = check_ollama_refusal(coder_lsp, "is there only in part")
    assert "only in part" in found["problem"]

    blob.with_name(f"{blob.name}-partial").unlink()
    assert "is missing" in check_ollama_refusal(coder_lsp, "is missing")["problem"]


def test_a_repositorys_gguf_file_is_installed(stand_in, gguf):
    stand_in.files["Q8/tiny.gguf"] = gguf.read_bytes()
    source = f"{REPOSITORY}:Q8/tiny.gguf"
    result = subprocess.run(
        [sys.executable, "-m", "coder_lsp", "install", source, "--yes"],
        env={**os.environ, "HF_ENDPOINT": stand_in.url},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    assert "licence     deepseek-license" in result.stdout
    assert find_model("tiny") is not None
    assert not downloads_path().exists() or not list(downloads_path().rglob("*.gguf"))


def test_offline_what_is_complete_is_enough(stand_in):
    """HF_HUB_OFFLINE with an installed model, and with a complete download."""
    assert install(stand_in, REPOSITORY, "--yes", "--keep-download").returncode == 0
    offline = {**os.environ, "HF_ENDPOINT": stand_in.url, "HF_HUB_OFFLINE": "1"}

    def again():
        return subprocess.run(
            command(REPOSITORY, "--yes"), env=offline, capture_output=True, text=True, check=False
        )

    assert "is installed already" in again().stdout
    shutil.rmtree(find_model(NAME))
    result = again()
    assert result.returncode == 0, result.stderr
    assert find_model(NAME) is not None


def test_a_proxy_that_cannot_be_used_is_told_in_a_sentence():
    result = subprocess.run(
        command(REPOSITORY, "--yes"),
        env={**os.environ, "ALL_PROXY": "socks://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.returncode, "Traceback" in result.stderr) == (1, False), result.stderr
    assert "ALL_PROXY, socks://127.0.0.1:9, cannot be used" in result.stderr


def test_weights_of_another_tool_are_refused_before_they_are_fetched(stand_in):
    config = json.loads(stand_in.files["config.json"])
    config["quantization_config"] = {"quant_method": "awq", "bits": 4}
    stand_in.files["config.json"] = json.dumps(config).encode()
    result = install(stand_in, REPOSITORY, "--yes")

    assert result.returncode == 1
    assert "another tool has quantized" in result.stderr
    assert stand_in.of_weights == []
    assert not downloads_path().exists()


@pytest.mark.parametrize("card", ["---\nlicense: a: b\n\tc\n---\n", "---\n- [\n---\n", "\0\xff"])
def test_a_model_card_that_is_no_yaml_does_not_stop_an_installation(
    coder_lsp, checkpoint, tmp_path, card
):
    folder = shutil.copytree(checkpoint, tmp_path / "Tiny")
    (folder / "README.md").write_bytes(card.encode("latin-1"))
    result = coder_lsp("install", folder, "--yes", "--precision", "int8")

    assert result.exit_code == 0, result.output
    assert "licence     unknown" in result.stdout


def test_the_list_has_what_was_promised(coder_lsp):
    listed = json.loads(coder_lsp("install", "--list", "--json").stdout)

    assert [list(model) for model in listed] == [LISTED_KEYS] * len(listed)
    assert all(list(model["predicted"]) == PREDICTED_KEYS for model in listed)
    assert all(model["predicted"][key] > 0 for model in listed for key in PREDICTED_KEYS)
    assert sum(model["is_recommended"] for model in listed) == 1
    assert not any(model["is_installed"] for model in listed)


def test_without_a_source_the_catalogue_is_shown_and_nobody_is_asked(coder_lsp):
    result = coder_lsp("install")

    assert result.exit_code == 0, result.output
    assert "DeepSeek-Coder-V2-Lite-Base" in result.stdout
    assert "may have" in result.stdout
    assert "Install one with" in result.stdout


def test_a_number_installs_the_model_of_that_row(coder_lsp, monkeypatch):
    asked = []
    monkeypatch.setattr(
        install_module, "make_plan", lambda request, hub: asked.append(request) or "x"
    )
    monkeypatch.setattr(install_module, "_can_ask", lambda: True)
    result = CliRunner().invoke(main, ["install"], input="2\n")

    assert result.exit_code == 0, result.output
    assert [request.source for request in asked] == ["deepseek-ai/deepseek-coder-1.3b-base"]


def test_the_commits_that_are_known_can_be_commits():
    for repository, commit in PINNED_COMMITS.items():
        assert repository.startswith("deepseek-ai/")
        assert len(bytes.fromhex(commit)) == 20
