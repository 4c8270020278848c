"""coder-lsp in Emacs beside pylsp: both answer."""

import shutil

import pytest

from tests.editors.emacs.emacs_driver import EglotBesidePylspDriver, LspModeDriver, provide_emacs
from tests.editors.support import guide
from tests.editors.support.scenarios import answers_while_typing, check_guide

pytestmark = pytest.mark.editors

HELLO = 'print("hello")'


def test_with_lsp_mode_both_servers_answer(project):
    project.provide("pylsp")
    project.write_script(list(answers_while_typing(HELLO, 3)))
    editor = LspModeDriver(project, project.write("example.py", "\n"), project.scripted)
    try:
        editor.terminal.wait_for("pylsp:")
        editor.type_text("pri")
        editor.see('nt("hello")')
        editor.accept()
        editor.terminal.press("C-e", "C-n")
        editor.type_text("import os; os.pathse")
        complete_at_point(editor, "pathsep (Module)")
        editor.terminal.press("M-Down", "M-Enter")
        editor.terminal.wait_for("os.pathsep")
        editor.save()
        project.wait_for_file("example.py", 'print("hello")\nimport os; os.pathsep\n')
        project.wait_for_usage({"accepted": 1})
    finally:
        editor.close()


def test_with_eglot_both_servers_answer_through_the_multiplexer(project):
    for program in ("pylsp", "rass"):
        project.provide(program)
    project.write_script(list(answers_while_typing(HELLO, 3, "\nsecond = 2")))
    editor = EglotBesidePylspDriver(project, project.write("example.py", "\n"), project.scripted)
    try:
        editor.type_text("pri")
        editor.see('nt("hello")')
        editor.accept()
        editor.terminal.wait_for("second = 2")
        editor.terminal.press("Enter")
        editor.type_text("third = seco")
        complete_at_point(editor, "third = second")
        editor.save()
        project.wait_for_file("example.py", 'print("hello")\nsecond = 2\nthird = second\n')
        project.wait_for_usage({"accepted": 1})
    finally:
        editor.close()


def test_the_guide_leads_to_both_with_eglot(guided_project):
    provide_emacs(guided_project)
    shutil.rmtree(guided_project.home / ".emacs.d", ignore_errors=True)
    guide.follow("Emacs", guided_project.clone, guided_project.environment)
    num_shown = guided_project.usage()["shown"]
    check_guide(EglotBesidePylspDriver, EglotBesidePylspDriver.section_beside, guided_project)
    assert guided_project.usage()["shown"] > num_shown


def complete_at_point(editor, expected):
    """Ask until it comes: lsp-mode loses an answer that comes just when it gives up waiting."""
    for _ in range(5):
        editor.command("completion-at-point")
        try:
            editor.terminal.wait_for(expected, patience_seconds=12)
        except AssertionError:
            continue
        return
    editor.terminal.wait_for(expected)
