import json
import shutil

import pytest

from coder_lsp.backends.local import embedded_model_path
from coder_lsp.cli.models import models_path


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home, wherever the platform keeps a user's data."""
    for name in ("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    if tmp_path not in models_path().parents:
        pytest.skip("platformdirs asks this system itself, not the environment")
    return models_path()


def test_the_embedded_model_is_listed(coder_lsp, home):
    result = coder_lsp("models")

    assert result.exit_code == 0
    assert "(embedded)" in result.stdout
    assert str(embedded_model_path()) in result.stdout
    assert str(home) in result.stdout


def test_json_lists_what_is_known_of_each(coder_lsp, home):
    shutil.copytree(embedded_model_path(), home / "copy")
    embedded, copy = json.loads(coder_lsp("models", "--json").stdout)

    assert (embedded["embedded"], copy["embedded"]) == (True, False)
    assert copy["path"] == str(home / "copy")
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
