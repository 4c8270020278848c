"""A model folder that is not as it should be is refused, and the message names what is wrong."""

import json
import shutil

import pytest

from coder_lsp.backends.local import LocalBackend
from coder_lsp.errors import ModelFolderError
from coder_lsp.models.installed_models import embedded_model_path
from coder_lsp.models.model_folder import MANIFEST_NAME, ModelFolder
from coder_lsp.settings import Settings


@pytest.fixture
def folder(tmp_path):
    """A copy of the embedded model that a test may damage."""
    return shutil.copytree(embedded_model_path(), tmp_path / "model")


def change_manifest(folder, change):
    path = folder / MANIFEST_NAME
    manifest = json.loads(path.read_text(encoding="utf-8"))
    change(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")


def check_refused(folder, *words):
    with pytest.raises(ModelFolderError) as caught:
        LocalBackend.load(Settings(model=str(folder)))
    for word in words:
        assert word in str(caught.value)


def test_the_embedded_model_is_whole():
    folder = ModelFolder.read(embedded_model_path())

    folder.verify_files()
    assert folder.size <= 25_000_000
    assert folder.manifest.fim.order == "psm"


def test_no_folder(tmp_path):
    check_refused(tmp_path / "nowhere", "nowhere", "default model")


def test_a_folder_without_a_manifest(tmp_path):
    check_refused(tmp_path, MANIFEST_NAME, "coder-lsp install")


@pytest.mark.parametrize("text", ["", "{", "\x00", "[]", "null", "7"])
def test_a_manifest_that_is_no_object(folder, text):
    (folder / MANIFEST_NAME).write_text(text, encoding="utf-8")

    check_refused(folder, MANIFEST_NAME)


def test_a_manifest_that_is_not_text(folder):
    (folder / MANIFEST_NAME).write_bytes(b"\xff\xfe\x00")

    check_refused(folder, MANIFEST_NAME)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_format_version(folder, version):
    change_manifest(folder, lambda m: m.update(format_version=version))

    check_refused(folder, repr(version), "format version")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda m: m.update(rope_scaling=2), "'rope_scaling'"),
        (lambda m: m["fim"].update(prefix_token=2), "'prefix_token'"),
        (lambda m: m.pop("fim"), "'fim'"),
        (lambda m: m["cache"].pop("width"), "'width'"),
        (lambda m: m["cache"].update(width="128"), "width"),
        (lambda m: m["cache"].update(width=True), "width"),
        (lambda m: m["cache"].update(dtype="int3"), "dtype"),
        (lambda m: m["cache"].update(kind="other"), "'latent' or 'gqa', found 'other'"),
        (lambda m: m["cache"].update(kind=["latent"]), "kind"),
        (lambda m: m["cache"].update(kind="gqa"), "'width'"),
        (lambda m: m.update(cache="latent"), "cache"),
        (lambda m: m.update(files=[]), "files"),
        (lambda m: m.update(precision="fp7"), "precision"),
        (lambda m: m.update(is_instruct="yes"), "expected true or false, found 'yes'"),
        (lambda m: m.update(graph="other.onnx"), "'other.onnx'"),
        (lambda m: m["cache"].update(num_layers=10**9), "num_layers"),
        (lambda m: m["cache"].update(width=0), "width"),
        (lambda m: m["architecture"].update(vocab_size=-1), "vocab_size"),
        (lambda m: m["architecture"].update(num_attention_heads=2**40), "num_attention_heads"),
        (lambda m: m["source"].update(num_parameters=-1), "num_parameters"),
        (lambda m: m.update(context_length=2**21), "context_length"),
        (lambda m: m.update(block_size=0), "block_size"),
        (lambda m: m.update(expert_block_size=-32), "expert_block_size"),
        (lambda m: m["fim"].update(fim_hole=-1), "fim_hole"),
        (lambda m: m["fim"].update(fim_hole=8192), "vocabulary of 8192"),
        (lambda m: m.update(num_generable_ids=8193), "vocabulary of 8192"),
        (lambda m: m.update(name="mini\x1b[2K"), "printable"),
        (lambda m: m["source"].update(license="MIT\n"), "printable"),
        (lambda m: m["files"]["model.onnx"].update(sha256="0"), "sha256"),
        (lambda m: m["files"]["model.onnx"].update(size=-1), "size"),
    ],
)
def test_a_field_that_is_not_understood_is_named(folder, change, word):
    change_manifest(folder, change)

    check_refused(folder, word, MANIFEST_NAME)


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../secret", "/secret", "a/b", "..\\secret", "C:secret", "a:stream"),
        *("\\\\host\\share", "NUL", "con.txt", "a\0", "a\n", "a?", "a ", "a.", "~/a"),
    ],
)
def test_a_name_that_is_not_that_of_a_file_in_the_folder(folder, name):
    change_manifest(folder, lambda m: m["files"].update({name: m["files"]["model.onnx"]}))

    check_refused(folder, repr(name), MANIFEST_NAME)


def test_a_manifest_says_whether_the_model_was_trained_to_chat(folder):
    assert not ModelFolder.read(folder).manifest.is_instruct

    change_manifest(folder, lambda m: m.update(is_instruct=True))

    assert ModelFolder.read(folder).manifest.is_instruct


def test_a_flipped_byte(folder):
    path = folder / "model.onnx.data"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    check_refused(folder, "model.onnx.data", "sha256")


def test_a_file_that_was_cut_off(folder):
    path = folder / "model.onnx.data"
    path.write_bytes(path.read_bytes()[:-1000])

    check_refused(folder, "model.onnx.data", "cut off")


@pytest.mark.parametrize("name", ["model.onnx", "model.onnx.data", "tokenizer.json"])
def test_a_file_that_is_missing(folder, name):
    (folder / name).unlink()

    check_refused(folder, name, "missing")
