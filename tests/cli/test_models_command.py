import contextlib
import json
import os
import shutil

import pytest

from coder_lsp.errors import ModelFolderError
from coder_lsp.models.installed_models import (
    EMBEDDED,
    Origin,
    default_model,
    embedded_model_path,
    find_model,
    model_names,
    model_path,
)
from coder_lsp.models.model_folder import ModelFolder
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


def test_only_what_changed_is_hashed_unless_asked(coder_lsp, home, monkeypatch):
    shutil.copytree(embedded_model_path(), home / "copy")
    coder_lsp("models", "--json")
    hashed = []
    verify = ModelFolder.verify_file
    monkeypatch.setattr(
        ModelFolder, "verify_file", lambda self, name: (hashed.append(name), verify(self, name))
    )

    assert coder_lsp("models", "--json").exit_code == 0
    assert hashed == []
    assert coder_lsp("models", "--json", "--verify").exit_code == 0
    assert len(hashed) == 2 * len(ModelFolder.read(home / "copy").manifest.files)


def test_damage_that_leaves_size_and_time_is_found_by_verifying(coder_lsp, home):
    shutil.copytree(embedded_model_path(), home / "copy")
    coder_lsp("models")
    path = home / "copy" / "tokenizer.json"
    status, content = path.stat(), bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert "DAMAGED" not in coder_lsp("models").stdout
    assert "tokenizer.json is damaged" in coder_lsp("models", "--verify").stdout


def names_of_default(coder_lsp):
    listed = json.loads(coder_lsp("models", "--json").stdout)
    return [model["name"] for model in listed if model["is_default"]]


def test_the_default_is_the_embedded_model_until_another_is_chosen(coder_lsp, home):
    shutil.copytree(embedded_model_path(), home / "copy")
    assert names_of_default(coder_lsp) == ["mini"]

    chosen = coder_lsp("models", "--use", "copy")
    assert (chosen.exit_code, model_path("")) == (0, home / "copy")
    assert "loads its model the next time" in chosen.stdout
    assert names_of_default(coder_lsp) == ["copy"]
    assert "copy, the default" in coder_lsp("models").stdout
    assert model_path(EMBEDDED) == embedded_model_path()

    coder_lsp("models", "--use", EMBEDDED)
    assert model_path("") == embedded_model_path()


@pytest.mark.parametrize("name", ["other", "", "..", "../data", "copy.partial", "/etc"])
def test_what_is_not_installed_can_neither_be_used_nor_removed(coder_lsp, home, name):
    shutil.copytree(embedded_model_path(), home / "copy")
    for option in ("--use", "--remove"):
        result = coder_lsp("models", option, name)
        assert result.exit_code == 1
        assert "There are: embedded, copy." in result.stderr
    assert model_names() == ("copy",)


def test_a_removed_model_is_gone_and_the_default_no_more(coder_lsp, home):
    shutil.copytree(embedded_model_path(), home / "copy")
    coder_lsp("models", "--use", "copy")
    result = coder_lsp("models", "--remove", "copy")

    assert (result.exit_code, model_names(), default_model()) == (0, (), None)
    assert "The embedded model is the default now" in result.stdout
    assert model_path("") == embedded_model_path()


def test_removing_a_link_leaves_what_it_leads_to(coder_lsp, home, tmp_path):
    home.mkdir()
    elsewhere = shutil.copytree(embedded_model_path(), tmp_path / "elsewhere")
    (home / "linked").symlink_to(elsewhere, target_is_directory=True)

    assert coder_lsp("models", "--remove", "linked").exit_code == 0
    assert (model_names(), (elsewhere / "coder_lsp.json").is_file()) == ((), True)


@pytest.mark.parametrize(
    "text", ["", "[]", "3", '{"model": 3}', '{"model": "gone"}', '{"model": "../x"}', "[" * 9999]
)
def test_a_damaged_default_is_the_embedded_model(home, tmp_path, text):
    (tmp_path / "default-model.json").write_text(text)

    assert model_path("") == embedded_model_path()


def test_names_from_outside_cannot_repaint_the_terminal(coder_lsp, home):
    hostile = "x\x1b[2J\x1b[31m\u202e"
    folder = shutil.copytree(embedded_model_path(), home / "copy")
    manifest = json.loads((folder / "coder_lsp.json").read_text())
    (folder / "coder_lsp.json").write_text(json.dumps({**manifest, hostile: 1}))
    (home / hostile).mkdir()
    result = coder_lsp("models")

    assert result.exit_code == 0
    assert "\\x1b[2J" in result.stdout
    assert "\x1b" not in result.stdout
    assert "\u202e" not in result.stdout


def test_the_text_says_what_a_model_was_made_from(coder_lsp, home):
    shutil.copytree(embedded_model_path(), home / "copy")
    Origin("someone/a-model", "5eed").write(home / "copy")

    assert "made from  someone/a-model" in coder_lsp("models").stdout


def test_the_setting_model_takes_an_installed_models_name(home, tmp_path, monkeypatch):
    shutil.copytree(embedded_model_path(), home / "copy")
    monkeypatch.chdir(tmp_path)

    assert model_path("copy") == home / "copy"
    assert model_path(str(tmp_path / "copy")) == tmp_path / "copy"
    assert model_path("") == embedded_model_path()


@pytest.mark.parametrize("setting", ["other", "./other", "folder/other", "..", "embedded/", "~x"])
def test_a_folder_of_the_workspace_is_never_taken_for_a_model(home, tmp_path, monkeypatch, setting):
    """The server's working directory is the open folder, which anyone may have written."""
    workspace = tmp_path / "workspace" / "inner"
    for folder in (workspace / "other", workspace / "folder" / "other", workspace / "embedded"):
        shutil.copytree(embedded_model_path(), folder)
    monkeypatch.chdir(workspace)

    with pytest.raises(ModelFolderError):
        model_path(setting)


def test_a_path_typed_in_a_shell_is_meant_from_where_the_user_is(coder_lsp, home, tmp_path):
    shutil.copytree(embedded_model_path(), tmp_path / "own" / "folder")
    with contextlib.chdir(tmp_path / "own"):
        result = coder_lsp("doctor", "--model", "./folder", "--json")
        bare = coder_lsp("doctor", "--model", "folder", "--json")

    assert result.exit_code == 0, result.output
    assert "no installed model 'folder'" in bare.stdout


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
