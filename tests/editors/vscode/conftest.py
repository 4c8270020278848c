import contextlib
import functools
import threading
from pathlib import Path

import psutil
import pytest

from tests.editors.install import programs
from tests.editors.install.vsix import package_extension
from tests.editors.vscode.vscode_driver import VSCodeDriver

_PLAYWRIGHTS = "--remote-debugging-pipe"  # the option with which Playwright starts every browser


@pytest.fixture
def limit_seconds():
    """How long a test may take: longer than all that it waits for in turn."""
    return 300.0


@pytest.fixture(autouse=True)
def limited(limit_seconds):
    """End the browser of a test that hangs: for a page that answers no more, Playwright waits."""
    timer = threading.Timer(limit_seconds, _end_browsers)
    timer.daemon = True
    timer.start()
    yield
    timer.cancel()


def _end_browsers():
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if _PLAYWRIGHTS in process.cmdline():
                process.kill()


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
