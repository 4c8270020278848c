"""Helix by its real keys: what the popup shows, and what lies on disk after it was taken."""

import re

import pytest

from tests.editors.helix.helix_driver import ANSWERED, HelixDriver
from tests.editors.support.capture import save_capture
from tests.editors.support.scenarios import (
    answers_while_typing,
    check_embedded_model,
    check_guide,
    check_scenario,
    scenarios_for,
)

pytestmark = pytest.mark.editors


@pytest.mark.parametrize("scenario", scenarios_for(HelixDriver))
def test_scenario(scenario, project):
    check_scenario(HelixDriver, scenario, project)


def test_the_embedded_model_completes(project):
    check_embedded_model(HelixDriver, project)


def test_the_guide_leads_from_nothing_to_a_completion(guided_project):
    check_guide(HelixDriver, "Helix", guided_project)


def test_entries_of_another_server_stand_in_the_same_popup(project):
    project.provide("pylsp")
    line = "os.path.join(first)"
    project.write_script(list(answers_while_typing(line, 3)))
    path = project.write("example.py", "import os\n\n")
    editor = HelixDriver(project, path, project.scripted)
    try:
        editor.wait_for_log("pylsp <- .*publishDiagnostics")
        editor.place_cursor(1, 0)
        editor.type_text(line[:6])
        editor.see("path.join(first)")
        editor.terminal.wait_for_screen(re.compile(r" pathsep +\w+").search, "pylsp's entries")
        editor.see("path.join(first)")
        editor.type_text("hs")
        editor.see_nothing()
        editor.accept()
        editor.save()
        project.wait_for_file("example.py", "import os\nos.pathsep\n")
    finally:
        editor.close()


def test_completions_are_turned_off_and_on_by_the_server_s_commands(project):
    project.write_script(list(answers_while_typing('print("hello")', 3)))
    path = project.write("example.py", "pri\n")
    editor = HelixDriver(project, path, project.scripted)
    try:
        editor.run_command(":lsp-workspace-command coder-lsp.toggle")
        editor.wait_for_log('"kind": "off"')
        editor.place_cursor(0, 3)
        editor.trigger()
        editor.wait_for_log(ANSWERED)
        editor.see_nothing()
        editor.run_command(":lsp-workspace-command coder-lsp.toggle")
        editor.run_command(":lsp-workspace-command coder-lsp.snooze 10")
        editor.wait_for_log('"snoozedSeconds": 600')
        editor.run_command(":lsp-workspace-command coder-lsp.snooze 0")
        editor.wait_for_log('"snoozedSeconds": 0')
        editor.place_cursor(0, 3)
        editor.trigger()
        editor.see('nt("hello")')
    finally:
        editor.close()


@pytest.mark.picture
def test_the_popup_is_pictured(project):
    code = 'def mean(numbers):\n    """Return the arithmetic mean."""\n    \n\nmean([1, 2, 3])\n'
    rest = "\n    return total / len(numbers)"
    project.write_script(list(answers_while_typing("    total = sum(numbers)", 6, rest)))
    editor = HelixDriver(project, project.write("mean.py", code), project.scripted)
    try:
        editor.terminal.resize(84, 16)
        editor.place_cursor(2, 4)
        editor.type_text("tot")
        editor.see("total = sum(numbers)")
        editor.terminal.press("Tab")
        editor.terminal.wait_for("coder-lsp", "return total")
        save_capture(editor.terminal, "helix", "Helix")
    finally:
        editor.close()
