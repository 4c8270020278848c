"""Helix in a terminal, with the configuration of ``editors/helix``."""

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from tests.editors.install import programs
from tests.editors.support.project import Project
from tests.editors.support.terminal import Terminal
from tests.editors.support.waiting import wait_until

GUIDE = Path(__file__).parents[3] / "editors" / "helix"

_OPENED = "coder-lsp -> .*textDocument/didOpen"
_ASKED = "coder-lsp -> .*textDocument/completion"
ANSWERED = r'coder-lsp <- .*"result": (\[|\{"isIncomplete")'
_PAUSE_SECONDS = 0.2
_READY = "coder-lsp <- .*The completion model is loaded"
# How Helix shows the kind of our entries, at the right of the popup.
_KIND = re.compile(r".* text[^\w\n]*$", re.MULTILINE)
_NO_GHOST_TEXT = "Helix 25.07 has no inline completion, and takes an entry of the popup as a whole"


class HelixDriver:
    """Offers are entries of the popup. ``log`` is Helix's own, with all that is sent."""

    name: ClassVar[str] = "Helix"
    unsupported: ClassVar[Mapping[str, str]] = {
        "accept_word": _NO_GHOST_TEXT,
        "accept_line": _NO_GHOST_TEXT,
        "next_alternative": _NO_GHOST_TEXT,
        "previous_alternative": _NO_GHOST_TEXT,
    }

    def __init__(self, project: Project, path: Path, settings: Mapping[str, Any] | None) -> None:
        self._path = path
        if settings is not None:
            write_configuration(project, settings)
        self.log = project.home / "helix.log"
        command = [programs.installed("helix"), "-vv", "--log", self.log, path]
        self.terminal = Terminal([str(p) for p in command], project.folder, project.environment)
        self.wait_for_log(_OPENED)
        self.wait_for_log(_READY)

    def place_cursor(self, line: int, column: int) -> None:
        self.run_command(f":{line + 1}")
        text = self._path.read_text(encoding="utf-8").split("\n")[line]
        if column == len(text):
            self.terminal.press("A")
        else:
            self.terminal.press("g", "h", *["l"] * column, "i")
        self.terminal.wait_for(" INS ")

    def type_text(self, text: str) -> None:
        """Type no faster than a quick typist, who leaves time for each answer.

        A key pressed in the milliseconds between an empty answer and its arrival is one for which
        Helix does not ask.
        """
        for character in text:
            num_asked = self._num_logged(_ASKED)
            self.terminal.type_text(character)
            deadline = time.monotonic() + _PAUSE_SECONDS
            while time.monotonic() < deadline and self._num_logged(_ASKED) == num_asked:
                time.sleep(_PAUSE_SECONDS / 10)
            self.wait_for_log(ANSWERED, self._num_logged(_ASKED))

    def see(self, rest: str) -> None:
        entry = re.compile(re.escape(rest) + _KIND.pattern, re.MULTILINE)
        self.terminal.wait_for_screen(entry.search, f"an entry with {rest!r}")

    def see_something(self) -> None:
        self.terminal.wait_for_screen(_KIND.search, "an entry")

    def see_nothing(self) -> None:
        self.terminal.wait_for_screen(lambda screen: not _KIND.search(screen), "no entry")

    def accept(self) -> None:
        self.terminal.press("Tab", "Enter")
        self.see_nothing()

    def accept_word(self) -> None:
        raise AssertionError(_NO_GHOST_TEXT)

    accept_line = next_alternative = previous_alternative = accept_word

    def dismiss(self) -> None:
        self.terminal.press("C-c")

    def trigger(self) -> None:
        self.terminal.press("C-Space")

    def undo(self) -> None:
        self._leave_insert_mode()
        self.terminal.press("u")

    def save(self) -> None:
        self.run_command(":w")

    def see_server_end(self) -> None:
        self.terminal.wait_for("Language server exited")

    def restart_server(self) -> None:
        opened, ready = self._num_logged(_OPENED) + 1, self._num_logged(_READY) + 1
        self.run_command(":lsp-restart coder-lsp")
        self.wait_for_log(_OPENED, opened)
        self.wait_for_log(_READY, ready)
        self.terminal.press("A")

    def close(self) -> None:
        self.terminal.close()

    def run_command(self, text: str) -> None:
        """Run a command of Helix, such as ``:w``."""
        self._leave_insert_mode()
        self.terminal.type_text(text)
        self.terminal.press("Enter")

    def _leave_insert_mode(self) -> None:
        """Press Escape, and wait: what follows at once would be taken as Alt and a key."""
        if " NOR " in self.terminal.screen():
            return
        self.terminal.press("Escape")
        self.terminal.wait_for(" NOR ")

    def wait_for_log(self, pattern: str, number: int = 1) -> None:
        """Wait until so many lines of Helix' log have a match."""
        wait_until(
            lambda: self._num_logged(pattern) >= number,
            f"{pattern!r} in Helix' log",
            self.terminal.screen,
        )

    def _num_logged(self, pattern: str) -> int:
        log = self.log.read_text(encoding="utf-8") if self.log.exists() else ""
        return len(re.findall(pattern, log))


def write_configuration(project: Project, settings: Mapping[str, Any]) -> None:
    """Write the guide's two files to the home folder, the server's settings at the end of one."""
    folder = project.home / ".config" / "helix"
    folder.mkdir(parents=True)
    # A JSON value of our settings is a TOML value too.
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    languages = (GUIDE / "languages.toml").read_text(encoding="utf-8")
    (folder / "languages.toml").write_text(languages + lines, encoding="utf-8")
    config = (GUIDE / "config.toml").read_text(encoding="utf-8")
    (folder / "config.toml").write_text(config, encoding="utf-8")
