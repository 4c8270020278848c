"""What the extension does beside completing: status, commands, settings, several folders."""

import json
from contextlib import closing

import pytest

from tests.editors.install.debian_program import write_launcher
from tests.editors.support.scenarios import answers_while_typing
from tests.editors.support.waiting import wait_until
from tests.editors.vscode.vscode_driver import VSCodeDriver, installed_program, user_settings

pytestmark = pytest.mark.editors

HELLO = 'print("hello")'
REST = 'nt("hello")'


@pytest.fixture
def window(driver, project):
    """A window on an empty file, in which ``pri`` is completed."""
    path = project.write("example.py", "\n")
    project.write_script(list(answers_while_typing(HELLO, 3)))
    with closing(driver(project, path, project.scripted)) as window:
        window.place_cursor(0, 0)
        yield window


def test_completions_are_turned_off_and_on_for_good(window, served_code):
    window.run_command("coder-lsp: Turn Completions On or Off")
    window.wait_for_status("off")
    assert served_code.settings()["coder-lsp.enabled"] is False
    window.type_text("pri")
    window.run_command("coder-lsp: Turn Completions On or Off")
    window.wait_for_status("ready")
    window.trigger()
    window.see(REST)


def test_completions_are_snoozed_and_woken(window):
    window.run_command("coder-lsp: Snooze Completions")
    window.choose("10 minutes")
    window.wait_for_status("snoozed")
    window.run_command("coder-lsp: End the Snooze")
    window.wait_for_status("ready")
    window.type_text("pri")
    window.see(REST)


def test_the_menu_of_the_status_bar_leads_everywhere(window):
    window.click_status()
    window.choose("Statistics")
    window.page.wait_for_selector('.monaco-dialog-box:has-text("0 completions shown, 0 accepted")')
    window.page.keyboard.press("Escape")
    window.click_status()
    window.choose("Show the log")
    window.page.wait_for_selector('.output-view-container, [id="workbench.panel.output"]')


def test_a_model_is_chosen_from_those_that_are_installed(window, served_code):
    served_code.configure({**served_code.settings(), "coder-lsp.model": "/elsewhere"})
    window.run_command("coder-lsp: Choose Model")
    window.page.wait_for_selector('.quick-input-list [aria-label*="mini"][aria-label*="embedded"]')
    window.choose("mini")
    wait_until(
        lambda: served_code.settings().get("coder-lsp.model", "") == "",
        "the embedded model to be chosen",
        lambda: json.dumps(served_code.settings()),
    )


def test_a_server_that_keeps_ending_is_restarted_by_hand(window, project):
    for attempt in (1, 2, 3, 4):
        project.kill_server()
        wait_until(lambda n=attempt: window.has_told(f"({n} of 4)"), f"restart {attempt}")
        window.wait_for_status("ready")
    project.kill_server()
    window.wait_for_status("not working", "ended 5 times")
    window.press_in_notification("Restart the server")
    window.wait_for_status("ready")
    window.place_cursor(0, 0)
    window.type_text("pri")
    window.see(REST)


def test_the_server_is_restarted_by_command(window, project):
    (before,) = project.servers()
    told = window.told()
    window.run_command("coder-lsp: Restart Server")
    wait_until(lambda: before not in project.servers(), "the server to end")
    window.wait_for_restart(told)
    window.type_text("pri")
    window.see(REST)
    assert len(project.servers()) == 1


def test_a_program_that_is_not_there_is_told_with_its_remedy(served_code, project):
    served_code.configure({"coder-lsp.path": "/nowhere/coder-lsp"})
    path = project.write("example.py", "\n")
    with closing(VSCodeDriver.of_window(served_code, project, path, project.folder)) as window:
        window.wait_for_status("not working", "/nowhere/coder-lsp", "Correct the setting")
        # As soon as the setting is right, the server is started.
        served_code.configure(user_settings(project, project.scripted))
        window.wait_for_status("ready")


def test_a_program_that_is_no_server_is_told_by_its_own_words(served_code, project):
    program = write_launcher(project.home / "bin" / "wrong", installed_program("ruff"), {})
    served_code.configure({"coder-lsp.path": str(program)})
    path = project.write("example.py", "\n")
    with closing(VSCodeDriver.of_window(served_code, project, path, project.folder)) as window:
        window.wait_for_status("not working", "could not be started", "--help")


def test_a_workspace_cannot_say_what_is_started(served_code, project):
    trap = project.home / "trapped"
    program = project.home / "trap"
    program.write_text(f"#!/bin/sh\ntouch {trap}\n", encoding="utf-8")
    program.chmod(0o755)
    (project.folder / ".vscode").mkdir()
    settings = {"coder-lsp.path": str(program), "coder-lsp.backend": "local"}
    project.write(".vscode/settings.json", json.dumps(settings))
    served_code.configure(user_settings(project, project.scripted))
    path = project.write("example.py", "\n")
    with closing(VSCodeDriver.of_window(served_code, project, path, project.folder)) as window:
        window.wait_for_status("ready", "scripted")
    assert not trap.exists()


def test_nothing_starts_in_an_untrusted_workspace(served_code, project):
    trust = {"enabled": True, "startupPrompt": "never", "banner": "never"}
    untrusting = {f"security.workspace.trust.{name}": value for name, value in trust.items()}
    served_code.configure({**user_settings(project, project.scripted), **untrusting})
    path = project.write("example.py", "\n")
    with closing(VSCodeDriver.of_window(served_code, project, path, project.folder)) as window:
        window.page.wait_for_selector('[id="status.workspaceTrust"]')
        window.open_file("example.py")
        # An extension that needs no trust has been started by now, ours has not.
        assert (window.status(), project.servers()) == ("", [])


def test_several_folders_have_one_server(served_code, project):
    project.write_script(list(answers_while_typing(HELLO, 3)))
    served_code.configure(user_settings(project, project.scripted))
    for name in ("first", "second"):
        (project.folder / name).mkdir()
        project.write(f"{name}/{name}.py", "\n")
    folders = {"folders": [{"path": "first"}, {"path": "second"}]}
    workspace = project.write("two.code-workspace", json.dumps(folders))
    path = project.folder / "first" / "first.py"
    with closing(VSCodeDriver.of_window(served_code, project, path, workspace)) as window:
        window.wait_for_folders("first", "second")
        for name in ("first.py", "second.py"):
            window.open_file(name)
            window.type_text("pri")
            window.see(REST)
            assert len(project.servers()) == 1


def test_two_windows_have_a_server_each(window, served_code, project):
    path = project.folder / "example.py"
    other = VSCodeDriver.of_window(served_code, project, path, project.folder)
    other.wait_for_status("ready")
    other.open_file("example.py")
    assert len(project.servers()) == 2
    for each in (window, other):
        each.type_text("pri")
        each.see(REST)
    served_code.close_window(other.page)
    wait_until(lambda: len(project.servers()) == 1, "one server to end with its window")
    window.type_text("n")
    window.see('t("hello")')


def test_another_extension_with_the_same_server_is_told(served_code, project):
    project.write_script(list(answers_while_typing(HELLO, 3)))
    settings = user_settings(project, project.scripted)
    serve = [settings["coder-lsp.path"], "serve", "--script", settings["coder-lsp.script"]]
    second = {"secondClient.command": serve}
    settings["coder-lsp.path"] = "/nowhere/coder-lsp"
    served_code.configure({**settings, **second})
    path = project.write("example.py", "\n")
    with closing(VSCodeDriver.of_window(served_code, project, path, project.folder)) as window:
        window.wait_for_status("not working")
        window.open_file("example.py")
        window.wait_for_second_server()
        window.place_cursor(0, 0)
        window.type_text("pri")
        window.see(REST)
        served_code.configure({**user_settings(project, project.scripted), **second})
        window.wait_for_status("not working", "Another extension runs coder-lsp")
