import os
import shutil

import pytest

from coder_lsp.errors import ModelFolderError
from coder_lsp.models.model_folder import ModelFolder
from coder_lsp.models.verified_files import verify_changed_files


@pytest.fixture
def folder(tiny_folder, tmp_path):
    return ModelFolder.read(shutil.copytree(tiny_folder, tmp_path / "model"))


@pytest.fixture
def verify(folder, tmp_path, monkeypatch):
    """Verify the folder, and return the names of the files that were hashed."""
    hashed = []
    verify_file = ModelFolder.verify_file

    def noting(self, name):
        hashed.append(name)
        verify_file(self, name)

    monkeypatch.setattr(ModelFolder, "verify_file", noting)

    def run():
        hashed.clear()
        verify_changed_files(folder, tmp_path / "records")
        return set(hashed)

    return run


def spoil(path, *, is_noticed=True):
    """Change a byte; unnoticed, the times of the file are put back."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    times = (before.st_atime_ns, before.st_mtime_ns + (1_000_000 if is_noticed else 0))
    os.utime(path, ns=times)


def test_files_are_hashed_once(folder, verify):
    assert verify() == set(folder.manifest.files)
    assert verify() == set()


def test_a_file_that_changed_is_hashed_again(folder, verify):
    verify()
    spoil(folder.graph_path)

    with pytest.raises(ModelFolderError, match=r"model\.onnx is damaged"):
        verify()
    with pytest.raises(ModelFolderError, match=r"model\.onnx is damaged"):
        verify()


def test_what_was_never_right_is_not_remembered_as_right(folder, verify):
    spoil(folder.graph_path)
    with pytest.raises(ModelFolderError):
        verify()
    spoil(folder.graph_path, is_noticed=False)

    assert folder.manifest.graph in verify()


def test_a_file_of_another_size_or_none_is_told(folder, verify):
    verify()
    with folder.tokenizer_path.open("ab") as file:
        file.write(b" ")
    with pytest.raises(ModelFolderError, match="should have"):
        verify()
    folder.tokenizer_path.unlink()
    with pytest.raises(ModelFolderError, match="is missing"):
        verify()


@pytest.mark.parametrize("content", ["", "[]", "{", '{"model.onnx": 3}'])
def test_a_damaged_record_costs_hashing_and_no_more(content, folder, verify, tmp_path):
    verify()
    [record] = (tmp_path / "records").iterdir()
    record.write_text(content)

    assert verify() == set(folder.manifest.files)
    assert verify() == set()


def test_where_nothing_can_be_remembered_all_is_hashed(folder, verify, tmp_path):
    (tmp_path / "records").write_text("a file stands here")

    assert verify() == verify() == set(folder.manifest.files)


def test_two_models_are_remembered_apart(folder, tiny_folder, verify, tmp_path):
    verify()
    verify_changed_files(ModelFolder.read(tiny_folder), tmp_path / "records")

    assert verify() == set()
