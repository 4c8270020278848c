"""VS Code with a second language server: pylsp, by a small extension of the tests."""

from contextlib import closing

import pytest

from tests.editors.support.scenarios import answers_while_typing
from tests.editors.support.waiting import wait_until
from tests.editors.vscode.vscode_driver import VSCodeDriver, installed_program, user_settings

pytestmark = pytest.mark.editors

LINE = "os.path.join(a)"


@pytest.fixture
def window(served_code, project):
    """A window on a file where ``os.pa`` is completed by both."""
    second = {"secondClient.command": [str(installed_program("pylsp"))]}
    served_code.configure({**user_settings(project, project.scripted), **second})
    project.write_script(list(answers_while_typing(LINE, 4)))
    path = project.write("example.py", "import os\n\n")
    with closing(VSCodeDriver.of_window(served_code, project, path, project.folder)) as window:
        window.wait_for_status("ready")
        window.open_file("example.py")
        window.wait_for_second_server()
        window.place_cursor(1, 0)
        # VS Code does not wait beside ghost text for pylsp's first answer, which takes seconds.
        window.type_text("os.")
        window.see_suggestion("path")
        window.dismiss()
        window.type_text("p")
        window.see("ath.join(a)")
        # Where ghost text takes longer than 750 ms VS Code has opened the list, and it stays open.
        if window.suggestions():
            window.dismiss()
        window.type_text("a")
        window.see("th.join(a)")
        yield window


def test_by_default_the_list_opens_beside_ghost_text_when_it_is_asked_for(window, project):
    window.type_text("t")
    window.see("h.join(a)")
    assert window.suggestions() == []
    window.page.keyboard.press("Control+Space")
    window.see_suggestion("path")
    window.dismiss()
    window.accept()
    window.save()
    project.wait_for_file("example.py", f"import os\n{LINE}\n")


def test_both_are_shown_when_the_user_says_so(window, served_code, project):
    window.press_in_notification("Show both")
    wait_until(
        lambda: served_code.settings().get("editor.quickSuggestions", {}).get("other") == "on",
        "the setting to be changed",
    )
    window.place_cursor(1, 0)
    window.page.keyboard.press("Shift+End")
    # A list that is open when ghost text comes stays open; none opens once it is there.
    window.type_text("os.")
    window.see_suggestion("path")
    window.type_text("pat")
    window.see_suggestion("path")
    # The list's selected entry is taken first, and what follows it was seen with it.
    window.see("h.join(a)")
    window.accept()
    window.see(".join(a)")
    window.accept()
    window.save()
    project.wait_for_file("example.py", f"import os\n{LINE}\n")


def test_what_is_off_does_not_hold_the_list_back(window):
    window.run_command("coder-lsp: Turn Completions On or Off")
    window.wait_for_status("off")
    window.type_text("t")
    window.see_suggestion("path")
    assert window.ghost_text() == ""
