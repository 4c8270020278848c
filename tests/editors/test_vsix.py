"""What the packaged extension is made of; no editor is needed."""

from pathlib import Path

import pytest

from tests.editors.install import vsix

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "name",
    [
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "coder_lsp/models/mini/model.onnx.data",
        "coder_lsp/models/mini/tokenizer.json",
        "coder_lsp/py.typed",
        "coder_lsp/__init__.py",
        "editors/vscode/package.json",
    ],
)
def test_the_extension_is_packaged_again_if_a_file_of_the_wheel_changes(name):
    assert ROOT / name in set(vsix._sources())


def test_no_file_that_running_makes_is_a_source():
    assert not [path for path in vsix._sources() if "__pycache__" in path.parts]


def test_each_source_exists():
    assert all(path.is_file() for path in vsix._sources())
