"""From nothing to ghost text: the guide's commands, and the extension's own installer."""

from contextlib import closing

import pytest

from tests.editors.support import guide
from tests.editors.support.project import Project
from tests.editors.vscode.vscode_driver import VSCodeDriver, installed_program

pytestmark = pytest.mark.editors


@pytest.fixture
def limit_seconds():
    """It downloads and installs the server twice."""
    return 1800.0


@pytest.fixture
def new_user(tmp_path, browser):
    """A user who has VS Code, uv and Python, and nothing of ours."""
    from tests.editors.vscode.served_code import serve_code  # noqa: PLC0415 (see conftest.py)

    with serve_code(tmp_path / "code", browser, []) as served:
        local = served.home / ".local" / "bin"
        local.mkdir(parents=True)
        # VS Code asks the login shell for PATH, and Debian's shells are told of this folder so.
        profile = served.home / ".profile"
        profile.write_text('PATH="$HOME/.local/bin:$PATH"\n', encoding="utf-8")
        (local / "uv").symlink_to(installed_program("uv"))
        (local / "code").symlink_to(served.programs / "code")
        yield served


def test_the_guide_leads_from_nothing_to_ghost_text(new_user, tmp_path):
    from tests.editors.vscode.served_code import clean_environment  # noqa: PLC0415

    clone = guide.copy_clone(tmp_path / "clone")
    guide.follow("VS Code", clone, clean_environment(new_user.home))
    new_user.configure({})
    project = Project(tmp_path / "work")
    path = project.write("example.py", "\n")
    with closing(VSCodeDriver.of_window(new_user, project, path, project.folder)) as window:
        window.wait_for_status("not working", "Install it")
        window.press_in_notification("Install")
        window.choose("With pip")
        window.wait_for_status("ready", patience_seconds=600)
        window.open_file("example.py")
        window.place_cursor(0, 0)
        window.type_text("for i in ran")
        window.see_something()
        told = window.told()
        window.run_command("coder-lsp: Install or Update the Server")
        window.choose("With uv")
        window.wait_for_restart(told, patience_seconds=600)
        window.type_text("g")
        window.see_something()
