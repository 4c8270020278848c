"""Emacs in a terminal, with coder-lsp installed and configured by the guide's own commands."""

import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from rich.cells import set_cell_size

from tests.editors.emacs.settings_file import lisp, option_name
from tests.editors.install import programs
from tests.editors.support import guide
from tests.editors.support.project import Project
from tests.editors.support.terminal import Terminal
from tests.editors.support.waiting import wait_until

# eglot starts a server again that has run for three seconds, which no test shall depend on.
_QUIET = """\
(setq inhibit-startup-screen t make-backup-files nil create-lockfiles nil eglot-autoreconnect nil)
"""
_NUM_KEYS = 10
_STILL_SECONDS = 0.1


class EmacsDriver:
    """Offers are ghost text. ``sections`` of the guide tell how to install and configure it."""

    unsupported: ClassVar[Mapping[str, str]] = {}
    sections: ClassVar[tuple[str, ...]]

    def __init__(self, project: Project, path: Path, settings: Mapping[str, Any] | None) -> None:
        if settings is not None:
            provide_emacs(project)
            write_init(project, settings)
            self.configure(project)
        command = ["emacs", "-nw", str(path)]
        self.terminal = Terminal(command, project.folder, project.environment)
        self.wait_until_ready()

    def configure(self, project: Project) -> None:
        """Do what the guide says."""
        for section in self.sections:
            guide.follow(section, guide.CLONE, project.environment)

    def wait_until_ready(self) -> None:
        """Wait until the mode line tells that the server is ready."""
        self.terminal.wait_for_screen(
            lambda screen: " coder " in screen or " coder)" in screen, "coder-lsp to be ready"
        )

    def place_cursor(self, line: int, column: int) -> None:
        self.terminal.press("M-g", "M-g")
        self.terminal.type_text(str(line + 1))
        self.terminal.press("Enter")
        if column:  # at once: single steps would take an emoji of several characters for one
            self.terminal.press("C-u", *str(column), "C-f")

    def type_text(self, text: str) -> None:
        self.terminal.type_text(text)

    def see(self, rest: str) -> None:
        self._wait_behind_cursor(lambda shown: shown.startswith(rest), repr(rest))

    def see_something(self) -> None:
        self._wait_behind_cursor(lambda shown: shown != "", "something")

    def see_nothing(self) -> None:
        self._wait_behind_cursor(lambda shown: shown == "", "nothing")

    def accept(self) -> None:
        self.terminal.press("Tab")

    def accept_word(self) -> None:
        self.terminal.press("C-Right")

    def accept_line(self) -> None:
        self.terminal.press("C-M-Right")

    def next_alternative(self) -> None:
        self.terminal.press("M-n")

    def previous_alternative(self) -> None:
        self.terminal.press("M-p")

    def dismiss(self) -> None:
        self.terminal.press("C-g")

    def trigger(self) -> None:
        self.command("coder-lsp-complete")

    def undo(self) -> None:
        self.terminal.press("C-x", "u")

    def save(self) -> None:
        self.terminal.press("C-x", "C-s")

    def see_server_end(self) -> None:
        self.terminal.wait_for("coder:stopped")

    def restart_server(self) -> None:
        self.command("coder-lsp-restart")
        self.wait_until_ready()

    def close(self) -> None:
        self.terminal.close()

    def command(self, name: str) -> None:
        """Run a command by its name."""
        self.terminal.press("M-x")
        self.terminal.type_text(name)
        self.terminal.press("Enter")

    def evaluate(self, expression: str) -> None:
        """Evaluate Emacs Lisp."""
        self.terminal.press("M-:")
        self.terminal.type_text(expression)
        self.terminal.press("Enter")

    def behind_cursor(self) -> str:
        """Return what stands behind the cursor on its line of the screen, once that is still."""
        before, now = None, self._view()
        while now != before:
            time.sleep(_STILL_SECONDS)
            before, now = now, self._view()
        (row, column), screen = now
        line = screen.split("\n")[row]
        return line[len(set_cell_size(line, column)) :]

    def _view(self) -> tuple[tuple[int, int], str]:
        return self.terminal.cursor(), self.terminal.screen()

    def _wait_behind_cursor(self, is_right: Callable[[str], bool], expected: str) -> None:
        wait_until(
            lambda: is_right(self.behind_cursor()),
            f"{expected} behind the cursor",
            self.terminal.screen,
        )


class LspModeDriver(EmacsDriver):
    name: ClassVar[str] = "Emacs with lsp-mode"
    client: ClassVar[str] = "lsp-mode"
    sections: ClassVar[tuple[str, ...]] = ("Emacs", "Emacs with lsp-mode")

    def see_server_end(self) -> None:
        self.terminal.wait_for("coder:stopped", "Do you want to")

    def restart_server(self) -> None:
        # lsp-mode starts it when Emacs becomes idle, which takes another key.
        self.terminal.press("y", "C-l")
        self.wait_until_ready()


class EglotDriver(EmacsDriver):
    name: ClassVar[str] = "Emacs with eglot"
    client: ClassVar[str] = "eglot"
    sections: ClassVar[tuple[str, ...]] = ("Emacs", "Emacs with eglot")


class EglotBesidePylspDriver(EglotDriver):
    """Offers are previews of completion at point. The tests provide pylsp and rass."""

    name: ClassVar[str] = "Emacs with eglot, beside pylsp"
    client: ClassVar[str] = "eglot-beside-pylsp"
    sections: ClassVar[tuple[str, ...]] = ("Emacs",)
    section_beside: ClassVar[str] = "Emacs with eglot, beside another server"

    def configure(self, project: Project) -> None:
        super().configure(project)
        *_, init = guide.commands_of(self.section_beside)
        command = ["sh", "-eux", "-c", init]
        subprocess.run(command, env=project.environment, capture_output=True, check=True)

    def see(self, rest: str) -> None:
        self._type_until(lambda shown: shown.startswith(rest))
        super().see(rest)

    def see_something(self) -> None:
        self._type_until(lambda shown: shown != "")
        super().see_something()

    def _type_until(self, is_right: Callable[[str], bool]) -> None:
        """Wait as a user does: Emacs asks at a key, and rass leaves out who is slow to start."""
        for _ in range(_NUM_KEYS):
            if self._has_come(is_right):
                return
            last = self.terminal.cursor_line()[self.terminal.cursor()[1] - 1]
            self.terminal.press("BSpace")
            self.type_text(last)

    def _has_come(self, is_right: Callable[[str], bool]) -> bool:
        try:
            wait_until(lambda: is_right(self.behind_cursor()), "a preview", patience_seconds=5)
        except AssertionError:
            return False
        return True


def provide_emacs(project: Project) -> None:
    """Put Emacs on the project's PATH; lsp-mode is known to it, Debian's in place of MELPA's."""
    folder = project.home / ".local" / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "emacs"
    if not link.exists():
        link.symlink_to(programs.installed("emacs"))


def write_init(project: Project, settings: Mapping[str, Any]) -> None:
    """Begin the init file with the server's settings."""
    options = "".join(f"\n      {option_name(key)} {lisp(settings[key])}" for key in settings)
    path = project.home / ".emacs.d" / "init.el"
    path.parent.mkdir()
    path.write_text(f"{_QUIET}(setq{options})\n", encoding="utf-8")
