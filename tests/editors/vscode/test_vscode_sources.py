"""The extension's own checks, which need Node.js and no editor."""

import pytest

from tests.editors.install import programs
from tests.editors.install.node import run_npm
from tests.editors.vscode.manifest import PATH

pytestmark = pytest.mark.editors


@pytest.mark.parametrize("script", ["lint", "test"])
def test_the_extension_passes_its_own(script):
    programs.installed("vsix")  # brings what the scripts are made of

    run_npm("run", script, folder=PATH.parent)
