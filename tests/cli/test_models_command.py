import json
import shutil
from pathlib import Path

import pytest

from coder_lsp.models.installed_models import (
    Origin,
    embedded_model_path,
    find_model,
    model_names,
    model_path,
)
from coder_lsp.paths import models_path


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The user's folder of models, empty."""
    monkeypatch.setenv("CODER_LSP_DATA_DIR", str(tmp_path))
    return models_path()


def test_the_embedded_model_is_listed(coder_lsp, home):
    result = coder_lsp("models")

    assert result.exit_code == 0
    assert "(embedded)" in result.stdout
    assert str(embedded_model_path()) in result.stdout
    assert str(home) in result.stdout


def test_json_lists_what_is_known_of_each(coder_lsp, home):
    shutil.copytree(embedded_model_path(), home / "copy")
    Origin("someone/a-model", "5eed").write(home / "copy")
    embedded, copy = json.loads(coder_lsp("models", "--json").stdout)

    assert (embedded["embedded"], copy["embedded"]) == (True, False)
    assert copy["path"] == str(home / "copy")
    assert (embedded["name"], copy["name"]) == ("mini", "copy")
    assert (copy["repository"], copy["commit"]) == ("someone/a-model", "5eed")
    assert (embedded["repository"], embedded["commit"]) == (None, None)
    assert copy["license"] == "MIT"
    assert copy["precision"] in {"int8", "int4"}
    assert copy["size_bytes"] > 1_000_000
    assert copy["error"] is None


def test_a_damaged_model_is_shown_with_its_error(coder_lsp, home):
    shutil.copytree(embedded_model_path(), home / "damaged")
    graph = home / "damaged" / "tokenizer.json"
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    (home / "stranger").mkdir()

    listed = {model["name"]: model for model in json.loads(coder_lsp("models", "--json").stdout)}
    text = coder_lsp("models").stdout

    assert "tokenizer.json is damaged" in listed["damaged"]["error"]
    assert "holds no coder_lsp.json" in listed["stranger"]["error"]
    assert "damaged: DAMAGED" in text
    assert "tokenizer.json is damaged" in text


def test_the_text_tells_where_a_model_was_fetched(coder_lsp, home):
    shutil.copytree(embedded_model_path(), home / "copy")
    Origin("someone/a-model", "5eed").write(home / "copy")

    assert "fetched    someone/a-model at 5eed" in coder_lsp("models").stdout


def test_the_setting_model_takes_an_installed_models_name(home, tmp_path, monkeypatch):
    shutil.copytree(embedded_model_path(), home / "copy")
    monkeypatch.chdir(tmp_path)

    assert model_path("copy") == home / "copy"
    assert model_path("./copy") == Path("copy")
    assert model_path(str(tmp_path / "copy")) == tmp_path / "copy"
    assert model_path("other") == Path("other")
    assert model_path("") == embedded_model_path()


@pytest.mark.parametrize("name", ["", ".", "..", "~", "a/b", "./copy", "/copy"])
def test_a_path_is_no_name(home, name):
    shutil.copytree(embedded_model_path(), home / "copy")

    assert find_model(name) is None


def test_folders_of_exports_under_way_are_no_models(home):
    (home / "copy.partial").mkdir(parents=True)
    (home / "copy").mkdir()
    (home / "file").touch()

    assert model_names() == ("copy",)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"repository": 1, "commit": "a"}', "{}"])
def test_a_damaged_note_of_the_origin_is_none(tmp_path, text):
    (tmp_path / "install.json").write_text(text)

    assert Origin.read(tmp_path) is None
