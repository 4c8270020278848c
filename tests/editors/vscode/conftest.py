import functools

import pytest

from tests.editors.vscode.vscode_driver import VSCodeDriver


@pytest.fixture(scope="package")
def served_code(tmp_path_factory):
    """One code-server for all tests of this folder; it takes seconds to start."""
    # Only the tests in the real editors have what this imports.
    from tests.editors.vscode.served_code import serve_code  # noqa: PLC0415

    with serve_code(tmp_path_factory.mktemp("code")) as served:
        yield served


@pytest.fixture
def driver(served_code):
    """What opens a window: called with a project, a file and the server's settings."""
    return functools.partial(VSCodeDriver, served_code)
