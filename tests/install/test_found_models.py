"""What is listed of other programs' folders, without the exporter; the command examines it."""

import json
import os

import pytest

from coder_lsp.errors import InstallError
from coder_lsp.install.found_models import find_candidates
from coder_lsp.install.naming import check_name, model_name, name_of_path
from coder_lsp.install.ollama import find_ollama_model, ollama_models
from tests.support.ollama_folder import REGISTRY, OllamaFolder


@pytest.fixture
def user(tmp_path, monkeypatch):
    """A home folder with nothing in it."""
    for name in ("LLAMA_CACHE", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "OLLAMA_MODELS"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "user"
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setattr("sys.platform", "linux")
    return home


@pytest.fixture
def ollama(user):
    return OllamaFolder(user / ".ollama" / "models")


def put(path, size=10):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    return path


def found(where):
    return {c.name: c for c in find_candidates() if c.where == where}


def test_in_an_empty_home_nothing_is_found(user):
    assert list(find_candidates()) == []


def test_gguf_files_of_lm_studio_and_llama_cpp_are_found(user):
    put(user / ".lmstudio/models/someone/Tiny-GGUF/Tiny-Q4_K_M.gguf")
    put(user / ".lmstudio/models/someone/Tiny-GGUF/mmproj-Tiny.gguf")
    put(user / ".lmstudio/models/someone/Tiny-GGUF/README.md")
    put(user / ".cache/lm-studio/models/someone/Old/Old.GGUF")
    put(user / ".cache/llama.cpp/split-00001-of-00002.gguf", 7)
    put(user / ".cache/llama.cpp/split-00002-of-00002.gguf", 5)

    assert set(found("LM Studio")) == {"Tiny-Q4_K_M", "Old"}
    [split] = found("llama.cpp").values()
    assert (split.name, split.size) == ("split", 12)


def test_checkpoints_and_gguf_files_in_the_hubs_cache_get_their_repositorys_name(user):
    snapshots = user / ".cache/huggingface/hub/models--some--Tiny--Base/snapshots/5eed"
    blob = put(snapshots.parent.parent / "blobs" / "abc")
    snapshots.mkdir(parents=True)
    (snapshots / "Tiny-Q8_0.gguf").symlink_to(blob)
    put(snapshots / "config.json")
    put(snapshots / "model.safetensors", 99)

    assert {name: c.size for name, c in found("hub's cache").items()} == {
        "Tiny-Q8_0": 10,
        "Tiny--Base": 99,
    }


def test_environment_variables_move_the_folders(user, monkeypatch, tmp_path):
    monkeypatch.setenv("LLAMA_CACHE", str(tmp_path / "llama"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "ollama"))
    put(tmp_path / "llama" / "a.gguf")
    put(tmp_path / "hub" / "models--x--y" / "snapshots" / "1" / "b.gguf")
    OllamaFolder(tmp_path / "ollama").add("c:1b", b"GGUF")

    assert {c.name for c in find_candidates()} == {"a", "b", "c:1b"}


def test_loops_of_links_and_deep_folders_do_not_hold_it_up(user):
    folder = user / ".lmstudio" / "models"
    put(folder / "a.gguf")
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "gone.gguf").symlink_to(folder / "nowhere")
    put(folder.joinpath(*"abcdefgh") / "deep.gguf")
    (folder / "folder.gguf").mkdir()

    assert set(found("LM Studio")) == {"a"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_named_pipe_is_not_waited_for(user, ollama):
    put(user / ".lmstudio" / "models" / "a.gguf")
    os.mkfifo(user / ".lmstudio" / "models" / "pipe.gguf")
    ollama.add("tiny:1b", b"GGUF")
    os.mkfifo(ollama.manifest("tiny:2b"))

    assert {c.name for c in find_candidates()} == {"a", "tiny:1b"}


def test_ollamas_models_have_the_names_that_ollama_gives_them(ollama):
    ollama.add("tiny:1b", b"GGUF")
    ollama.add("own:latest", b"GGUF", namespace=f"{REGISTRY}/me", license_text=None)
    ollama.add("far:1b", b"GGUF", namespace="example.org/me")
    models = {model.name: model for model in ollama_models()}

    assert set(models) == {"tiny:1b", "me/own:latest", "example.org/me/far:1b"}
    assert all(find_ollama_model(name) == model for name, model in models.items())
    assert models["me/own:latest"].license == "unknown"


def change(**fields):
    return lambda manifest: {**manifest, **fields}


def with_model_layer(**fields):
    def changed(manifest):
        layer = {**manifest["layers"][0], **fields}
        return {**manifest, "layers": [layer, *manifest["layers"][1:]]}

    return changed


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (lambda manifest: [], "0 model layers"),
        (lambda manifest: None, "0 model layers"),
        (change(layers=7), "0 model layers"),
        (change(layers=[7, None, "x", []]), "0 model layers"),
        (change(layers=[{"mediaType": "application/vnd.ollama.image.model"}]), "digest"),
        (with_model_layer(digest="sha256:../../../etc/passwd"), "digest"),
        (with_model_layer(digest="sha256:" + "A" * 64), "digest"),
        (with_model_layer(digest=None), "digest"),
        (with_model_layer(size=-1), "size"),
        (with_model_layer(size="10"), "size"),
        (with_model_layer(size=True), "size"),
        (with_model_layer(size=None), "size"),
    ],
)
def test_a_manifest_of_another_shape_is_told_and_the_others_are_listed(ollama, changed, message):
    ollama.add("tiny:1b", b"GGUF")
    ollama.add("whole:1b", b"GGUF, too")
    path = ollama.manifest("tiny:1b")
    path.write_text(json.dumps(changed(json.loads(path.read_text()))))

    with pytest.raises(InstallError, match=message):
        find_ollama_model("tiny:1b")
    candidates = list(find_candidates())
    assert [c.name for c in candidates if c.problem is None] == ["whole:1b"]
    assert [message in c.problem for c in candidates if c.problem is not None] == [True]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{", b"[" * 100_000, b"0" * (5 << 20)])
def test_a_manifest_that_is_no_json_is_told(ollama, content):
    ollama.add("tiny:1b", b"GGUF")
    ollama.manifest("tiny:1b").write_bytes(content)

    with pytest.raises(InstallError, match="tiny"):
        find_ollama_model("tiny:1b")


def test_a_blob_that_is_a_folder_is_no_blob(ollama):
    blob = ollama.add("tiny:1b", b"GGUF")
    blob.unlink()
    blob.mkdir()

    with pytest.raises(InstallError, match=r"is missing.*ollama pull tiny:1b"):
        find_ollama_model("tiny:1b").require_whole()


def test_a_digest_is_checked_byte_by_byte(ollama):
    blob = ollama.add("tiny:1b", b"GGUF")
    model, told = find_ollama_model("tiny:1b"), []
    model.verify(told.append)
    assert told == [4]
    blob.write_bytes(b"GGUX")

    with pytest.raises(InstallError, match="is damaged: its sha256"):
        model.verify(told.append)


@pytest.mark.parametrize("name", ["a/b/c/d:e", "..:x", "a:..", "a/../b:c", "C\\d:e", ":", "a/:b"])
def test_what_is_no_name_of_ollama_leads_nowhere(ollama, name):
    with pytest.raises(InstallError):
        find_ollama_model(name)


@pytest.mark.parametrize(
    ("source", "precision", "target", "name"),
    [
        ("Tiny-Base", "int4", "cpu", "Tiny-Base-int4"),
        ("Tiny-Base", "int8", "cuda", "Tiny-Base-int8-cuda"),
        ("tiny:1b-q4_0", "keep", "cpu", "tiny-1b-q4_0"),
        ("a b/c\\d\x1b", "int4", "cpu", "a-b-c-d-int4"),
        ("..", "int4", "cpu", "model-int4"),
    ],
)
def test_a_name_follows_from_source_precision_and_target(source, precision, target, name):
    assert model_name(source, precision, target) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "a\\b", "a:b", "x.partial", "embedded", "CON", "~a", ".a", "a\x1b"],
)
def test_a_name_that_no_folder_can_have_is_refused(name):
    with pytest.raises(InstallError, match="cannot be a model's name"):
        check_name(name)


def test_a_path_names_the_model(tmp_path, monkeypatch):
    (tmp_path / "Tiny").mkdir()
    monkeypatch.chdir(tmp_path / "Tiny")

    assert name_of_path(tmp_path / "x-00001-of-00002.gguf") == "x"
    assert name_of_path(tmp_path / "Tiny" / ".") == "Tiny"
    assert name_of_path(tmp_path / "models--a--B-c" / "snapshots" / "5eed") == "B-c"
