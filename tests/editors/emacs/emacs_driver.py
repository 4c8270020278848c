"""Emacs in a terminal, with coder-lsp's package installed as the guide tells."""

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from rich.cells import set_cell_size

from tests.editors.emacs.settings_file import lisp, option_name
from tests.editors.install import programs
from tests.editors.support.project import Project
from tests.editors.support.terminal import Terminal

PACKAGE = Path(__file__).parents[3] / "editors" / "emacs"

_INIT = "(setq inhibit-startup-screen t make-backup-files nil create-lockfiles nil)"


class EmacsDriver:
    """Offers are ghost text. A class below for each client says what ``init`` has it started."""

    unsupported: ClassVar[Mapping[str, str]] = {}
    init: ClassVar[str]

    def __init__(self, project: Project, path: Path, settings: Mapping[str, Any]) -> None:
        install_package(project)
        write_init(project, self.init, settings)
        command = [str(programs.installed("emacs")), "-nw", str(path)]
        self.terminal = Terminal(command, project.folder, project.environment)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        self.terminal.wait_for_screen(_tells_ready, "the mode line to tell that coder-lsp is ready")

    def place_cursor(self, line: int, column: int) -> None:
        self.terminal.press("M-g", "M-g")
        self.terminal.type_text(str(line + 1))
        self.terminal.press("Enter")
        if column:  # at once: single steps would take an emoji of several characters for one
            self.terminal.press("C-u", *str(column), "C-f")

    def type_text(self, text: str) -> None:
        self.terminal.type_text(text)

    def see(self, rest: str) -> None:
        self.terminal.wait_for_screen(
            lambda _: self._behind_cursor().startswith(rest), f"{rest!r} behind the cursor"
        )

    def see_something(self) -> None:
        self.terminal.wait_for_screen(
            lambda _: self._behind_cursor() != "", "something behind the cursor"
        )

    def see_nothing(self) -> None:
        self.terminal.wait_for_screen(
            lambda _: self._behind_cursor() == "", "nothing behind the cursor"
        )

    def accept(self) -> None:
        self.terminal.press("Tab")

    def accept_word(self) -> None:
        self.terminal.press("C-Right")

    def accept_line(self) -> None:
        self.terminal.press("C-Down")

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

    def close(self) -> None:
        self.terminal.close()

    def command(self, name: str) -> None:
        """Run a command by its name."""
        self.terminal.press("M-x")
        self.terminal.type_text(name)
        self.terminal.press("Enter")

    def _behind_cursor(self) -> str:
        """Return what stands behind the cursor on its line of the screen."""
        _, column = self.terminal.cursor()
        line = self.terminal.cursor_line()
        return line[len(set_cell_size(line, column)) :]


class LspModeDriver(EmacsDriver):
    name: ClassVar[str] = "Emacs with lsp-mode"
    init: ClassVar[str] = """
(setq lsp-auto-guess-root t)
(add-hook 'prog-mode-hook #'lsp-deferred)
"""

    def see_server_end(self) -> None:
        self.terminal.wait_for("coder:stopped", "Do you want to")

    def restart_server(self) -> None:
        # lsp-mode starts it when Emacs becomes idle, which takes another key.
        self.terminal.press("y", "C-l")
        self.wait_until_ready()


class EglotDriver(EmacsDriver):
    name: ClassVar[str] = "Emacs with eglot"
    init: ClassVar[str] = """
(with-eval-after-load 'eglot
  (coder-lsp-eglot-serve '(python-mode python-ts-mode)))
(add-hook 'python-mode-hook #'eglot-ensure)
"""

    def see_server_end(self) -> None:
        self.terminal.wait_for("coder:stopped")

    def restart_server(self) -> None:
        self.command("coder-lsp-restart")
        self.wait_until_ready()


def install_package(project: Project) -> None:
    """Put the package into the home folder, as Emacs' package manager installs it."""
    shutil.copytree(_installed_packages() / "elpa", project.home / ".emacs.d" / "elpa")


def write_init(project: Project, init: str, settings: Mapping[str, Any]) -> None:
    """Write the init file: what the guide says, and the server's settings."""
    options = "".join(f"\n      {option_name(key)} {lisp(settings[key])}" for key in settings)
    path = project.home / ".emacs.d" / "init.el"
    path.write_text(f"{_INIT}\n(setq{options})\n{init}", encoding="utf-8")


@functools.cache
def _installed_packages() -> Path:
    """Install the package once for all tests, and return the ``.emacs.d`` it is in."""
    home = Path(tempfile.mkdtemp(prefix="coder-lsp-emacs-"))
    expression = (
        f'(progn (require \'package) (package-initialize) (package-install-file "{PACKAGE}"))'
    )
    command = [str(programs.installed("emacs")), "--batch", "--eval", expression]
    subprocess.run(command, env={"HOME": str(home)}, check=True, capture_output=True)
    return home / ".emacs.d"


def _tells_ready(screen: str) -> bool:
    return " coder " in screen or " coder)" in screen
