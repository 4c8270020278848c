"""The user's folders, and the environment variables that move them."""

import re
from pathlib import Path

import pytest

from coder_lsp import paths
from coder_lsp.errors import ModelFolderError
from coder_lsp.models.installed_models import model_path

MOVED = [
    (paths.CACHE_VARIABLE, paths.sequences_path, "sequences"),
    (paths.CACHE_VARIABLE, paths.tensorrt_path, "tensorrt"),
    (paths.CACHE_VARIABLE, paths.verified_path, "verified"),
    (paths.DATA_VARIABLE, paths.models_path, "models"),
    (paths.DATA_VARIABLE, paths.default_model_path, "default-model.json"),
    (paths.DATA_VARIABLE, paths.downloads_path, "downloads"),
    (paths.STATE_VARIABLE, paths.usage_path, "usage.json"),
]


@pytest.mark.parametrize(("variable", "path", "name"), MOVED)
def test_an_environment_variable_moves_each_folder(monkeypatch, tmp_path, variable, path, name):
    monkeypatch.setenv(variable, str(tmp_path))

    assert path() == tmp_path / name


@pytest.mark.parametrize(("variable", "path", "name"), MOVED)
def test_the_home_folder_may_be_written_as_a_tilde(monkeypatch, tmp_path, variable, path, name):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv(variable, "~/folder")

    assert path() == tmp_path / "folder" / name


@pytest.mark.parametrize(("variable", "path", "name"), MOVED)
def test_an_empty_variable_moves_nothing(monkeypatch, variable, path, name):
    monkeypatch.delenv(variable, raising=False)
    usual = path()
    monkeypatch.setenv(variable, "")

    assert path() == usual
    assert usual.name == name


def test_the_home_folder_of_an_unknown_user_stays_as_it_is_written():
    written = "~nobody-of-that-name/models"

    assert paths.expanded(written) == Path(written)
    with pytest.raises(ModelFolderError, match="not an absolute path"):
        model_path(written)


def test_every_variable_that_a_module_names_is_one_of_these():
    modules = Path(paths.__file__).parent.rglob("*.py")
    source = "".join(path.read_text(encoding="utf-8") for path in modules)

    assert set(re.findall(r"CODER_LSP_\w+", source)) == {variable for variable, *_ in MOVED}
