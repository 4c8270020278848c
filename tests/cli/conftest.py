import json

import pytest
from click.testing import CliRunner

from coder_lsp.cli import main


@pytest.fixture
def coder_lsp():
    """Run the command line in this process: coder_lsp("models", "--json")."""
    return lambda *arguments: CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture
def script(tmp_path):
    """Write a script that always gives the same answer, and return its path."""

    def write(completion, **fields):
        path = tmp_path / "script.json"
        answer = {"completion": completion, **fields}
        path.write_text(json.dumps({"default": answer}), encoding="utf-8")
        return path

    return write
