import functools
from pathlib import Path

import pytest

from tests.editors.install import programs
from tests.editors.install.vsix import package_extension
from tests.editors.vscode.vscode_driver import VSCodeDriver


@pytest.fixture(scope="package")
def browser():
    """One browser for all tests of this folder."""
    # Only the tests in the real editors have what this imports.
    from tests.editors.vscode.served_code import launch_browser  # noqa: PLC0415

    with launch_browser() as browser:
        yield browser


@pytest.fixture(scope="package")
def served_code(tmp_path_factory, browser):
    """One code-server for all tests of this folder, with our extension and the tests' own."""
    from tests.editors.vscode.served_code import serve_code  # noqa: PLC0415 (the same)

    folder = tmp_path_factory.mktemp("code")
    second = package_extension(Path(__file__).parent / "second_client", folder / "second.vsix")
    with serve_code(folder, browser, [programs.installed("vsix"), second]) as served:
        yield served


@pytest.fixture
def driver(served_code):
    """What opens a window: called with a project, a file and the server's settings."""
    return functools.partial(VSCodeDriver, served_code)
