"""The commands of Emacs' package and its mode line, with lsp-mode and with eglot."""

import pytest

from tests.editors.emacs.emacs_driver import EglotDriver, LspModeDriver
from tests.editors.support.scenarios import answers_while_typing

pytestmark = pytest.mark.editors

HELLO = 'print("hello")'


@pytest.fixture(params=[LspModeDriver, EglotDriver], ids=["lsp-mode", "eglot"])
def editor(request, project):
    project.write_script(list(answers_while_typing(HELLO, 3)))
    editor = request.param(project, project.write("example.py", "\n"), project.scripted)
    yield editor
    editor.close()


def test_switching_off_and_on(editor):
    editor.command("coder-lsp-toggle")
    editor.terminal.wait_for("coder:off", "coder-lsp is off")
    editor.type_text("pri")
    editor.trigger()
    editor.terminal.wait_for("nothing to offer")

    editor.command("coder-lsp-toggle")
    editor.terminal.wait_for("coder-lsp is on")
    editor.wait_until_ready()
    editor.trigger()
    editor.see('nt("hello")')


def test_snoozing(editor):
    editor.terminal.press("C-u", "5")
    editor.command("coder-lsp-snooze")
    editor.terminal.wait_for("coder:snoozed", "silent for 5 minutes")

    editor.terminal.press("C-u", "0")
    editor.command("coder-lsp-snooze")
    editor.terminal.wait_for("coder-lsp is awake")
    editor.wait_until_ready()


def test_stats_and_log_are_shown(editor, project):
    editor.type_text("pri")
    editor.see('nt("hello")')
    editor.accept()
    project.wait_for_usage({"accepted": 1})
    editor.command("coder-lsp-stats")
    editor.terminal.wait_for("*coder-lsp stats*", "accepted")
    editor.command("coder-lsp-show-log")
    editor.terminal.wait_for("stderr*")


def test_a_model_is_chosen_for_good(editor, project):
    editor.command("coder-lsp-choose-model")
    editor.terminal.wait_for("Model:")
    editor.terminal.type_text("mini")
    editor.terminal.press("Enter")
    editor.terminal.wait_for("Wrote")
    assert '\'(coder-lsp-model "embedded")' in (project.home / ".emacs.d" / "init.el").read_text(
        "utf-8"
    )


def test_restarting_a_server_that_lives(editor, project):
    (old,) = (process.pid for process in project.servers())
    editor.command("coder-lsp-restart")
    editor.terminal.wait_for_screen(
        lambda _: [process.pid for process in project.servers()] not in ([], [old]), "a new server"
    )
    editor.wait_until_ready()
    editor.type_text("pri")
    editor.see('nt("hello")')


def test_a_setting_that_is_changed_is_told_at_once(editor):
    editor.type_text("pri")
    editor.see('nt("hello")')
    editor.dismiss()
    editor.evaluate("(setopt coder-lsp-enabled nil)")
    editor.terminal.wait_for("coder:off")
