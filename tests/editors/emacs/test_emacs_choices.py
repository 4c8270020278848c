"""Where Emacs leaves a choice: alternatives, a refused restart, lsp-mode's own display."""

import pytest

from tests.editors.emacs.emacs_driver import EglotDriver, LspModeDriver
from tests.editors.support.scenarios import answers_while_typing

pytestmark = pytest.mark.editors

FIRST, SECOND, THIRD = 'nt("hello")', "vate = 1", "or = 2"
COUNTED = "Completion {} of 3"


@pytest.fixture(params=[LspModeDriver, EglotDriver], ids=["lsp-mode", "eglot"])
def editor(request, project):
    answer = {"prefix_ends_with": "pri", "completion": FIRST, "alternatives": [SECOND, THIRD]}
    project.write_script([answer])
    editor = request.param(project, project.write("example.py", "\n"), project.scripted)
    yield editor
    editor.close()


def test_alternatives_are_asked_for_and_gone_through(editor, project):
    editor.type_text("pri")
    editor.see(FIRST)
    editor.next_alternative()
    editor.terminal.wait_for(COUNTED.format(1))
    editor.next_alternative()
    editor.see(SECOND)
    editor.terminal.wait_for(COUNTED.format(2))
    editor.previous_alternative()
    editor.previous_alternative()
    editor.see(THIRD)
    editor.accept()
    editor.save()

    project.wait_for_file("example.py", "prior = 2\n")
    project.wait_for_usage({"accepted": 1})


def test_typing_through_keeps_to_the_alternative(editor, project):
    editor.type_text("pri")
    editor.see(FIRST)
    editor.trigger()
    editor.terminal.wait_for(COUNTED.format(1))
    editor.next_alternative()
    editor.see(SECOND)
    editor.type_text("va")
    editor.see(SECOND.removeprefix("va"))
    editor.accept()
    editor.save()

    project.wait_for_file("example.py", "private = 1\n")
    project.wait_for_usage({"accepted": 1})


def test_ghost_text_goes_with_its_window(editor):
    editor.type_text("pri")
    editor.see(FIRST)
    editor.terminal.press("C-x", "2", "C-x", "o")
    editor.terminal.wait_for_no(FIRST)


def test_what_is_refused_is_counted(editor, project):
    editor.type_text("pri")
    editor.see(FIRST)
    editor.dismiss()
    editor.see_nothing()
    editor.type_text("cey = 3")
    editor.save()

    project.wait_for_file("example.py", "pricey = 3\n")
    project.wait_for_usage({"shown": 1, "accepted": 0, "partiallyAccepted": 0, "rejected": 1})


def test_a_server_that_died_is_restarted_by_command(project):
    project.write_script(list(answers_while_typing('print("hello")', 3)))
    editor = LspModeDriver(project, project.write("example.py", "\n"), project.scripted)
    try:
        editor.type_text("pr")
        project.kill_server()
        editor.see_server_end()
        editor.terminal.press("n")
        editor.terminal.wait_for("coder:stopped")
        editor.command("coder-lsp-restart")
        editor.wait_until_ready()
        editor.type_text("i")
        editor.see(FIRST)
        editor.accept()
        editor.save()
        project.wait_for_file("example.py", 'print("hello")\n')
    finally:
        editor.close()


def test_eglot_starts_a_server_again_by_itself(project):
    project.write_script([{"prefix_ends_with": "pri", "completion": FIRST}])
    editor = EglotDriver(project, project.write("example.py", "\n"), project.scripted)
    try:
        editor.evaluate("(setq eglot-autoreconnect t)")
        editor.restart_server()
        editor.terminal.wait_for("Reconnected!")
        editor.type_text("pr")
        editor.terminal.wait_for_no("Reconnected!")
        project.kill_server()
        editor.terminal.wait_for("Reconnected!")
        editor.type_text("i")
        editor.see(FIRST)
    finally:
        editor.close()


def test_one_server_is_enough_for_two_projects(project):
    project.write_script([{"prefix_ends_with": "pri", "completion": FIRST}])
    editor = LspModeDriver(project, project.write("example.py", "\n"), project.scripted)
    other = project.home / "other"
    (other / ".git").mkdir(parents=True)
    try:
        editor.terminal.press("C-x", "C-f", "C-a", "C-k")
        editor.type_text(str(other / "other.py"))
        editor.terminal.press("Enter")
        editor.terminal.wait_for("F1  other.py")
        editor.wait_until_ready()
        editor.type_text("pri")
        editor.see(FIRST)
        assert len(project.servers()) == 1
        editor.evaluate("(list 'lsp-mode-shows-it lsp-inline-completion-mode)")
        editor.terminal.wait_for("(lsp-mode-shows-it nil)")
    finally:
        editor.close()


def test_the_display_can_be_left_to_lsp_mode(project):
    project.write_script([{"prefix_ends_with": "pri", "completion": FIRST}])
    settings = {**project.scripted, "ghostText": False}
    editor = LspModeDriver(project, project.write("example.py", "\n"), settings)
    try:
        editor.type_text("pri")
        editor.terminal.wait_for('print("hello")', "Completion 1/1")
    finally:
        editor.close()
